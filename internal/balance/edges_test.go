package balance

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// edgeKeys is how many keys each unusual set of servers is asked.
const edgeKeys = 2000

func TestUnusualServersStandWhereHAProxyPutsThem(t *testing.T) {
	full := Effective(10)
	for _, test := range []struct {
		name    string
		servers []string
		entries []Entry
	}{
		{"ids of the file count instead of its order",
			[]string{"id 42 weight 10", "id 7 weight 10", "id 100000 weight 10"},
			[]Entry{{ID: 42, Weight: full}, {ID: 7, Weight: full}, {ID: 100000, Weight: full}}},
		{"servers without an id take the lowest free ones",
			[]string{"weight 10", "id 1 weight 10", "weight 10", "id 3 weight 10"},
			[]Entry{{ID: 2, Weight: full}, {ID: 1, Weight: full}, {ID: 4, Weight: full}, {ID: 3, Weight: full}}},
		{"points that collide keep the order of the file",
			[]string{"id 1 weight 10", "id 1048577 weight 10", "id 2 weight 1"},
			[]Entry{{ID: 1, Weight: full}, {ID: 1048577, Weight: full}, {ID: 2, Weight: Effective(1)}}},
		{"and so they do the other way round",
			[]string{"id 1048577 weight 10", "id 2 weight 1", "id 1 weight 20"},
			[]Entry{{ID: 1048577, Weight: full}, {ID: 2, Weight: Effective(1)}, {ID: 1, Weight: Effective(20)}}},
		{"a server out leaves the rest as they were",
			[]string{"weight 10", "weight 10 disabled", "weight 10", "weight 30"},
			[]Entry{{ID: 1, Weight: full}, {ID: 2}, {ID: 3, Weight: full}, {ID: 4, Weight: Effective(30)}}},
		{"one server left has everything",
			[]string{"weight 10 disabled", "weight 10"},
			[]Entry{{ID: 1}, {ID: 2, Weight: full}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := newOracle(t)
			random := rand.New(rand.NewPCG(3, 4))
			var questions []question
			for _, h := range typeCases[:2] {
				lookup := h.lookup(test.entries)
				questions = append(questions, question{
					section: o.section("", []string{"balance uri", "hash-type " + h.words}, test.servers),
					about:   h.words,
					targets: randomTargets(random, edgeKeys),
					want:    func(target string) int { return lookup(Hash(h.function, URI{}.Key([]byte(target)))) },
				})
			}
			o.start()
			for _, q := range questions {
				q.compare(t, o)
			}
		})
	}
}

func TestServersWithoutAnIDTakeTheLowestFree(t *testing.T) {
	for _, test := range []struct{ given, want []uint32 }{
		{nil, nil},
		{[]uint32{0, 0, 0}, []uint32{1, 2, 3}},
		{[]uint32{0, 1, 0, 3}, []uint32{2, 1, 4, 3}}, // seen in haproxy by the case above
		{[]uint32{9, 0, 2, 0, 0}, []uint32{9, 1, 2, 3, 4}},
	} {
		if got := IDs(test.given); !slices.Equal(got, test.want) {
			t.Errorf("%v: got %v, want %v", test.given, got, test.want)
		}
	}
}

func TestAWeightInSlowstartHasTheFirstPointsOfTheServer(t *testing.T) {
	o := newOracle(t)
	section := o.section("", []string{"balance uri", "hash-type consistent"},
		[]string{"weight 10", "weight 10 slowstart 10h disabled", "weight 7"})
	o.start()
	o.command("set server " + section + "/s1 state ready")
	ring := NewRing([]Entry{
		{ID: 1, Weight: Effective(10)},
		{ID: 2, Weight: Ramp(10, 0, 10*time.Hour)},
		{ID: 3, Weight: Effective(7)},
	})
	question{
		section: section,
		about:   "slowstart",
		targets: randomTargets(rand.New(rand.NewPCG(5, 6)), edgeKeys),
		want:    func(target string) int { return ring.Lookup(Avalanche(Hash(SDBM, URI{}.Key([]byte(target))))) },
	}.compare(t, o)
}

