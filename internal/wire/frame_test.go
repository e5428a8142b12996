package wire

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// appendFrame writes a frame, masked with a key of zeros or not masked.
func appendFrame(dst []byte, fin bool, op uint8, payload []byte, masked bool) []byte {
	first, mask := op, byte(0)
	if fin {
		first |= 0x80
	}
	if masked {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, first, mask|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, first, mask|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, mask|127), uint64(n))
	}
	if masked {
		dst = append(dst, 0, 0, 0, 0)
	}
	return append(dst, payload...)
}

func frames(masked bool, list ...any) (b []byte) {
	for i := 0; i < len(list); i += 3 {
		b = appendFrame(b, list[i].(bool), list[i+1].(uint8), make([]byte, list[i+2].(int)), masked)
	}
	return b
}

func TestFramesOfEveryPieceSize(t *testing.T) {
	for _, c := range []struct {
		name     string
		give     []byte
		messages uint32
		last     uint8
		boundary bool
		closed   bool
		broken   bool
	}{
		{name: "nothing", boundary: true},
		{name: "a text message", give: frames(true, true, OpText, 5), messages: 1, last: OpText, boundary: true},
		{name: "messages of every length form", give: frames(false, true, OpText, 0, true, OpBinary, 125, true, OpText, 126, true, OpText, 65535, true, OpText, 65536), messages: 5, last: OpText, boundary: true},
		{name: "a message in fragments with a ping between", give: frames(true, false, OpText, 5, true, OpPing, 3, false, OpContinuation, 0, true, OpContinuation, 5), messages: 1, last: OpContinuation, boundary: true},
		{name: "a message that is not complete", give: frames(true, false, OpText, 5), last: OpText, boundary: true},
		{name: "a payload that is not complete", give: frames(true, true, OpText, 5)[:10], messages: 1, last: OpText},
		{name: "a frame head that is not complete", give: frames(true, true, OpText, 70000)[:9]},
		{name: "one byte of a frame", give: []byte{0x81}},
		{name: "a Close with a code", give: frames(true, true, OpText, 1, true, OpClose, 2), messages: 1, last: OpClose, boundary: true, closed: true},
		{name: "a Close without a code", give: frames(false, true, OpClose, 0), last: OpClose, boundary: true, closed: true},
		{name: "a Close that is not complete", give: frames(true, true, OpClose, 2)[:7], last: OpClose},
		{name: "a frame after Close", give: frames(true, true, OpClose, 0, true, OpText, 1), last: OpText, closed: true, broken: true},
		{name: "a reserved opcode", give: frames(true, true, uint8(3), 1), last: 3, broken: true},
		{name: "a reserved control opcode", give: frames(true, true, uint8(11), 1), last: 11, broken: true},
		{name: "a ping that is too long", give: frames(true, true, OpPing, 126), last: OpPing, broken: true},
		{name: "a ping in fragments", give: frames(true, false, OpPing, 1), last: OpPing, broken: true},
		{name: "a continuation of nothing", give: frames(true, true, OpContinuation, 1), last: OpContinuation, broken: true},
		{name: "a message inside a message", give: frames(true, false, OpText, 1, true, OpText, 1), last: OpText, broken: true},
		{name: "a length in a form that is too wide", give: []byte{0x82, 126, 0, 125}, last: OpBinary, broken: true},
		{name: "a length in the widest form", give: []byte{0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, last: OpBinary, broken: true},
		{name: "a length of 2^63", give: []byte{0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, last: OpBinary, broken: true},
		{name: "a mask that comes and goes", give: append(frames(true, true, OpText, 1), frames(false, true, OpText, 1)...), messages: 1, last: OpText, broken: true},
		{name: "HTTP", give: []byte(get()), last: 7, broken: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, n := range []int{1, 2, 3, 7, 100, len(c.give) + 1} {
				var f Frames
				for left := c.give; len(left) > 0; {
					k := min(n, len(left))
					f.Feed(left[:k])
					left = left[k:]
				}
				if f.Broken() != c.broken || f.AtBoundary() != c.boundary || f.Closed != c.closed || f.Last != c.last {
					t.Fatalf("pieces of %d: got broken %v boundary %v closed %v last %d", n, f.Broken(), f.AtBoundary(), f.Closed, f.Last)
				}
				if !c.broken && f.Messages != c.messages {
					t.Fatalf("pieces of %d: got %d messages, want %d", n, f.Messages, c.messages)
				}
			}
		})
	}
}

func TestAppendCloseFrame(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		mask         bool
		length       int
	}{
		{"a server's", "going away", false, 2 + 10},
		{"a client's", "going away", true, 2 + 10},
		{"no reason", "", false, 2},
		{"a reason that is too long", strings.Repeat("a", 200), false, 125},
		{"a reason that is not cut inside a rune", strings.Repeat("é", 100), true, 2 + 122},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := [4]byte{1, 2, 3, 4}
			b := AppendCloseFrame(nil, 1012, c.reason, c.mask, key)
			var f Frames
			f.Feed(b)
			if !f.Closed || !f.AtBoundary() || int(b[1]&0x7f) != c.length {
				t.Fatalf("got closed %v boundary %v length %d: % x", f.Closed, f.AtBoundary(), b[1]&0x7f, b)
			}
			payload := b[2:]
			if c.mask {
				payload = payload[4:]
				for i := range payload {
					payload[i] ^= key[i%4]
				}
			}
			if code := binary.BigEndian.Uint16(payload); code != 1012 || !strings.HasPrefix(c.reason, string(payload[2:])) || !utf8.Valid(payload[2:]) {
				t.Errorf("got %d %q", code, payload[2:])
			}
		})
	}
}

