package stream

import (
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// words drives a Life by the words of a sentence and returns its orders as
// words, with the termination code behind a final one.
type words struct {
	t    *testing.T
	life Life
	x    rule.Ctx
	out  rule.Outcome
	req  wire.Request
	rep  wire.Reply
	r    *Rules
}

func newWords(t *testing.T, cfg config.Proxy, request string) *words {
	t.Helper()
	cfg.Name, cfg.Frontend, cfg.Backend, cfg.ID = "site", true, true, 1
	for i, name := range []string{"a", "b"} {
		cfg.Servers = append(cfg.Servers, &config.Server{
			Name: name, ID: i + 1, Weight: 1, Cookie: name, Fall: 3, Rise: 2, PoolMaxConn: -1,
			Addr: config.Address{IP: netip.MustParseAddr("127.0.0.1"), Port: 1 + i},
		})
	}
	be := backend.New(&cfg, backend.Env{
		Loops: 1, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Notify: func(int, string) {}, Shutdown: func(*backend.Server, byte) {}, Rand: func() uint64 { return 4 },
	})
	w := &words{t: t, r: &Rules{Cfg: &cfg, Default: be}}
	if w.req.Parse([]byte(request), nil) != wire.Done {
		t.Fatalf("the request %q does not parse", request)
	}
	w.x.Src = netip.MustParseAddrPort("127.0.0.1:1024")
	return w
}

func (w *words) say(event string) Order {
	l := &w.life
	switch event {
	case "request":
		w.x.Req = &w.req
		return l.Request(w.r, &w.x, &w.out, 0)
	case "connected":
		return l.Connected()
	case "refused":
		return l.Failed(Refused)
	case "unreached":
		return l.Failed(Timeout)
	case "paused":
		return l.Paused()
	case "raced": // a kept connection ended before the reply
		return l.Lost(Reset, true, true)
	case "lost":
		return l.Lost(Reset, false, true)
	case "silent":
		return l.Lost(Timeout, false, false)
	case "lied":
		return l.Lost(Garbage, false, true)
	case "felled":
		return l.Lost(MarkedDown, false, true)
	case "reply", "switched":
		head := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
		if event == "switched" {
			head = "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
		}
		if w.rep.Parse([]byte(head), nil, w.req.Method) != wire.Done {
			w.t.Fatal("the reply does not parse")
		}
		w.x.Res = &w.rep
		return l.Reply(&w.x, &w.out)
	case "relayed":
		return l.Relayed()
	case "broke":
		return l.Broke(Reset)
	case "gone":
		return l.Gone(false)
	case "late":
		return l.Gone(true)
	}
	w.t.Fatalf("no event is called %q", event)
	return Order{}
}

func (w *words) run(sentence string) string {
	var said []string
	for event := range strings.FieldsSeq(sentence) {
		o := w.say(event)
		s := o.Kind.String()
		switch o.Kind {
		case Connect:
			s += ":" + o.Srv.Name
			if o.Fresh {
				s += "!"
			}
		case Reply:
			s += ":" + string('0'+rune(o.Status/100)) + string('0'+rune(o.Status/10%10)) + string('0'+rune(o.Status%10))
			fallthrough
		case Finish, Cut, Drop:
			s += " " + string(w.life.term[:])
		}
		said = append(said, s)
	}
	return strings.Join(said, " ")
}

const (
	get    = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	getA   = "GET / HTTP/1.1\r\nHost: x\r\nCookie: S=a\r\n\r\n"
	post   = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
	remove = "DELETE / HTTP/1.1\r\nHost: x\r\n\r\n"
	socket = "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
)

func TestLifeByWords(t *testing.T) {
	plain := config.Proxy{Retries: 3, Timeouts: config.Timeouts{Connect: 5 * time.Second}}
	moving := plain
	moving.Redispatch = -1
	sticky := moving
	sticky.Cookie = &config.Cookie{Name: "S", Insert: true, Indirect: true}
	bound := plain
	bound.Cookie = sticky.Cookie
	tests := map[string]struct {
		cfg     config.Proxy
		request string
		say     string
		want    string
	}{
		"a request is served":                      {plain, get, "request connected reply relayed", "connect:a send relay finish --"},
		"a tunnel ends":                            {plain, socket, "request connected switched relayed", "connect:a send tunnel finish --"},
		"a refusal waits for the same server":      {plain, get, "request refused paused connected reply relayed", "connect:a pause connect:a! send relay finish --"},
		"a refusal moves on with redispatch":       {moving, get, "request refused connected reply relayed", "connect:a connect:b send relay finish --"},
		"a sticky user moves on with redispatch":   {sticky, getA, "request refused connected reply relayed", "connect:a connect:b send relay finish --"},
		"a sticky user stays without it":           {bound, getA, "request refused paused refused paused refused paused refused", "connect:a pause connect:a! pause connect:a! pause connect:a! reply:503 SC"},
		"a POST that was not sent moves on too":    {moving, post, "request refused connected reply relayed", "connect:a connect:b send relay finish --"},
		"a connect that times out is tried again":  {plain, get, "request unreached unreached unreached unreached", "connect:a connect:a! connect:a! connect:a! reply:503 sC"},
		"the last retry moves on after timeouts":   {moving, get, "request unreached unreached unreached connected", "connect:a connect:a! connect:a! connect:b send"},
		"a dead kept connection is replaced":       {plain, get, "request connected raced connected reply relayed", "connect:a send connect:a! send relay finish --"},
		"a POST on a dead kept connection is lost": {moving, post, "request connected raced", "connect:a send reply:502 SH"},
		"a GET whose server dies goes elsewhere":   {moving, get, "request connected lost connected reply relayed", "connect:a send connect:b send relay finish --"},
		"a DELETE too":                             {moving, remove, "request connected lost connected reply relayed", "connect:a send connect:b send relay finish --"},
		"a POST does not":                          {moving, post, "request connected lost", "connect:a send reply:502 SH"},
		"a GET does not without redispatch":        {plain, get, "request connected lost", "connect:a send reply:502 SH"},
		"an upgrade goes elsewhere too":            {moving, socket, "request connected lost connected switched relayed", "connect:a send connect:b send tunnel finish --"},
		"silence is not proof of death":            {moving, get, "request connected silent", "connect:a send reply:504 sH"},
		"a reply that is not HTTP is 502":          {moving, get, "request connected lied", "connect:a send reply:502 PH"},
		"a server marked down ends its streams":    {moving, get, "request connected felled", "connect:a send reply:503 DH"},
		"a reply that breaks off is cut":           {moving, get, "request connected reply broke", "connect:a send relay cut SD"},
		"a client that leaves while waiting":       {plain, get, "request connected gone", "connect:a send cut CH"},
		"a client that leaves while reading":       {plain, get, "request connected reply gone", "connect:a send relay cut CD"},
		"a client that is late with its body":      {plain, post, "request connected late", "connect:a send reply:408 cH"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWords(t, tt.cfg, tt.request)
			if got := w.run(tt.say); got != tt.want {
				t.Errorf("said %q\n got  %q\n want %q", tt.say, got, tt.want)
			}
			w.life.leave()
			for _, s := range w.r.Default.Servers() {
				if n := s.Cur.Cur(); n != 0 {
					t.Errorf("%s still holds %d slots", s.Name, n)
				}
			}
		})
	}
}

func TestThePersistenceCookie(t *testing.T) {
	cookie := &config.Cookie{Name: "S", Insert: true, Indirect: true}
	tests := map[string]struct {
		request, set string
		persist      string
	}{
		"is set where none came":               {get, "S=a; path=/", "NI"},
		"is not set again for the same server": {getA, "", "VN"},
		"is set anew if it names no server":    {strings.Replace(getA, "S=a", "S=z", 1), "S=a; path=/", "II"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWords(t, config.Proxy{Cookie: cookie, Retries: 3}, tt.request)
			w.run("request connected reply")
			got := ""
			if i := w.rep.FindID(wire.FieldSetCookie, 0); i >= 0 {
				got = string(w.rep.Value(&w.rep.Fields[i]))
			}
			if got != tt.set {
				t.Errorf("Set-Cookie %q, want %q", got, tt.set)
			}
			if p := string([]byte{byte(w.life.persist), w.life.setBack}); p != tt.persist {
				t.Errorf("persistence letters %s, want %s", p, tt.persist)
			}
			if w.req.FindID(wire.FieldCookie, 0) >= 0 {
				t.Error("the cookie went on to the server in spite of indirect")
			}
		})
	}
}
