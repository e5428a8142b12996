package main

import (
	"bytes"
	"testing"
)

func TestParseReply(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     reply
		whole    bool
	}{
		{"an upper-case length", "HTTP/1.1 200 OK\r\nServer: a\r\nContent-Length: 12\r\nA: b\r\n\r\nrest", reply{200, 56, 12}, true},
		{"a lower-case length as HAProxy writes it", "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n", reply{200, 38, 7}, true},
		{"no length after an upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", reply{101, 56, 0}, true},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n", reply{}, false},
		{"nothing", "", reply{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, whole := parseReply([]byte(tc.in))
			if got != tc.want || whole != tc.whole {
				t.Errorf("got %+v, %v, want %+v, %v", got, whole, tc.want, tc.whole)
			}
		})
	}
}

func TestAFrameComesBackAsItWasWritten(t *testing.T) {
	payload := []byte("sixty-four or less")
	mask := []byte{1, 2, 3, 4}
	for _, m := range [][]byte{nil, mask} {
		p := appendFrame(nil, payload, m)
		for n := range p {
			if _, whole := parseFrame(p[:n]); whole {
				t.Errorf("%d of %d bytes are taken for a whole frame", n, len(p))
			}
		}
		f, whole := parseFrame(append(p, 0xff))
		if !whole || f.head+f.payload != len(p) {
			t.Fatalf("got %+v, %v for a frame of %d bytes", f, whole, len(p))
		}
		got := bytes.Clone(p[f.head:])
		for i := range got {
			if m != nil {
				got[i] ^= f.mask[i&3]
			}
		}
		if !bytes.Equal(got, payload) {
			t.Errorf("got %q, want %q", got, payload)
		}
	}
}
