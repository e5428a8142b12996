package loop

import (
	"bytes"
	"crypto/tls"
	"io"
	"reflect"
	"testing"
)

func TestARecordIsGivenAlone(t *testing.T) {
	stream := []byte("\x17\x03\x03\x00\x03abc" + "\x17\x03\x03\x00\x00" + "\x17\x03\x03\x00\x02de")
	for cut := 1; cut <= len(stream); cut++ { // the stream comes in two parts
		var r records
		var got []string
		for _, part := range [][]byte{stream[:cut], stream[cut:]} {
			for len(part) > 0 {
				n := r.rest(part)
				got = append(got, string(part[:n]))
				r.pass(part[:n])
				part = part[n:]
			}
		}
		if r.whole != 3 || r.left != 0 || r.head != 0 {
			t.Errorf("cut at %d: %d whole records, %+v", cut, r.whole, r)
		}
		for _, one := range got {
			if len(one) > 8 {
				t.Errorf("cut at %d: %q was given at once", cut, one)
			}
		}
	}
}

// Two clients upload at once, and what they say is read a little at a time, so that
// each finds the loop's buffer used by the other.
func TestUploadsLeaveASmallBufferInCryptoTLS(t *testing.T) {
	server, client := testTLS(t)
	client.DynamicRecordSizingDisabled = true // as OpenSSL's and browsers' clients: whole records from the first on
	l, hs := running(t), NewHandshakes(1)
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(i * 11 >> 4)
	}
	type upload struct {
		c     *Conn
		got   bytes.Buffer
		whole chan struct{}
	}
	var all [2]*upload
	for i := range all {
		u := &upload{whole: make(chan struct{})}
		all[i] = u
		read := func(c *Conn) {
			if !c.Secure() || u.got.Len() == len(data) { // before the handshake, and behind the bytes
				return
			}
			var p [700]byte
			n, err := c.side().fillPlain(p[:])
			u.got.Write(p[:n])
			switch {
			case u.got.Len() == len(data):
				close(u.whole)
			case err == nil && n == len(p):
				c.Again()
			}
		}
		c, raw, done := serveTLS(t, l, hs, server, &handler{ready: read})
		u.c = c
		peer := tls.Client(raw, client)
		if err := peer.Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(peer, bytes.NewReader(data)) }() // ends with the bytes, or with the test's deadline of the peer
	}
	for _, u := range all {
		<-u.whole
		var room int
		on(l, func() { room = reflect.ValueOf(u.c.TLS()).Elem().FieldByName("rawInput").FieldByName("buf").Cap() })
		if !bytes.Equal(u.got.Bytes(), data) {
			t.Error("the bytes are others than those that were sent")
		}
		if most := maxRecord + 4<<10; room > most {
			t.Errorf("crypto/tls keeps a buffer of %d bytes, want %d at most", room, most)
		}
	}
}
