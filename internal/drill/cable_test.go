package drill

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// layOne lays a cable, or checks that what is missing is named.
func layOne(t *testing.T) (*cable, bool) {
	t.Helper()
	if err := cablesPossible(); err != nil {
		if text := err.Error(); !strings.Contains(text, "root") && !strings.Contains(text, "ip") {
			t.Errorf("not possible: %v; want what it needs", err)
		}
		return nil, false
	}
	c, err := layCable()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.remove(); err != nil {
			t.Error(err)
		}
	})
	return c, true
}

func TestCutCableIsSilentInBothDirections(t *testing.T) {
	c, ok := layOne(t)
	if !ok {
		return
	}
	var ln net.Listener
	err := c.inside(func() (err error) { ln, err = net.Listen("tcp", net.JoinHostPort(c.there, "0")); return err })
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	if err := c.cut(); err != nil {
		t.Fatal(err)
	}
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		if _, err := way[0].Write([]byte("x")); err != nil {
			t.Errorf("write into a cut cable: %v, want silence", err)
		}
		way[1].SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if _, err := way[1].Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read from a cut cable: %v, want silence", err)
		}
	}
	if conn, err := net.DialTimeout("tcp", ln.Addr().String(), 300*time.Millisecond); err == nil {
		conn.Close()
		t.Error("connected through a cut cable")
	} else if timeout := net.Error(nil); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("connect: %v, want silence", err)
	}
	for range 2 { // mended twice
		if err := c.join(); err != nil {
			t.Fatal(err)
		}
	}
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		way[1].SetReadDeadline(time.Now().Add(time.Minute)) // TCP sends again
		if _, err := way[1].Read(make([]byte, 1)); err != nil {
			t.Errorf("after joining: %v", err)
		}
	}
}

func TestCableIsRemovedWithItsDevice(t *testing.T) {
	c, ok := layOne(t)
	if !ok {
		return
	}
	if _, err := net.InterfaceByName(c.device); err != nil {
		t.Fatal(err)
	}
	if err := c.remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := net.InterfaceByName(c.device); err == nil {
		t.Error("the device is still there")
	}
	c.space = nil
}
