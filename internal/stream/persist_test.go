package stream

import (
	"testing"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// TestPersistenceAllocatesNothing takes a cookie out of requests and puts one
// into replies, in every mode.
func TestPersistenceAllocatesNothing(t *testing.T) {
	const name = "A-NAME-LONGER-THAN-THE-THIRTY-TWO-BYTES-OF-A-SMALL-STRING"
	for mode, ck := range map[string]config.Cookie{
		"insert":  {Insert: true, NoCache: true, Domains: []string{"a.test"}, HTTPOnly: true, Secure: true, Attrs: []string{"SameSite=Lax"}},
		"hidden":  {Insert: true, Indirect: true, MaxIdle: 3600e9, MaxLife: 7200e9},
		"rewrite": {Rewrite: true}, "prefix": {Prefix: true}, "passive": {Indirect: true},
	} {
		t.Run(mode, func(t *testing.T) {
			ck.Name = name
			head := []byte("GET / HTTP/1.1\r\nHost: x\r\nCookie: a=b; " + name + "=a~rest; c=d\r\n\r\n")
			answer := []byte("HTTP/1.1 200 OK\r\nCache-Control: Max-Age=10, public\r\nSet-Cookie: " + name + "=own; path=/\r\nContent-Length: 0\r\n\r\n")
			w := newWords(t, config.Proxy{Cookie: &ck}, string(head))
			once := func() {
				w.req.Parse(head, nil)
				w.x.Req, w.x.Res = &w.req, nil
				o := w.life.Request(w.r, &w.x, &w.out, 0)
				if o.Kind != Connect {
					t.Fatalf("got %s", o.Kind)
				}
				w.rep.Parse(answer, nil, wire.MethodGet)
				w.x.Res = &w.rep
				w.life.Reply(&w.x, &w.out)
				w.life.leave()
			}
			once()
			if n := testing.AllocsPerRun(200, once); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func TestAFullQueueSendsElsewhereOnlyWithRedispatch(t *testing.T) {
	for redispatch, want := range map[int]string{0: "503 SQ", -1: "connect b"} {
		w := newWords(t, config.Proxy{Cookie: &config.Cookie{Name: "K", Insert: true}, Redispatch: redispatch}, "GET / HTTP/1.1\r\nHost: x\r\nCookie: K=a\r\n\r\n")
		a := w.r.Default.Server("a")
		a.Config().MaxConn, a.Config().MaxQueue = 1, 1
		be := backend.New(w.r.Cfg, backend.Env{Loops: 1})
		w.r.Default = be
		be.Pick(&backend.Args{Cookie: []byte("a")})
		w.x.Req = &w.req
		o := w.life.Request(w.r, &w.x, &w.out, 0)
		if o.Kind != Queue || o.Srv != be.Server("a") {
			t.Fatalf("got %s", o.Kind)
		}
		o = w.life.QueueFull(o.Srv)
		got := o.Kind.String()
		if o.Kind.connects() {
			got += " " + o.Srv.Name
		} else {
			got = "503 " + string(w.life.term[:])
		}
		if got != want {
			t.Errorf("redispatch %d: got %s, want %s", redispatch, got, want)
		}
	}
}

func TestUseServerAllocatesNothing(t *testing.T) {
	req := "GET /one HTTP/1.1\r\nHost: x\r\nX-Server: b\r\n\r\n"
	f, err := rule.ParseFormat("%[req.hdr(x-server)]", rule.HTTPRequest)
	if err != nil {
		t.Fatal(err)
	}
	w := newWords(t, config.Proxy{UseServer: []config.ServerRule{{Server: -1, Format: f}}}, req)
	once := func() {
		w.req.Parse([]byte(req), nil)
		w.x.Req = &w.req
		if o := w.life.Request(w.r, &w.x, &w.out, 0); o.Srv == nil || o.Srv.Name != "b" {
			t.Fatalf("got %+v, want b", o)
		}
		w.life.leave()
	}
	once()
	if n := testing.AllocsPerRun(200, once); n > 1 { // the test's own copy of req
		t.Errorf("%v allocations", n)
	}
}

func TestWhatIgnorePersistSaysHoldsForEveryTry(t *testing.T) {
	for _, off := range []bool{false, true} {
		w := newWords(t, config.Proxy{Cookie: &config.Cookie{Name: "K", Insert: true}, Retries: 3, Redispatch: 1,
			Replay: config.Replay{Off: off, Scheduled: off}, PersistRules: []config.PersistRule{{}}}, "GET / HTTP/1.1\r\nHost: x\r\nCookie: K=b\r\n\r\n")
		if got := w.run("request refused connected reply"); got != "connect:a connect:b send relay" {
			t.Fatalf("own defaults off %t: got %s", off, got)
		}
		if w.rep.FindID(wire.FieldSetCookie, 0) >= 0 {
			t.Errorf("own defaults off %t: a cookie was inserted", off)
		}
	}
}
