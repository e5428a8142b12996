package logs

import (
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// forwardAgain is the pause before a server is connected to again.
	forwardAgain = time.Second
	// forwardBatch is how much is given to a server at once.
	forwardBatch = 64 << 10
	// lastWords is how long a server may take what is left at the process's end.
	lastWords = time.Second
)

// A forwarder brings the lines of a ring to one of its servers. What the server
// does not take in time waits in the ring, and is lost when others need the room.
type forwarder struct {
	server        RingServer
	connect, wait time.Duration
	store         *store
	hub           *Hub
	next          atomic.Uint64 // number of the line to send
	missed        uint64        // lines below are lost, and counted; the writer's own
	batch         []byte
	stop          context.CancelFunc
	done          chan struct{}
}

// forward starts a forwarder; its stop ends it, at the latest lastWords later.
func forward(ctx context.Context, h *Hub, st *store, sec *Section, server RingServer) *forwarder {
	f := &forwarder{server: server, connect: sec.Connect, wait: sec.Wait, store: st, hub: h, done: make(chan struct{})}
	if f.connect <= 0 {
		f.connect = defaultConnect
	}
	if f.wait <= 0 {
		f.wait = defaultWait
	}
	ctx, f.stop = context.WithCancel(ctx)
	go f.run(ctx) // until stop
	return f
}

func (f *forwarder) run(ctx context.Context) {
	defer close(f.done)
	woken := f.store.wake()
	defer f.store.forget(woken)
	pause := time.NewTimer(forwardAgain)
	defer pause.Stop()
	for ctx.Err() == nil {
		network := "tcp"
		if strings.HasPrefix(f.server.Addr, "/") {
			network = "unix"
		}
		d := net.Dialer{Timeout: f.connect}
		if conn, err := d.DialContext(ctx, network, f.server.Addr); err == nil {
			f.feed(ctx, conn, woken)
		}
		pause.Reset(forwardAgain)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
	}
}

// feed sends lines over conn until it breaks or the forwarder is stopped.
func (f *forwarder) feed(ctx context.Context, conn net.Conn, woken chan struct{}) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Now().Add(lastWords)) })()
	gone := make(chan struct{})
	go func() { // until conn is closed, by either side
		_, _ = io.Copy(io.Discard, conn)
		close(gone)
	}()
	for {
		lines, next := f.read()
		if lines == 0 {
			select {
			case <-woken:
				continue
			case <-gone:
				return
			case <-ctx.Done():
			}
			if lines, next = f.read(); lines == 0 {
				return
			}
		}
		select {
		case <-gone:
			return // what was read stays to be read again
		default:
		}
		if ctx.Err() == nil {
			_ = conn.SetWriteDeadline(time.Now().Add(f.wait))
		}
		f.next.Store(next)
		if _, err := conn.Write(f.batch); err != nil {
			f.hub.dropped.Add(uint64(lines)) // nobody knows how many of them came
			return
		}
	}
}

// read fills the batch and says how many lines are in it, and which comes next.
func (f *forwarder) read() (lines int, next uint64) {
	f.batch = f.batch[:0]
	next, _ = f.store.read(f.next.Load(), func(line []byte) bool {
		if f.server.OctetCount {
			line = line[:len(line)-1]
			f.batch = append(strconv.AppendInt(f.batch, int64(len(line)), 10), ' ')
		}
		f.batch = append(f.batch, line...)
		lines++
		return len(f.batch) < forwardBatch
	})
	return lines, next
}

// countLost counts the lines that went from the ring before the server took them.
func (f *forwarder) countLost(first uint64) {
	if from := max(f.missed, f.next.Load()); first > from {
		f.hub.dropped.Add(first - from)
		f.missed = first
	}
}
