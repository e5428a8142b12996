package h1_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"bascule/internal/config"
)

const (
	// heldMost is what ARCHITECTURE.md promises for one direction of a stream: one
	// read of 64 KiB that its reader does not take, and its framing.
	heldMost = 68 << 10
	slowOnes = 20
	// keptMost is what an upload holds besides as long as it can be sent again.
	keptMost = 256<<10 + 68<<10
)

// heldBy waits until nothing moves any more and no more than bound is held in memory,
// and gives the bytes held: the most that was seen, and the last. On a busy machine
// those who write may stand still for a while before they have written all.
func heldBy(t *testing.T, p *proxy, moved *atomic.Int64, bound int64) (most, now int64) {
	t.Helper()
	last, same := int64(-1), 0
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%d bytes held for %d connections, want at most %d when nothing moves", now, slowOnes, bound)
		}
	})
	until(t, "a standstill with as little in memory as is promised", func() bool {
		turn(p.loops[0])
		now = p.loops[0].Facts().Held
		most = max(most, now)
		if n := moved.Load(); n != last || n == 0 {
			last, same = n, 0
		}
		same++
		return same > 300 && now <= bound
	})
	return most, now
}

// pour writes without end, and counts.
func pour(w io.Writer, piece []byte, moved *atomic.Int64) {
	for {
		n, err := w.Write(piece)
		moved.Add(int64(n))
		if err != nil {
			return
		}
	}
}

func TestWhatASlowReaderLeavesInMemoryIsBounded(t *testing.T) {
	chunk := append(append([]byte("40000\r\n"), bytes.Repeat([]byte("x"), 0x40000)...), "\r\n"...)
	plain := bytes.Repeat([]byte("x"), 0x40000)
	tests := map[string]struct {
		ways           int // directions in which bytes may wait
		request, reply string
		up, down       []byte // what each side writes without end; nil: nothing
	}{
		"a client that reads nothing of chunks":   {1, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", nil, chunk},
		"a client that reads nothing of a length": {1, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", nil, plain},
		"a server that reads nothing of chunks":   {1, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "", chunk, nil},
		"a server that reads nothing of a length": {1, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", "", plain, nil},
		"both, of each other":                     {2, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk, chunk},
		"both ends of a tunnel":                   {2, upgrade, switching, plain, plain},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var moved atomic.Int64
			stop := make(chan struct{})
			p := start(t, &config.Proxy{Retries: 3, Timeouts: config.Timeouts{Connect: time.Minute, Client: time.Minute, Server: time.Minute}}, 1, serve(t, func(r *bufio.Reader, c net.Conn) {
				_, _ = head(r)
				_, _ = io.WriteString(c, tt.reply)
				if tt.down != nil {
					pour(c, tt.down, &moved) // until the test ends
				}
				<-stop
			}))
			defer close(stop)
			for range slowOnes {
				c, _ := dial(t, p.addr)
				_ = c.SetDeadline(time.Now().Add(time.Minute))
				_, _ = io.WriteString(c, tt.request)
				if tt.up != nil {
					go pour(c, tt.up, &moved) // until the test ends
				}
			}
			bound := int64(tt.ways * heldMost * slowOnes)
			most, now := heldBy(t, p, &moved, bound)
			t.Logf("%d MiB moved, %d KiB held for each, at most %d", moved.Load()>>20, now/slowOnes>>10, most/slowOnes>>10)
			if tt.up != nil {
				bound += keptMost * slowOnes
			}
			if most > bound {
				t.Errorf("%d bytes held at some time for %d connections, want at most %d", most, slowOnes, bound)
			}
		})
	}
}

func TestASlowWriterCostsNoMoreThanItsHead(t *testing.T) {
	p := start(t, &config.Proxy{Timeouts: config.Timeouts{Connect: time.Minute, Client: time.Minute, Server: time.Minute}}, 1, serve(t, func(r *bufio.Reader, c net.Conn) {
		_, _ = head(r)
		for range 200 {
			if _, err := io.WriteString(c, "1\r\nx\r\n"); err != nil {
				return
			}
		}
		_, _ = head(r)
	}))
	for range slowOnes {
		c, _ := dial(t, p.addr)
		_, _ = io.WriteString(c, "GET /half HTTP/1.1\r\nHost: a\r\nX-Slow: ")
		for range 100 {
			_, _ = io.WriteString(c, "x")
		}
	}
	until(t, "all at the loop", func() bool { return p.loops[0].Stats.Conns.Load() >= slowOnes })
	turn(p.loops[0])
	if held := p.loops[0].Facts().Held; held > slowOnes*4<<10 {
		t.Errorf("%d bytes held for %d clients in the middle of a small head", held, slowOnes)
	}
}
