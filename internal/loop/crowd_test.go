package loop

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestNeighboursInIPv6AreOneSource(t *testing.T) {
	for from, want := range map[string]string{
		"192.0.2.1":               "192.0.2.1",
		"::ffff:192.0.2.1":        "192.0.2.1",
		"2001:db8:1:2:3:4:5:6":    "2001:db8:1:2::",
		"2001:db8:1:2::1":         "2001:db8:1:2::",
		"2001:db8:1:3::1":         "2001:db8:1:3::",
		"fe80::1%eth0":            "fe80::",
		"2001:db8:ffff:ffff:1::1": "2001:db8:ffff:ffff::",
	} {
		if got := sourceOf(netip.MustParseAddr(from)); got.String() != want {
			t.Errorf("%s counts as %s, want %s", from, got, want)
		}
	}
	if sourceOf(netip.Addr{}).IsValid() {
		t.Error("clients of a unix socket have an address")
	}
}

// A crowdTest has handshakes of which none gets a turn before its token is given.
type crowdTest struct {
	*testing.T
	l      *Loop
	hs     *Handshakes
	server *tls.Config
	hello  []byte

	mu    sync.Mutex // guards the field below
	begun []string   // names of those whose turn came
	ends  chan string
}

func newCrowdTest(t *testing.T) *crowdTest {
	server, client := testTLS(t)
	c := &crowdTest{T: t, l: running(t), hs: NewHandshakes(1), server: server, hello: clientHello(t, client), ends: make(chan string, 100)}
	c.hs.turns.take()
	return c
}

// come has a client come from an address and say something. Its end is told on ends.
func (c *crowdTest) come(name, from string, says []byte) (ours *Conn, peer net.Conn) {
	c.Helper()
	settings := c.server.Clone()
	settings.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.begun = append(c.begun, name)
		return nil, nil
	}
	ours, peer, done := serveTLSFrom(c.T, c.l, c.hs, from, settings, new(handler))
	if _, err := peer.Write(says); err != nil {
		c.Fatal(err)
	}
	go func() { // ends with the test at the latest, whose connections are closed
		if err := <-done; errors.Is(err, ErrHandshakeCrowded) {
			c.ends <- name
		}
	}()
	return ours, peer
}

// ready counts those who wait for their turn.
func (c *crowdTest) ready() (n int) {
	c.hs.turns.mu.Lock()
	defer c.hs.turns.mu.Unlock()
	for _, s := range c.hs.turns.sources {
		n += s.ready.Len()
	}
	return n
}

// in counts those in a stage.
func (c *crowdTest) in(stage int) int {
	c.hs.turns.mu.Lock()
	defer c.hs.turns.mu.Unlock()
	return c.hs.turns.crowds[stage].n
}

func (c *crowdTest) order() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.begun, " ")
}

func TestHandshakesTakeTurnsBySource(t *testing.T) {
	c := newCrowdTest(t)
	for i, come := range []struct{ name, from string }{
		{"a1", "192.0.2.1"}, {"a2", "192.0.2.1"}, {"a3", "::ffff:192.0.2.1"}, {"b1", "192.0.2.2"}, {"c1", "2001:db8::1"}, {"c2", "2001:db8::2"}, {"u1", ""},
	} {
		c.come(come.name, come.from, c.hello)
		within(t, come.name+" waits", func() bool { return c.ready() == i+1 })
	}
	c.hs.turns.give()
	want := "a1 b1 c1 u1 a2 c2 a3"
	within(t, "all have begun", func() bool { return len(c.order()) == len(want) })
	if got := c.order(); got != want {
		t.Errorf("turns %q, want %q", got, want)
	}
	if n := c.in(waiting); n != 0 {
		t.Errorf("%d still wait", n)
	}
}

func TestTheSourceWithMostGivesItsOldest(t *testing.T) {
	for name, test := range map[string]struct {
		stage int
		says  func(c *crowdTest) []byte
	}{
		"silent ones":                   {waiting, func(*crowdTest) []byte { return nil }},
		"with half a ClientHello":       {waiting, func(c *crowdTest) []byte { return c.hello[:len(c.hello)/2] }},
		"those who wait for their turn": {waiting, func(c *crowdTest) []byte { return c.hello }},
		"those who have begun":          {begun, func(c *crowdTest) []byte { return c.hello }},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowdTest(t)
			c.hs.turns.crowds[test.stage].most = 3
			if test.stage == begun {
				c.hs.turns.give()
			}
			says := test.says(c)
			var conns []*Conn
			n := 0
			for _, come := range []struct{ name, from, ends string }{
				{"a1", "192.0.2.1", ""}, {"a2", "192.0.2.1", ""}, {"b1", "192.0.2.2", ""},
				{"c1", "192.0.2.3", "a1"}, // a has two
				{"c2", "192.0.2.3", "c1"}, // who has most is its own
				{"d1", "192.0.2.4", "a2"}, // as many as others: the oldest of all
			} {
				ours, _ := c.come(come.name, come.from, says)
				conns = append(conns, ours)
				if n++; come.ends != "" {
					if got := <-c.ends; got != come.ends {
						t.Errorf("with %s, %s was ended, want %s", come.name, got, come.ends)
					}
					n--
				}
				within(t, come.name+" has its place", func() bool {
					return c.in(test.stage) == n && (test.stage == begun || len(says) < len(c.hello) || c.ready() == n)
				})
			}
			on(c.l, func() {
				for _, ours := range conns {
					ours.Close()
				}
			})
			within(t, "all is forgotten", func() bool {
				c.hs.turns.mu.Lock()
				defer c.hs.turns.mu.Unlock()
				return len(c.hs.turns.sources) == 0 && c.hs.turns.next.Len() == 0
			})
		})
	}
}

func TestAClientThatLeavesBeforeItsTurnCostsNoSignature(t *testing.T) {
	c := newCrowdTest(t)
	_, peer := c.come("a1", "192.0.2.1", c.hello)
	within(t, "it waits", func() bool { return c.ready() == 1 })
	_ = peer.Close()
	within(t, "it is noticed", func() bool { return c.in(waiting) == 0 })
	c.hs.turns.give()
	if got := c.order(); got != "" {
		t.Errorf("%q has begun", got)
	}
}

func TestWhatComesBehindAHelloIsReadWhenTheTurnHasCome(t *testing.T) {
	c := newCrowdTest(t)
	_, peer := c.come("a1", "192.0.2.1", c.hello)
	within(t, "it waits", func() bool { return c.ready() == 1 })
	if _, err := peer.Write(slices.Repeat([]byte{0}, 1000)); err != nil { // is no TLS
		t.Fatal(err)
	}
	c.hs.turns.give()
	within(t, "the goroutine ends", func() bool { return c.hs.Open() == 0 && c.in(begun) == 0 })
}

func TestFewConnectionsLeaveRoomForOthersThanHandshakes(t *testing.T) {
	for conns, want := range map[int][stages]int{0: {64, 64}, 100: {64, 64}, 1000: {500, 250}, 1 << 20: {maxWaiting, maxBegun}} {
		hs := NewHandshakes(1)
		hs.Among(conns)
		if got := [stages]int{hs.turns.crowds[waiting].most, hs.turns.crowds[begun].most}; got != want {
			t.Errorf("of %d connections %v may be in handshakes, want %v", conns, got, want)
		}
	}
}
