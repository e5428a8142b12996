package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A tunnelPlan is what the two ends of a tunnel do; the client sends it first.
type tunnelPlan struct {
	ID                     uint32
	Up, Down               uint32 // bytes behind the plan
	ClientCuts, ServerCuts uint32 // a reset after so many sent; neverCuts: none
	Turns                  bool   // the server talks when its client has ended
}

const (
	neverCuts  = 1 << 31
	stressMost = 3 << 20 // of one direction: enough for pipes
	planSize   = 21
)

// stressBytes are what is sent: from another place of them for each tunnel.
var stressBytes = func() []byte {
	p := make([]byte, stressMost+8192)
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(p); i += 8 {
		binary.LittleEndian.PutUint64(p[i:], r.Uint64())
	}
	return p
}()

func (p tunnelPlan) bytes(n uint32, down bool) []byte {
	at := p.ID * 13 % 4096
	if down {
		at += 4096
	}
	return stressBytes[at : at+n]
}

func (p tunnelPlan) cuts() bool { return p.ClientCuts != neverCuts || p.ServerCuts != neverCuts }

func randomPlan(r *rand.Rand, id uint32) tunnelPlan {
	size := func() uint32 {
		switch r.IntN(8) {
		case 0:
			return 0
		case 1:
			return uint32(r.IntN(stressMost))
		case 2, 3:
			return uint32(r.IntN(1 << 18))
		}
		return uint32(r.IntN(1 << 13))
	}
	p := tunnelPlan{ID: id, Up: size(), Down: size(), ClientCuts: neverCuts, ServerCuts: neverCuts, Turns: r.IntN(3) == 0}
	switch r.IntN(5) {
	case 0:
		p.ClientCuts = uint32(r.IntN(int(p.Up) + 1))
	case 1:
		p.ServerCuts = uint32(r.IntN(int(p.Down) + 1))
	}
	return p
}

// pour sends what is planned, in pieces, and ends the direction; or cuts it. An
// error is the peer's reset, which the kernel tells once: to who writes or to
// who reads.
func pour(c *net.TCPConn, p []byte, cut uint32) error {
	if int(cut) < len(p) {
		p = p[:cut]
	}
	for len(p) > 0 {
		n := min(len(p), 1+int(p[0])*300)
		if _, err := c.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	if cut != neverCuts {
		_ = c.SetLinger(0)
		return c.Close()
	}
	_ = c.CloseWrite() // of a connection that was reset: reading tells
	return nil
}

// hear reads to the end, and tells what is wrong with what came: bytes that are not
// those that were sent, or an end in the middle that does not show. talk sends
// meanwhile.
func hear(c *net.TCPConn, want []byte, cuts bool, talk func() error) error {
	told := make(chan error, 1)
	go func() { told <- talk() }() // ends with the connection, which has a deadline
	got, err := io.ReadAll(c)
	if reset := <-told; err == nil {
		err = reset
	}
	switch {
	case !bytes.HasPrefix(want, got):
		return fmt.Errorf("%d bytes, that are not those that were sent", len(got))
	case err == nil && len(got) > 0 && len(got) < len(want):
		return fmt.Errorf("%d bytes of %d, and the end", len(got), len(want))
	case !cuts && (err != nil || len(got) < len(want)):
		return fmt.Errorf("%d bytes of %d: %w", len(got), len(want), err)
	}
	return nil
}

// A stress counts what became of its tunnels.
type stress struct {
	t      *testing.T
	ends   sync.WaitGroup // of servers
	served atomic.Int32
}

func (s *stress) server() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = ln.Close() })
	go func() { // until the listener is closed
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.ends.Go(func() { s.serve(c.(*net.TCPConn)) }) // until its tunnel ends, which a deadline bounds
		}
	}()
	return ln.Addr().String()
}

func (s *stress) serve(c *net.TCPConn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	head := make([]byte, planSize)
	if _, err := io.ReadFull(c, head); err != nil {
		if err == io.ErrUnexpectedEOF {
			s.t.Errorf("a part of a plan, and the end")
		}
		return // its client was cut before it had said a word
	}
	var p tunnelPlan
	_, _ = binary.Decode(head, binary.LittleEndian, &p) // as many bytes as it needs
	s.served.Add(1)
	down := func() error { return pour(c, p.bytes(p.Down, true), p.ServerCuts) }
	first, last := down, func() error { return nil }
	if p.Turns {
		first, last = last, first
	}
	if err := hear(c, p.bytes(p.Up, false), p.cuts(), first); err != nil {
		s.t.Errorf("the server of %+v: %v", p, err)
	}
	_ = last() // a reset is the client's, that has got less
}

func (s *stress) client(addr string, p tunnelPlan) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		s.t.Error(err)
		return
	}
	c := conn.(*net.TCPConn)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	head, _ := binary.Append(nil, binary.LittleEndian, &p) // it has a fixed size
	if _, err := c.Write(head); err != nil {
		s.t.Errorf("%+v: %v", p, err)
		return
	}
	up := func() error { return pour(c, p.bytes(p.Up, false), p.ClientCuts) }
	if err := hear(c, p.bytes(p.Down, true), p.cuts(), up); err != nil {
		s.t.Errorf("the client of %+v: %v", p, err)
	}
}

// wave puts n tunnels through, some at a time.
func (s *stress) wave(addr string, n, atOnce int, seed uint64) {
	var clients sync.WaitGroup
	next := atomic.Int32{}
	for range atOnce {
		clients.Go(func() {
			for i := next.Add(1); i <= int32(n); i = next.Add(1) {
				s.client(addr, randomPlan(rand.New(rand.NewPCG(seed, uint64(i))), uint32(i)))
			}
		})
	}
	clients.Wait()
	s.ends.Wait()
}

// idlePipes are pipes that wait for the next large tunnel, and those in use.
func idlePipes(t *testing.T, socket string) (free, used int) {
	for _, line := range strings.Split(ask(t, socket, "show info\n"), "\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch n, _ := strconv.Atoi(value); name {
		case "PipesFree":
			free = n
		case "PipesUsed":
			used = n
		}
	}
	return free, used
}

// TestTunnelsAreRightOrVisiblyCut puts tunnels of all sizes through two loops, with
// half-closes, resets from either side, a queue and a server that refuses. What
// arrives is right, an end in the middle shows, and nothing is left.
func TestTunnelsAreRightOrVisiblyCut(t *testing.T) {
	s := &stress{t: t}
	addr := freeAddr(t)
	text := tcpText(addr, "  option redispatch\n  timeout queue 1m\n  timeout client 1m\n  timeout server 1m\n",
		s.server()+" maxconn 12", s.server()+" maxconn 12", freeAddr(t))
	before := descriptors(t)
	b := run(t, strings.Replace(text, "global\n", "global\n  nbthread 2\n", 1))
	settled := func() (open int) {
		eventually(t, "nothing is left", func() bool {
			for _, r := range rows(ask(t, b.socket, "show stat\n")) {
				if r["scur"] != "0" || r["qcur"] != "0" && r["qcur"] != "" {
					return false
				}
			}
			free, used := idlePipes(t, b.socket)
			open = descriptors(t) - 2*free
			return used == 0
		})
		return open
	}
	idle := settled()
	s.wave(addr, 150, 40, 1)
	s.wave(addr, 150, 40, 2)
	eventually(t, "no descriptor is left", func() bool { return settled() <= idle })
	if got := s.served.Load(); got < 200 {
		t.Errorf("%d tunnels reached a server: too few to tell", got)
	}
	b.Stop()
	eventually(t, "no descriptor is left behind the end", func() bool { return descriptors(t) <= before })
}
