package backend

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/config"
)

func trackProxy(name string, servers ...*config.Server) *config.Proxy {
	return &config.Proxy{Name: name, Backend: true, Servers: servers}
}

func trackServer(name string, edit func(*config.Server)) *config.Server {
	c := &config.Server{Name: name, Weight: 1, Rise: 2, Fall: 3, Inter: time.Second,
		Addr: config.Address{IP: netip.MustParseAddr("127.0.0.1"), Port: 80}}
	edit(c)
	return c
}

// tracking is web/s1, which is checked, and ws/t, which follows it.
func tracking(t *testing.T) (web, ws *Backend, s, follower *Server) {
	ctx, cancel := context.WithCancel(context.Background())
	checked := trackServer("s1", func(c *config.Server) { c.Check = true })
	web = New(trackProxy("web", checked), Env{Loops: 1})
	ws = New(trackProxy("ws", trackServer("t", func(c *config.Server) { c.Track, c.TrackProxy = checked, "web" })), Env{Loops: 1})
	var owners sync.WaitGroup
	owners.Go(func() { web.Run(ctx) }) // both end with the test
	owners.Go(func() { ws.Run(ctx) })
	t.Cleanup(func() { cancel(); owners.Wait() })
	Link([]*Backend{web, ws})
	synctest.Wait()
	return web, ws, web.Server("s1"), ws.Server("t")
}

func failed(t *testing.T, b *Backend, s *Server, times int) {
	for range times {
		if err := b.Ask(CheckResult{Srv: s, Result: Result{Status: CheckL4CON}}); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
}

func TestAServerFollowsAnotherBackends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web, ws, s, follower := tracking(t)
		failed(t, web, s, 1)
		if got := follower.Status(); got != "DOWN" || ws.Status().Up {
			t.Errorf("%s, its backend up: %v", got, ws.Status().Up)
		}
		for order, want := range map[Order]string{Maint: "MAINT (via web/s1)", Drain: "DRAIN 1/3", Ready: "UP 1/3"} {
			if err := web.Ask(SetState{Srv: s, Order: Ready}); err != nil {
				t.Fatal(err)
			}
			web.Ask(CheckResult{Srv: s, Result: Result{Status: CheckL4OK}})
			web.Ask(CheckResult{Srv: s, Result: Result{Status: CheckL4OK}})
			web.Ask(CheckResult{Srv: s, Result: Result{Status: CheckL4CON}})
			web.Ask(CheckResult{Srv: s, Result: Result{Status: CheckL4CON}})
			web.Ask(SetState{Srv: s, Order: order})
			synctest.Wait()
			if got := follower.Status(); got != want {
				t.Errorf("after order %d: %s, want %s", order, got, want)
			}
		}
	})
}

func TestAReloadThatEndsTrackBringsTheServerUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web, ws, s, follower := tracking(t)
		failed(t, web, s, 1)
		web.Ask(SetState{Srv: s, Order: Maint})
		synctest.Wait()
		ws.Ask(Apply{Cfg: trackProxy("ws", trackServer("t", func(*config.Server) {}))})
		Link([]*Backend{web, ws})
		synctest.Wait()
		if got := follower.Status(); got != "no check" || follower.Tracked() != nil {
			t.Errorf("%s, follows %v", got, follower.Tracked())
		}
	})
}

func TestAReloadThatBeginsTrackTakesTheStateOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web, ws, s, follower := tracking(t)
		ws.Ask(Apply{Cfg: trackProxy("ws", trackServer("t", func(*config.Server) {}))})
		Link([]*Backend{web, ws})
		failed(t, web, s, 1)
		if got := follower.Status(); got != "no check" {
			t.Errorf("it follows no longer, and is %s", got)
		}
		ws.Ask(Apply{Cfg: trackProxy("ws", trackServer("t", func(c *config.Server) { c.Track, c.TrackProxy = s.Config(), "web" }))})
		Link([]*Backend{web, ws})
		synctest.Wait()
		if got := follower.Status(); got != "DOWN" {
			t.Errorf("got %s", got)
		}
	})
}

func TestAnAgentsMaxconnLastsUntilTheFileChangesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		line := func(maxconn int) *config.Proxy {
			return trackProxy("web", trackServer("s1", func(c *config.Server) { c.MaxConn = maxconn; c.Agent = config.Agent{Check: true, Port: 1} }))
		}
		b := New(line(10), Env{Loops: 1})
		go b.Run(ctx) // ends with the test
		s := b.Server("s1")
		for _, step := range []struct {
			e    Event
			want int64
		}{
			{AgentResult{Srv: s, Line: &AgentLine{MaxConn: "4"}}, 4},
			{Apply{Cfg: line(10)}, 4},
			{Apply{Cfg: line(20)}, 20},
			{AgentResult{Srv: s, Line: &AgentLine{MaxConn: "x"}}, 20},
			{AgentResult{Srv: s, Line: &AgentLine{MaxConn: "0"}}, 0},
		} {
			if err := b.Ask(step.e); err != nil {
				t.Fatal(err)
			}
			if got := s.MaxConn(); got != step.want {
				t.Errorf("after %+v: maxconn %d, want %d", step.e, got, step.want)
			}
		}
	})
}

func TestAServerOfADisabledOneBeginsInMaintenanceWithoutAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		off := trackServer("s", func(c *config.Server) { c.Check, c.Disabled = true, true })
		via := trackServer("t", func(c *config.Server) { c.Track, c.TrackProxy = off, "web" })
		far := trackServer("u", func(c *config.Server) { c.Track, c.TrackProxy = via, "web" })
		b := New(trackProxy("web", off, via, far), Env{Loops: 1, Notify: func(_ int, text string) { t.Errorf("said at the start: %s", text) }})
		go b.Run(ctx) // ends with the test
		Link([]*Backend{b})
		synctest.Wait()
		for name, want := range map[string]string{"s": "MAINT", "t": "MAINT (via web/s)", "u": "MAINT (via web/t)"} {
			if got := b.Server(name).Status(); got != want || b.Server(name).State().Admin&TrackedMaint == 0 && name != "s" {
				t.Errorf("%s: got %s, want %s", name, got, want)
			}
		}
	})
}
