package live

import (
	"strings"
	"testing"
	"time"

	"bascule/internal/backend"
)

// turn is the sampler's at a second.
func (w *fleetWorld) turn(second int64) { w.Board.Sample(time.Unix(second, 0)) }

// request counts one reply of a server, as the loops do.
func (w *fleetWorld) request(name string, status int) {
	w.t.Helper()
	be, srv, _ := strings.Cut(name, "/")
	s := w.bes[be].Server(srv)
	var spent backend.Spent
	spent.Set(backend.PhaseResponse, int64(3*time.Millisecond))
	for _, c := range []*backend.Counters{s.Counters, s.Backend().Counters} {
		c.Add(0, backend.Requests, 1)
		c.Add(0, backend.Reply1xx+backend.Counter(status/100-1), 1)
	}
	s.Latency.Add(0, &spent)
	s.Backend().Latency.Add(0, &spent)
}

func (w *fleetWorld) server(name string) []any {
	w.t.Helper()
	f := w.Board.fleet(nil)
	fr := w.Board.frame(f, nil)
	for i, srv := range f.servers {
		if srv.Backend().Name()+"/"+srv.Name == name {
			return fr.Servers[i]
		}
	}
	w.t.Fatalf("no server %s", name)
	return nil
}

func TestFiguresAreThoseOfTheLastSecond(t *testing.T) {
	w := newWorld(t, fleetConfig)
	w.request("app/s1", 200) // before anybody looked
	w.turn(1)
	if s := w.server("app/s1"); s[3] != int64(0) || s[5] != int64(-1) {
		t.Errorf("at first: %v", s)
	}
	for range 10 {
		w.request("app/s1", 200)
	}
	w.request("app/s1", 503)
	w.turn(2)
	if s := w.server("app/s1"); s[3] != int64(11) || s[4] != int64(1) || s[5].(int64) < 2500 || s[5].(int64) > 5000 || s[6].(int64) > 5000 {
		t.Errorf("then: %v", s)
	}
	for n := range int64(window) {
		w.turn(3 + n)
	}
	if s := w.server("app/s1"); s[3] != int64(0) || s[5] != int64(-1) {
		t.Errorf("after the window: %v", s)
	}
	w.bes["app"].Server("s1").Counters.Clear()
	w.turn(30)
	if s := w.server("app/s1"); s[3] != int64(0) || s[4] != int64(0) {
		t.Errorf("after clear counters: %v", s)
	}
}

func TestSharesOfTheKeys(t *testing.T) {
	w := newWorld(t, fleetConfig)
	if s := w.server("app/s2"); s[10] != int64(7500) {
		t.Errorf("s2 with three of four weights: %v", s[10])
	}
	if s := w.server("app/s3"); s[10] != int64(0) {
		t.Errorf("a backup: %v", s[10])
	}
	c1, c2 := w.server("cache/c1")[10].(int64), w.server("cache/c2")[10].(int64)
	if c1+c2 < 9999 || c1+c2 > 10001 || c1 < 3000 || c2 < 3000 {
		t.Errorf("shares of the ring: %d, %d", c1, c2)
	}
	if err := w.bes["cache"].Ask(backend.SetState{Srv: w.bes["cache"].Server("c1"), Order: backend.Maint}); err != nil {
		t.Fatal(err)
	}
	if s := w.server("cache/c2"); s[10] != int64(10000) {
		t.Errorf("the last one: %v", s[10])
	}
}

func TestWithoutALivePageNothingIsKept(t *testing.T) {
	w := newWorld(t, fleetConfig)
	w.turn(1)
	if len(w.Board.servers) == 0 {
		t.Fatal("nothing is kept with one")
	}
	w.reload(strings.Replace(fleetConfig, "stats uri /stats\n\tstats auth", "stats uri /stats\n\tstats live off\n\tstats auth", 1))
	w.turn(2)
	if n := len(w.Board.servers); n != 0 {
		t.Errorf("%d servers have a history", n)
	}
}

func TestWhoLeadsWhere(t *testing.T) {
	w := newWorld(t, fleetConfig)
	page := w.config().Proxies[1].Stats
	world := w.Board.world(w.Board.fleet(nil), page, "ops", false)
	if got := world.Frontends[0]; got.Name != "web" || len(got.To) != 2 || world.Backends[got.To[0]].Name != "cache" || len(got.Binds) != 0 {
		t.Errorf("web: %+v", got)
	}
	if got := world.Backends[1]; got.Balance != "uri, ring" || !got.Hash || got.Servers[0].Addr != "" {
		t.Errorf("cache: %+v", got)
	}
	if got := w.Board.world(w.Board.fleet(nil), page, "ops", true); got.Backends[1].Servers[0].Addr != "127.0.0.1:9011" {
		t.Errorf("who may act sees addresses: %+v", got.Backends[1].Servers[0])
	}
}
