package stream

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
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
	full []*backend.Server // by others' requests
}

func newWords(t *testing.T, cfg config.Proxy, request string) *words {
	t.Helper()
	cfg.Name, cfg.Frontend, cfg.Backend, cfg.ID = "site", true, true, 1
	names := []string{"a", "b"}
	if cfg.FullConn > 0 { // so many servers
		names, cfg.FullConn = strings.Split("abcdefgh", "")[:cfg.FullConn], 0
	}
	for i, name := range names {
		cfg.Servers = append(cfg.Servers, &config.Server{
			Name: name, ID: i + 1, Weight: 1, Cookie: name, Fall: 3, Rise: 2, PoolMaxConn: -1,
			Addr: config.Address{IP: netip.MustParseAddr("127.0.0.1"), Port: 1 + i},
		})
	}
	be := backend.New(&cfg, backend.Env{
		Loops: 1, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Notify: func(int, string) {}, Shutdown: func(*backend.Server, byte) {}, Rand: func() uint64 { return 4 },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // until the test ends
		defer close(ended)
		be.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
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
	case "absent":
		return l.Failed(Absent)
	case "unreached":
		return l.Failed(Timeout)
	case "own": // no descriptor
		return l.Failed(OwnFault)
	case "paused":
		return l.Paused()
	case "raced": // a kept connection was reset before the reply
		return l.Lost(Evidence{Why: Reset, Reused: true, Kept: true})
	case "missed": // and provably took nothing
		return l.Lost(Evidence{Why: Reset, Reused: true, Unsent: true, Kept: true})
	case "shut": // a fresh one took nothing
		return l.Lost(Evidence{Why: Reset, Unsent: true, Kept: true})
	case "lost":
		return l.Lost(Evidence{Why: Reset, Kept: true})
	case "gone-large": // the body was too large to keep
		return l.Lost(Evidence{Why: Reset})
	case "silent":
		return l.Lost(Evidence{Why: Timeout, Kept: true})
	case "lied":
		return l.Lost(Evidence{Why: Garbage, Kept: true})
	case "felled":
		o, _ := l.Felled(true)
		return o
	case "felled-early": // while it was connected to
		return l.Failed(MarkedDown)
	case "granted":
		a := w.r.Default.Server("a") // one that it waited for, all being full
		l.leave()
		a.Cur.Enter()
		return l.Granted(a)
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
	case "garbled":
		return l.Broke(Garbage)
	case "gone":
		return l.Gone(false)
	case "late":
		return l.Gone(true)
	}
	if status, ok := strings.CutPrefix(event, "says"); ok {
		n, _ := strconv.Atoi(status) // 0 fails the test
		if o, ok := l.Repeats(n, true); ok {
			return o
		}
		return w.say("reply")
	}
	if name, ok := strings.CutPrefix(event, "down:"); ok {
		if err := w.r.Default.Ask(backend.SetState{Srv: w.r.Default.Server(name), Order: backend.Maint}); err != nil {
			w.t.Fatal(err)
		}
		return Order{}
	}
	if name, ok := strings.CutPrefix(event, "errs:"); ok { // to some others
		w.errs(name, 3)
		return Order{}
	}
	if name, ok := strings.CutPrefix(event, "errs-on:"); ok { // and checks would tell
		w.checked()
		w.errs(name, 5)
		return Order{}
	}
	if name, ok := strings.CutPrefix(event, "replies:"); ok {
		w.r.Default.Server(name).Saw(backend.SawReply, 0)
		return Order{}
	}
	if name, ok := strings.CutPrefix(event, "shunned:"); ok { // and the next request that fits is a probe
		w.shun(name)
		return Order{}
	}
	if name, ok := strings.CutPrefix(event, "queue:"); ok {
		w.r.Default.Server(name).Queue.Enter()
		return Order{}
	}
	if name, ok := strings.CutPrefix(event, "full:"); ok {
		cfg := *w.r.Default.Config()
		cfg.Servers = slices.Clone(cfg.Servers)
		for i, c := range cfg.Servers {
			if c.Name == name {
				one := *c
				one.MaxConn, one.MaxQueue, cfg.Servers[i] = 1, 2, &one
			}
		}
		if err := w.r.Default.Ask(backend.Apply{Cfg: &cfg}); err != nil {
			w.t.Fatal(err)
		}
		w.r.Default.Server(name).Cur.Enter()
		w.full = append(w.full, w.r.Default.Server(name))
		return Order{}
	}
	w.t.Fatalf("no event is called %q", event)
	return Order{}
}

func (w *words) run(sentence string) string {
	var said []string
	for event := range strings.FieldsSeq(sentence) {
		o := w.say(event)
		if o.Kind == 0 {
			continue
		}
		s := o.Kind.String()
		switch o.Kind {
		case Connect:
			s += ":" + o.Srv.Name
		case Dial:
			s = "connect:" + o.Srv.Name + "!"
		case Queue:
			if o.Srv != nil {
				s += ":" + o.Srv.Name
			}
		case Reply:
			s += ":" + strconv.Itoa(int(w.life.status))
			fallthrough
		case Finish, Cut, Drop:
			s += " " + string(w.life.term[:])
		}
		said = append(said, s)
	}
	return strings.Join(said, " ")
}

const (
	get     = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	getA    = "GET / HTTP/1.1\r\nHost: x\r\nCookie: S=a\r\n\r\n"
	post    = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
	postA   = "POST / HTTP/1.1\r\nHost: x\r\nCookie: S=a\r\nContent-Length: 2\r\n\r\n"
	postKey = "POST / HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k1\r\nContent-Length: 2\r\n\r\n"
	put     = "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
	remove  = "DELETE / HTTP/1.1\r\nHost: x\r\n\r\n"
	socket  = "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)

func TestLifeByWords(t *testing.T) {
	plain := config.Proxy{Retries: 3, Timeouts: config.Timeouts{Connect: 5 * time.Second}}
	with := func(p config.Proxy, edit func(*config.Proxy)) config.Proxy { edit(&p); return p }
	moving := with(plain, func(p *config.Proxy) { p.Redispatch = -1 })
	sticky := with(moving, func(p *config.Proxy) { p.Cookie = &config.Cookie{Name: "S", Insert: true, Indirect: true} })
	bound := with(plain, func(p *config.Proxy) { p.Cookie = sticky.Cookie })
	alone := with(plain, func(p *config.Proxy) { p.FullConn = 1 })
	many := with(plain, func(p *config.Proxy) { p.FullConn = 6 })
	exact := func(p config.Proxy, events config.RetryEvent) config.Proxy { // as HAProxy, no default of ours
		p.Replay.Off, p.Replay.Scheduled = true, true
		p.Replay.SetRetryOn(events)
		return p
	}
	on := func(p config.Proxy, events config.RetryEvent) config.Proxy { p.Replay.SetRetryOn(events); return p }
	conn := config.RetryDefault
	all := conn | config.RetryEmpty | config.RetryJunk | config.RetryTimeout | config.RetryStatus(503)
	never := with(moving, func(p *config.Proxy) { p.Retries = 0 })
	keyed := with(plain, func(p *config.Proxy) { p.Replay.Keyed = true })
	mute := with(keyed, func(p *config.Proxy) { p.Replay.OnSilence = true })
	unsafe := with(moving, func(p *config.Proxy) { p.Replay.Off = true })
	late := with(moving, func(p *config.Proxy) { p.Replay.Scheduled = true })
	hashed := with(moving, func(p *config.Proxy) { p.Balance.Algorithm = config.Source })
	tests := map[string]struct {
		cfg     config.Proxy
		request string
		say     string
		want    string
	}{
		"a request is served":                  {plain, get, "request connected reply relayed", "connect:a send relay finish --"},
		"a tunnel ends":                        {plain, socket, "request connected switched relayed", "connect:a send tunnel finish --"},
		"a reply that breaks off is cut":       {moving, get, "request connected reply broke", "connect:a send relay cut SD"},
		"a reply whose chunks are none is cut": {moving, get, "request connected reply garbled", "connect:a send relay cut PD"},
		"a client that leaves while waiting":   {plain, get, "request connected gone", "connect:a send cut CH"},
		"a client that leaves while reading":   {plain, get, "request connected reply gone", "connect:a send relay cut CD"},
		"a client that is late with its body":  {plain, post, "request connected late", "connect:a send reply:408 cH"},

		// connections that are refused
		"a refusal moves on at once":                        {plain, get, "request refused connected reply relayed", "connect:a connect:b send relay finish --"},
		"a POST moves on too: it was not sent":              {plain, post, "request refused connected reply relayed", "connect:a connect:b send relay finish --"},
		"a socket that is not there is a refusal":           {plain, get, "request absent connected", "connect:a connect:b send"},
		"all refuse, and are asked again after a pause":     {plain, get, "request refused refused paused refused refused paused connected", "connect:a connect:b pause connect:b connect:a pause connect:a send"},
		"all refuse, and go on refusing":                    {plain, get, "request refused refused paused refused refused paused refused refused paused refused refused paused refused refused paused refused refused", "connect:a connect:b pause connect:b connect:a pause connect:a connect:b pause connect:b connect:a pause connect:a connect:b pause connect:b connect:a reply:503 SC"},
		"of many no more are asked at once than retries":    {many, get, "request refused refused refused refused paused refused", "connect:a connect:b connect:c connect:d pause connect:e connect:f"},
		"one server alone is asked again after a pause":     {alone, get, "request refused paused refused paused refused paused refused paused refused paused refused", "connect:a pause connect:a pause connect:a pause connect:a pause connect:a pause connect:a reply:503 SC"},
		"a sticky user moves on with redispatch":            {sticky, getA, "request refused connected reply relayed", "connect:a connect:b send relay finish --"},
		"a sticky user stays without it":                    {bound, getA, "request refused paused refused paused refused paused refused paused refused paused refused", "connect:a pause connect:a! pause connect:a! pause connect:a! pause connect:a! pause connect:a! reply:503 SC"},
		"haproxy: it is asked as often as retries say":      {exact(bound, conn), getA, "request refused paused refused paused refused paused refused", "connect:a pause connect:a! pause connect:a! pause connect:a! reply:503 SC"},
		"own wants of descriptors are as many as retries":   {alone, get, "request own paused own paused own paused own", "connect:a pause connect:a! pause connect:a! pause connect:a! reply:503 SC"},
		"a sticky user leaves a server that went down":      {bound, getA, "request refused down:a paused connected", "connect:a pause connect:b send"},
		"and one that goes down as it refuses":              {bound, getA, "request down:a refused connected", "connect:a connect:b send"},
		"a user without a cookie is not bound":              {bound, get, "request refused connected", "connect:a connect:b send"},
		"what is not there is not waited for by the bound":  {bound, getA, "request absent absent absent absent", "connect:a connect:a! connect:a! connect:a! reply:503 SC"},
		"our own want of descriptors is no refusal":         {plain, get, "request own paused connected", "connect:a pause connect:a! send"},
		"retries 0: a refusal is final":                     {never, get, "request refused", "connect:a reply:503 SC"},
		"retry-on none: a refusal is final":                 {on(moving, 0), get, "request refused", "connect:a reply:503 SC"},
		"retry-on without conn-failure: a refusal is final": {on(moving, config.RetryEmpty), get, "request refused", "connect:a reply:503 SC"},
		"a server that goes down is not connected to":       {plain, post, "request felled-early connected", "connect:a connect:b send"},
		"it ends what is bound to nobody else":              {alone, get, "request down:a felled-early", "connect:a reply:503 DC"},

		// connections that time out: HAProxy's schedule
		"a connect that times out is tried again":    {plain, get, "request unreached unreached unreached unreached", "connect:a connect:a! connect:a! connect:a! reply:503 sC"},
		"who is served by turns moves with it":       {moving, get, "request unreached unreached unreached unreached", "connect:a connect:b connect:a connect:b reply:503 sC"},
		"a sticky user moves with the last retry":    {sticky, getA, "request unreached unreached unreached connected", "connect:a connect:a! connect:a! connect:b send"},
		"who has a key moves with the last retry":    {hashed, get, "request unreached unreached unreached connected", "connect:b connect:b! connect:b! connect:a send"},
		"a sticky user without redispatch stays":     {bound, getA, "request unreached unreached unreached unreached", "connect:a connect:a! connect:a! connect:a! reply:503 sC"},
		"with option redispatch 2 every second":      {with(sticky, func(p *config.Proxy) { p.Redispatch = 2 }), getA, "request unreached unreached connected", "connect:a connect:a! connect:b send"},
		"with option redispatch -2 also the middle":  {with(sticky, func(p *config.Proxy) { p.Redispatch = -2 }), getA, "request unreached unreached connected", "connect:a connect:a! connect:b send"},
		"with option redispatch 0 by turns only":     {with(sticky, func(p *config.Proxy) { p.Redispatch = config.RedispatchByTurn }), getA, "request unreached unreached unreached unreached", "connect:a connect:a! connect:a! connect:a! reply:503 sC"},
		"a sticky user leaves one that went down":    {bound, getA, "request down:a unreached connected", "connect:a connect:b send"},
		"with redispatch before its turn too":        {sticky, getA, "request down:a unreached connected", "connect:a connect:b send"},
		"haproxy: before its turn it does not":       {exact(sticky, conn), getA, "request down:a unreached connected", "connect:a connect:a! send"},
		"what is left has failed the request":        {plain, get, "request connected lost down:b unreached", "connect:a send connect:b reply:503 sC"},
		"a refusal after a timeout moves on at once": {plain, get, "request unreached refused connected", "connect:a connect:a! connect:b send"},

		// the race of a kept connection
		"a dead kept connection is replaced":              {plain, get, "request connected raced connected reply relayed", "connect:a send connect:a! send relay finish --"},
		"for a sticky user too":                           {bound, getA, "request connected raced connected reply relayed", "connect:a send connect:a! send relay finish --"},
		"with redispatch on the same server":              {sticky, getA, "request connected raced connected", "connect:a send connect:a! send"},
		"a POST after a mere reset is lost":               {moving, post, "request connected raced", "connect:a send reply:502 SH"},
		"a POST that provably was not taken is not":       {plain, post, "request connected missed connected reply relayed", "connect:a send connect:a! send relay finish --"},
		"a race is no failure: the server is asked again": {plain, post, "request connected missed refused connected", "connect:a send connect:a! connect:b send"},
		"a race costs no retry":                           {with(plain, func(p *config.Proxy) { p.Retries = 1 }), get, "request connected raced connected lost connected", "connect:a send connect:a! send connect:b send"},
		"retries 0: a race is final":                      {never, post, "request connected missed", "connect:a send reply:502 SH"},
		"the fresh connection's server dies":              {plain, get, "request connected raced connected lost connected lost", "connect:a send connect:a! send connect:b send reply:502 SH"},
		"a POST whose fresh connection took nothing":      {plain, post, "request connected shut connected reply", "connect:a send connect:b send relay"},
		"for the bound the same server is asked again":    {with(bound, func(p *config.Proxy) { p.Retries = 1 }), postA, "request connected shut connected shut", "connect:a send connect:a! send reply:502 SH"},
		"a race on a server that went down moves on":      {plain, post, "request connected down:a missed connected", "connect:a send connect:b send"},

		// proof of death
		"a GET whose server dies goes elsewhere":       {plain, get, "request connected lost connected reply relayed", "connect:a send connect:b send relay finish --"},
		"an upgrade goes elsewhere too":                {moving, socket, "request connected lost connected switched relayed", "connect:a send connect:b send tunnel finish --"},
		"a DELETE too":                                 {plain, remove, "request connected lost connected reply relayed", "connect:a send connect:b send relay finish --"},
		"a PUT too, its body is kept":                  {plain, put, "request connected lost connected", "connect:a send connect:b send"},
		"a PUT too large to keep does not":             {plain, put, "request connected gone-large", "connect:a send reply:502 SH"},
		"a POST does not":                              {moving, post, "request connected lost", "connect:a send reply:502 SH"},
		"a POST with a key does not by itself":         {plain, postKey, "request connected lost", "connect:a send reply:502 SH"},
		"a POST with a key does where keys are known":  {keyed, postKey, "request connected lost connected", "connect:a send connect:b send"},
		"a POST without one does not":                  {keyed, post, "request connected lost", "connect:a send reply:502 SH"},
		"nor one with an empty key":                    {keyed, strings.Replace(postKey, "k1", "", 1), "request connected lost", "connect:a send reply:502 SH"},
		"a PATCH does not":                             {plain, strings.Replace(post, "POST", "PATCH", 1), "request connected lost", "connect:a send reply:502 SH"},
		"never to a server that failed it":             {plain, get, "request connected lost connected lost", "connect:a send connect:b send reply:502 SH"},
		"not even after a pause":                       {plain, get, "request connected lost refused paused refused paused connected", "connect:a send connect:b pause connect:b pause connect:b send"},
		"retries bound replays":                        {many, get, "request connected lost connected lost connected lost connected lost", "connect:a send connect:b send connect:c send connect:d send reply:502 SH"},
		"one whose others are full waits for them":     {plain, get, "full:b request connected lost", "connect:a send queue:b"},
		"but not where queues are full too":            {plain, get, "full:b queue:b queue:b request connected lost", "connect:a send reply:502 SH"},
		"one that was refused pauses then":             {plain, get, "full:b queue:b queue:b request refused", "connect:a pause"},
		"for the one with the shortest queue":          {many, get, "full:b full:c full:d full:e full:f queue:b request connected lost", "connect:a send queue:c"},
		"a slot on a server that failed is given back": {plain, get, "request connected lost connected granted", "connect:a send connect:b send queue:b"},
		"a sticky user is replayed with redispatch":    {sticky, getA, "request connected lost connected reply", "connect:a send connect:b send relay"},
		"and asked of the same server without":         {bound, getA, "request connected lost connected reply", "connect:a send connect:a! send relay"},
		"or elsewhere once it is down":                 {bound, getA, "request connected down:a lost connected reply", "connect:a send connect:b send relay"},
		"what is not HTTP is a failure":                {plain, get, "request connected lied connected reply", "connect:a send connect:b send relay"},
		"twice it is 502":                              {plain, get, "request connected lied connected lied", "connect:a send connect:b send reply:502 PH"},
		"to a POST it is 502":                          {plain, post, "request connected lied", "connect:a send reply:502 PH"},
		"a POST is not moved on after a key's refusal": {plain, post, "request refused connected lost", "connect:a connect:b send reply:502 SH"},
		"retries 0: a death is final":                  {never, get, "request connected lost", "connect:a send reply:502 SH"},
		"safe-replay off: a death is final":            {unsafe, get, "request connected lost", "connect:a send reply:502 SH"},
		"safe-replay off: a race is final":             {unsafe, post, "request connected missed", "connect:a send reply:502 SH"},
		"safe-replay off: a refusal moves on":          {unsafe, get, "request refused connected", "connect:a connect:b send"},

		// silence
		"a GET in silence goes elsewhere":            {plain, get, "request connected silent connected reply", "connect:a send connect:b send relay"},
		"twice it is 504":                            {plain, get, "request connected silent connected silent", "connect:a send connect:b send reply:504 sH"},
		"a PUT does not: it may still be executed":   {moving, put, "request connected silent", "connect:a send reply:504 sH"},
		"a DELETE does not":                          {plain, remove, "request connected silent", "connect:a send reply:504 sH"},
		"a PUT does with replay-on-silence":          {mute, put, "request connected silent connected", "connect:a send connect:b send"},
		"a POST does not in silence":                 {mute, post, "request connected silent", "connect:a send reply:504 sH"},
		"a keyed one does":                           {mute, postKey, "request connected silent connected", "connect:a send connect:b send"},
		"a keyed one does not without":               {keyed, postKey, "request connected silent", "connect:a send reply:504 sH"},
		"the bound are not asked of the same server": {bound, getA, "request connected silent", "connect:a send reply:504 sH"},
		"a GET whose server is marked down":          {plain, get, "request connected down:a felled connected reply", "connect:a send connect:b send relay"},
		"of a sticky user too":                       {bound, getA, "request connected down:a felled connected", "connect:a send connect:b send"},
		"a PUT waits for a word of it":               {plain, put, "request connected down:a felled silent", "connect:a send reply:503 DH"},
		"and moves if it dies":                       {plain, put, "request connected down:a felled lost connected", "connect:a send connect:b send"},
		"a POST is answered if it lives":             {plain, post, "request connected down:a felled reply relayed", "connect:a send relay finish --"},
		"and is 502 if it dies":                      {plain, post, "request connected down:a felled lost", "connect:a send reply:502 SH"},
		"it waits once":                              {plain, put, "request connected down:a felled felled", "connect:a send reply:503 DH"},
		"all have refused as one is marked down":     {plain, get, "request refused refused down:b felled-early paused connected", "connect:a connect:b pause pause connect:a send"},
		"a POST is ended":                            {keyed, post, "request connected down:a felled silent", "connect:a send reply:503 DH"},
		"safe-replay off: a GET is ended":            {unsafe, get, "request connected down:a felled", "connect:a send reply:503 DH"},

		// retry-on, with our defaults
		"retry-on is not aware of methods":               {on(plain, all), post, "request connected lost connected reply", "connect:a send connect:b send relay"},
		"nor of silence":                                 {on(plain, all), post, "request connected silent connected reply", "connect:a send connect:b send relay"},
		"a status is tried elsewhere":                    {on(plain, all), post, "request connected says503 connected reply", "connect:a send connect:b send relay"},
		"with one server on the same":                    {on(alone, all), get, "request connected says503 connected says503 connected says503 connected says503", "connect:a send connect:a! send connect:a! send connect:a! send relay"},
		"the bound stay":                                 {on(bound, all), getA, "request connected says503 connected says200", "connect:a send connect:a! send relay"},
		"other statuses are passed on":                   {on(plain, all), get, "request connected says500", "connect:a send relay"},
		"no status is tried again without retry-on":      {plain, get, "request connected says503", "connect:a send relay"},
		"a body too large to keep is not sent again":     {on(plain, all), post, "request connected gone-large", "connect:a send reply:502 SH"},
		"silence that retry-on does not name, of a POST": {on(plain, conn|config.RetryEmpty), post, "request connected silent", "connect:a send reply:504 sH"},

		// HAProxy as it is
		"haproxy: a refusal waits for the same server":     {exact(plain, conn), get, "request refused paused connected reply relayed", "connect:a pause connect:a! send relay finish --"},
		"haproxy: one that is down is asked on":            {exact(plain, conn), get, "request refused down:a paused", "connect:a pause connect:a!"},
		"haproxy: by turns a refusal moves on":             {exact(moving, conn), get, "request refused refused refused refused", "connect:a connect:b connect:a connect:b reply:503 SC"},
		"haproxy: a sticky user moves with the last retry": {exact(sticky, conn), getA, "request refused paused refused paused refused connected", "connect:a pause connect:a! pause connect:a! connect:b send"},
		"haproxy: a death is final":                        {exact(moving, conn), get, "request connected lost", "connect:a send reply:502 SH"},
		"haproxy: so is silence":                           {exact(moving, conn), get, "request connected silent", "connect:a send reply:504 sH"},
		"haproxy: empty-response on the same server":       {exact(plain, all), post, "request connected lost connected lost connected lost connected lost", "connect:a send connect:a! send connect:a! send connect:a! send reply:502 SH"},
		"haproxy: empty-response elsewhere":                {exact(moving, all), post, "request connected lost connected reply", "connect:a send connect:b send relay"},
		"haproxy: response-timeout":                        {exact(plain, all), post, "request connected silent connected reply", "connect:a send connect:a! send relay"},
		"haproxy: junk-response":                           {exact(plain, all), get, "request connected lied connected reply", "connect:a send connect:a! send relay"},
		"haproxy: a status":                                {exact(plain, all), get, "request connected says503 connected reply", "connect:a send connect:a! send relay"},
		"haproxy: marked down":                             {exact(moving, all), get, "request connected felled", "connect:a send reply:503 DH"},
		"redispatch on schedule, replays as ours":          {late, get, "request connected lost connected", "connect:a send connect:b send"},
		"redispatch on schedule for refusals":              {exact(sticky, conn), getA, "request refused", "connect:a pause"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWords(t, tt.cfg, tt.request)
			if got := w.run(tt.say); got != tt.want {
				t.Errorf("said %q\n got  %q\n want %q", tt.say, got, tt.want)
			}
			w.life.leave()
			for _, s := range w.full {
				s.Cur.Leave()
			}
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

// The pauses of a request that all servers refuse are those of HAProxy
// altogether, the first of them in parts.
func TestPausesAreHAProxysAltogether(t *testing.T) {
	for _, c := range []struct {
		connect time.Duration
		want    []time.Duration
	}{
		{5 * time.Second, []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, 600 * time.Millisecond, time.Second, time.Second}},
		{200 * time.Millisecond, []time.Duration{20 * time.Millisecond, 60 * time.Millisecond, 120 * time.Millisecond, 200 * time.Millisecond, 200 * time.Millisecond}},
	} {
		for _, request := range []string{get, getA} {
			w := newWords(t, config.Proxy{Retries: 3, Timeouts: config.Timeouts{Connect: c.connect}, Cookie: &config.Cookie{Name: "S"}}, request)
			var got []time.Duration
			for o := w.say("request"); o.Kind != Reply; {
				if o.Kind == Pause {
					got = append(got, o.Delay)
					o = w.say("paused")
				} else {
					o = w.say("refused")
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("timeout connect %s: pauses of %v, want %v", c.connect, got, c.want)
			}
		}
	}
}

// A request that its marked down server has in hand waits for a word no longer
// than timeout server says.
func TestTheGraceOfAMarkedDownServerEndsWithItsTime(t *testing.T) {
	for _, c := range []struct{ limit, waited, want time.Duration }{
		{0, time.Hour, felledGrace},
		{time.Minute, 10 * time.Second, felledGrace},
		{3 * time.Second, 2400 * time.Millisecond, 600 * time.Millisecond},
		{time.Second, 0, time.Second},
		{time.Second, time.Second, 1}, // at once; 0 were for ever
		{time.Second, 2 * time.Second, 1},
	} {
		if got := graceOf(c.limit, c.waited); got != c.want {
			t.Errorf("limit %v, waited %v: got %v, want %v", c.limit, c.waited, got, c.want)
		}
	}
}
