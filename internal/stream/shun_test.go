package stream

import (
	"slices"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// shun lets requests of others break on a server until it is shunned, and one
// be missing until a probe is due.
func (w *words) shun(name string) {
	w.t.Helper()
	w.checked()
	be, srv := w.r.Default, w.r.Default.Server(name)
	for range 5 {
		srv.Saw(backend.SawReset, 0)
	}
	args := backend.Args{}
	for end := time.Now().Add(time.Minute); !be.Snapshot().Shuns(srv, &args); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatal("it is not shunned")
		}
	}
	for range 31 { // of two servers it gets one request of 32
		c := be.Pick(&args)
		if c.Srv == srv || c.Srv == nil {
			w.t.Fatalf("a request went to %v", c.Srv)
		}
		c.Srv.Release(0)
	}
}

// checked gives all servers checks, so that fast-detect listens.
func (w *words) checked() {
	w.t.Helper()
	cfg := *w.r.Default.Config()
	cfg.Servers = slices.Clone(cfg.Servers)
	for i, c := range cfg.Servers {
		one := *c
		one.Check, cfg.Servers[i] = true, &one
	}
	if err := w.r.Default.Ask(backend.Apply{Cfg: &cfg}); err != nil {
		w.t.Fatal(err)
	}
}

func TestProbesOfAShunnedServerHarmNobody(t *testing.T) {
	const get, post = "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"
	const put, large = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n"
	const cookie = "GET / HTTP/1.1\r\nHost: h\r\nCookie: SRV=a\r\n\r\n"
	sticky := func(p *config.Proxy) { p.Cookie = &config.Cookie{Name: "SRV", Insert: true, Indirect: true} }
	for _, c := range []struct {
		name, request string
		edit          func(*config.Proxy)
		words, want   string
	}{
		{"a GET is one, and goes elsewhere", get, nil, "shunned:a request connected lost connected", "connect:a send connect:b send"},
		{"a PUT is one", put, nil, "shunned:a request", "connect:a"},
		{"a POST is not", post, nil, "shunned:a request", "connect:b"},
		{"a body that is not kept is not", large, nil, "shunned:a request", "connect:b"},
		{"without retries none is", get, func(p *config.Proxy) { p.Retries = 0 }, "shunned:a request", "connect:b"},
		{"without replays none is", get, func(p *config.Proxy) { p.Replay.Off = true }, "shunned:a request", "connect:b"},
		{"who failed elsewhere is none, and has no other left", get, nil, "shunned:b request connected lost", "connect:a send connect:b"},
		{"a cookie moves with redispatch", cookie, func(p *config.Proxy) { sticky(p); p.Redispatch = -1 }, "shunned:a request refused", "connect:a connect:b"},
		{"a cookie stays without", cookie, sticky, "shunned:a request connected lost", "connect:a send connect:a!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config.Proxy{Mode: config.ModeHTTP, Retries: 3}
			if c.edit != nil {
				c.edit(&cfg)
			}
			w := newWords(t, cfg, c.request)
			if got := w.run(c.words); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestAProbeIsFreeOfTheBudget: it was sent there for the sake of others.
func TestAProbeIsFreeOfTheBudget(t *testing.T) {
	w := newWords(t, config.Proxy{Mode: config.ModeHTTP, Retries: 3}, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	for w.shun("a"); w.r.Default.MayReplay(); { // others use it up
	}
	if got, want := w.run("request connected lost"), "connect:a send connect:b"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