func TestAWeightSetAtRuntimeIsAsIfItStoodInTheFile(t *testing.T) {
	o := newOracle(t)
	section := o.section("", []string{"balance uri", "hash-type consistent"},
		[]string{"weight 10", "weight 10", "weight 10"})
	o.start()
	for _, weights := range [][]int{{10, 3, 10}, {25, 3, 10}, {25, 0, 10}, {1, 256, 1}} {
		for i, w := range weights {
			o.command(fmt.Sprintf("set server %s/s%d weight %d", section, i, w))
		}
		ring := NewRing(entriesOf(weights))
		question{
			section: section,
			about:   fmt.Sprintf("weights %v", weights),
			targets: randomTargets(rand.New(rand.NewPCG(7, 8)), edgeKeys/4),
			want:    func(target string) int { return ring.Lookup(Avalanche(Hash(SDBM, URI{}.Key([]byte(target))))) },
		}.compare(t, o)
	}
}

func TestTargetsInOtherFormsHaveHAProxysKey(t *testing.T) {
	targets := []string{
		"*", "/", "//", "///a//b", "/?", "/?/a/b/c", "/a?b?c", "/%2f/a",
		"http://a.test", "http://a.test/", "http://a.test/?q=1", "http://a.test:80/x",
		"http://a.test:8080/x/y/z", "https://a.test/x/y", "ftp://a.test/x/y", "ftp://a.test:/x/y",
		"http://a.test:", "https://a.test:443", "https://a.test:80/", "HTTP://A.test:80/x", "http://a.test:080/",
		"http://[::80]/x", "http://[::1]:80/x", "http:///x", "http://a.test:80:80/x",
	}
	o := newOracle(t)
	weights := []int{10, 10, 10, 10, 10}
	lookup := typeCases[0].lookup(entriesOf(weights))
	var questions []question
	for _, u := range uriCases {
		questions = append(questions, question{
			section: o.section("", []string{"balance uri " + u.words, "hash-type consistent"}, serverLines(weights)),
			about:   u.words,
			targets: targets,
			want:    func(target string) int { return lookup(Hash(SDBM, u.uri.Key([]byte(target)))) },
		})
	}
	o.start()
	for _, q := range questions {
		q.compare(t, o)
	}
}

func TestSourcesLandWhereHAProxyPutsThem(t *testing.T) {
	addresses := []string{"127.0.0.1", "0.0.0.1", "255.255.255.255", "::1", "::ffff:192.0.2.7", "2001:db8::1:2:3"}
	random := rand.New(rand.NewPCG(9, 10))
	for range 150 {
		addresses = append(addresses,
			fmt.Sprintf("%d.%d.%d.%d", 1+random.IntN(223), random.IntN(256), random.IntN(256), random.IntN(256)),
			fmt.Sprintf("2001:db8:%x:%x::%x", random.IntN(1<<16), random.IntN(1<<16), random.IntN(1<<16)))
	}
	o := newOracle(t)
	weights := []int{1, 2, 3, 4, 5}
	sections := make([]string, 2)
	for i, h := range typeCases[:2] {
		sections[i] = o.section("accept-proxy", []string{"balance source", "hash-type " + h.words}, serverLines(weights))
	}
	o.start()
	for i, h := range typeCases[:2] {
		lookup := h.lookup(entriesOf(weights))
		for _, address := range addresses {
			addr := netip.MustParseAddr(address)
			if got, want := askFrom(t, o.dial(sections[i]), addr), lookup(Source(addr)); got != want {
				t.Errorf("%s from %s: haproxy takes s%d, we take s%d", h.words, addr, got, want)
			}
		}
	}
}

// askFrom asks as the client addr, by the PROXY protocol.
func askFrom(t *testing.T, conn net.Conn, addr netip.Addr) int {
	t.Helper()
	defer conn.Close()
	family, to := "TCP6", "::1"
	if addr.Is4() {
		family, to = "TCP4", "127.0.0.1"
	}
	fmt.Fprintf(conn, "PROXY %s %s %s 1000 80\r\n", family, addr, to)
	got, err := exchange(conn, []string{"/"})
	if err != nil {
		t.Fatalf("%s: %v", addr, err)
	}
	return got[0]
}
