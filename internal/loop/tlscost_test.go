//go:build !race

package loop

import (
	"crypto/tls"
	"io"
	"testing"
)

// The race detector has the standard library allocate more.

// TestTLSAllocatesWhatCryptoTLSDoes: in the steady state a request and its reply
// cost the 32 bytes that crypto/tls takes at each end to read a record
// (Conn.readFromUntil), and nothing of ours.
func TestTLSAllocatesWhatCryptoTLSDoes(t *testing.T) {
	server, client := testTLS(t)
	l := running(t)
	_, raw, done := serveTLS(t, l, NewHandshakes(1), server, &handler{ready: echo})
	peer := tls.Client(raw, client)
	if err := peer.Handshake(); err != nil {
		t.Fatal(err)
	}
	<-done
	p := make([]byte, 400)
	turn := func() {
		if _, err := peer.Write(p); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(peer, p); err != nil {
			t.Fatal(err)
		}
	}
	turn()
	if n := testing.AllocsPerRun(500, turn); n > 2 {
		t.Errorf("%.1f allocations for an exchange of 400 bytes, want 2", n)
	}
}
