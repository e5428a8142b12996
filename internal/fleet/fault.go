package fleet

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// Mode is how a server of the fleet treats requests, as the control socket says it.
type Mode string

// Modes. All but Lies treat the balancer's health checks like any other request.
const (
	// Well is the mode at the start.
	Well Mode = "well"
	// Refused closes the listening socket and idle connections; replies in progress are
	// finished, WebSockets go on.
	Refused Mode = "refused"
	// Reset reads a request whole, executes every second one, and resets the connection
	// instead of a reply.
	Reset Mode = "reset"
	// ResetMidway sends the head and half of the body, then resets the connection.
	ResetMidway Mode = "reset-midway"
	// Truncated sends the head with the right length and half of the body, then closes.
	Truncated Mode = "truncated"
	// Garbage answers with bytes that are no HTTP, and closes.
	Garbage Mode = "garbage"
	// Errors answers 500 and executes nothing.
	Errors Mode = "errors"
	// Slow waits for slowBy before it executes a request.
	Slow Mode = "slow"
	// Lies is Reset, but health checks are answered.
	Lies Mode = "lies"
)

// Modes are all words that the control socket takes.
var Modes = []Mode{Well, Refused, Reset, ResetMidway, Truncated, Garbage, Errors, Slow, Lies}

// slowBy is far above what any reply of the fleet takes and below every timeout.
const slowBy = time.Second

// maxSeized bounds the request body that is read before the connection is broken.
const maxSeized = 4 << 20

// garbage could pass for no version of HTTP, and has no line end for a parser to wait at.
var garbage = bytes.Repeat([]byte{0x16, 0x00, 0xff, '%', 0x01, 0x80}, 64)

// faulty lets a handler misbehave.
type faulty struct {
	next http.Handler
	mode atomic.Pointer[Mode] // nil: Well
	odd  atomic.Int64         // requests in Reset, of which every second is executed
}

func (f *faulty) now() Mode {
	if m := f.mode.Load(); m != nil {
		return *m
	}
	return Well
}

func parseMode(word string) (Mode, error) {
	if !slices.Contains(Modes, Mode(word)) {
		return "", fmt.Errorf("unknown mode %.20q: want one of %v", word, Modes)
	}
	return Mode(word), nil
}

// isHealth says whether the request is a health check of the example's configuration.
func isHealth(r *http.Request) bool { return r.URL.Path == "/health" || r.URL.Path == "/api/v1/health" }

// ServeHTTP answers one request as the mode says.
func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch mode := f.now(); mode {
	case Reset, Lies:
		if mode == Lies && isHealth(r) {
			f.next.ServeHTTP(w, r)
			return
		}
		f.reset(w, r)
	case ResetMidway, Truncated:
		f.half(w, r, mode == ResetMidway)
	case Garbage:
		if conn := seize(w, r); conn != nil {
			conn.Write(garbage)
			conn.Close()
		}
	case Errors:
		refuse(w, http.StatusInternalServerError, "out of order")
	case Slow:
		select {
		case <-time.After(slowBy):
			f.next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	default:
		f.next.ServeHTTP(w, r)
	}
}

// reset reads the request whole, so that the reset is no answer to unread bytes.
func (f *faulty) reset(w http.ResponseWriter, r *http.Request) {
	if f.odd.Add(1)%2 == 0 && r.Header.Get("Upgrade") == "" {
		f.next.ServeHTTP(&kept{header: http.Header{}}, r)
	}
	if conn := seize(w, r); conn != nil {
		resetConn(conn)
	}
}

// half executes the request and sends the head and half of the body. A reply without a
// body is sent without the end of its head. WebSockets are not touched.
func (f *faulty) half(w http.ResponseWriter, r *http.Request, reset bool) {
	if r.Header.Get("Upgrade") != "" {
		f.next.ServeHTTP(w, r)
		return
	}
	reply := &kept{header: w.Header().Clone(), status: http.StatusOK}
	f.next.ServeHTTP(reply, r)
	conn := seize(w, r)
	if conn == nil {
		return
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "HTTP/1.1 %d %s\r\n", reply.status, http.StatusText(reply.status))
	if reply.status != http.StatusNoContent {
		reply.header.Set("Content-Length", strconv.Itoa(reply.body.Len()))
	}
	reply.header.Write(&text)
	if body := reply.body.Bytes(); len(body) > 1 && r.Method != http.MethodHead {
		text.WriteString("\r\n")
		text.Write(body[:len(body)/2])
	}
	conn.Write(text.Bytes())
	if reset {
		resetConn(conn)
	} else {
		conn.Close()
	}
}

// seize reads what is left of the request, and takes the connection from the server; nil
// when it is gone.
func seize(w http.ResponseWriter, r *http.Request) net.Conn {
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxSeized)); err != nil {
		return nil // it is gone, or sends more than anybody should: then the server closes
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil
	}
	return conn
}

// resetConn closes with an RST, also when nothing is unread: SO_LINGER of 0.
func resetConn(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn() // no close_notify in front of it
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails on a connection that is gone
	}
	conn.Close()
}

// kept is a reply in memory.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) WriteHeader(status int)      { k.status = status }
func (k *kept) Write(b []byte) (int, error) { return k.body.Write(b) }