// A conversation of a real client and a real server, followed in both directions.
func TestFramesFollowARealConversation(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c, err := websocket.Accept(w, req, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover})
		if err != nil {
			return
		}
		c.SetReadLimit(1 << 20)
		for {
			kind, b, err := c.Read(req.Context())
			if err != nil || c.Write(req.Context(), kind, b) != nil {
				return
			}
		}
	}))
	defer srv.Close()
	tap := &tapped{}
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, network, addr)
			tap.Conn = c
			return tap, err
		},
	}}
	c, _, err := websocket.Dial(t.Context(), srv.URL, &websocket.DialOptions{HTTPClient: client, CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(1 << 20)
	for _, n := range []int{0, 1, 125, 126, 5000, 70000} {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat("x", n))); err != nil {
			t.Fatal(err)
		}
		if _, b, err := c.Read(t.Context()); err != nil || len(b) != n {
			t.Fatalf("got %d bytes of %d: %v", len(b), n, err)
		}
	}
	if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Fatal(err)
	}
	tap.mu.Lock()
	defer tap.mu.Unlock()
	for name, b := range map[string][]byte{"sent": tap.sent, "received": tap.received} {
		_, after, found := strings.Cut(string(b), "\r\n\r\n")
		var f Frames
		f.Feed([]byte(after))
		if !found || f.Broken() || !f.AtBoundary() || !f.Closed || f.Messages != 6 {
			t.Errorf("%s: got broken %v boundary %v closed %v, %d messages", name, f.Broken(), f.AtBoundary(), f.Closed, f.Messages)
		}
	}
}

// tapped keeps what passes through a conn.
type tapped struct {
	net.Conn
	mu             sync.Mutex // guards the fields below
	sent, received []byte
}

func (t *tapped) Write(b []byte) (int, error) {
	t.mu.Lock() // before it can be answered: the next write may come from another goroutine
	defer t.mu.Unlock()
	n, err := t.Conn.Write(b)
	t.sent = append(t.sent, b[:n]...)
	return n, err
}

func (t *tapped) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.received = append(t.received, b[:n]...)
	return n, err
}
