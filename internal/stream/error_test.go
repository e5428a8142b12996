package stream

import (
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/logs"
)

// errs lets a server answer so many requests of others with errors.
func (w *words) errs(name string, n int) {
	for range n {
		w.r.Default.Server(name).Saw(backend.SawStatus, 0)
	}
}

// An error of a server that answers nothing else is asked of another one, once.
func TestErrorsAreAskedElsewhere(t *testing.T) {
	plain := config.Proxy{Mode: config.ModeHTTP, Retries: 3, Timeouts: config.Timeouts{Connect: 5 * time.Second}}
	with := func(edit func(*config.Proxy)) config.Proxy { p := plain; edit(&p); return p }
	bound := with(func(p *config.Proxy) { p.Cookie = &config.Cookie{Name: "S", Insert: true, Indirect: true} })
	sticky := with(func(p *config.Proxy) { p.Cookie, p.Redispatch = bound.Cookie, -1 })
	const head, options = "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n"
	const elsewhere, passed = "connect:a send connect:b send relay", "connect:a send relay"
	for name, tt := range map[string]struct {
		cfg       config.Proxy
		request   string
		say, want string
	}{
		"a GET is":         {plain, get, "request connected errs:a says500 connected says200", elsewhere},
		"for 502":          {plain, get, "request connected errs:a says502 connected says200", elsewhere},
		"for 503":          {plain, get, "request connected errs:a says503 connected says200", elsewhere},
		"for 504":          {plain, get, "request connected errs:a says504 connected says200", elsewhere},
		"a HEAD is":        {plain, head, "request connected errs:a says500 connected says200", elsewhere},
		"an OPTIONS is":    {plain, options, "request connected errs:a says500 connected says200", elsewhere},
		"a POST is not":    {plain, post, "request connected errs:a says500", passed},
		"a PUT is":         {plain, put, "request connected errs:a says500 connected says200", elsewhere},
		"a PUT is for 503": {plain, put, "request connected errs:a says503 connected says200", elsewhere},
		"but not for 504: who stands behind it may execute it later": {plain, put, "request connected errs:a says504", passed},
		"nor for 502":                          {plain, put, "request connected errs:a says502", passed},
		"unless that does not matter":          {with(func(p *config.Proxy) { p.Replay.OnSilence = true }), put, "request connected errs:a says504 connected says200", elsewhere},
		"a DELETE is":                          {plain, remove, "request connected errs:a says500 connected says200", elsewhere},
		"nor one with a key that nobody knows": {plain, postKey, "request connected errs:a says500", passed},
		"one with a key is":                    {with(func(p *config.Proxy) { p.Replay.Keyed = true }), postKey, "request connected errs:a says500 connected says200", elsewhere},
		"501 is what the client asked for":     {plain, get, "request connected errs:a says501", passed},
		"so is 404":                            {plain, get, "request connected errs:a says404", passed},
		"507 is nobody else's business":        {plain, get, "request connected errs:a says507", passed},
		"a single error is the application's":  {plain, get, "request connected says500", passed},
		"so is one behind a good reply":        {plain, get, "request connected errs:a replies:a says500", passed},
		"another that erred last is not asked": {plain, get, "errs:b request connected errs:a says500", passed},
		"one that has recovered is":            {plain, get, "errs:b replies:b request connected errs:a says500 connected", "connect:a send connect:b send"},
		"what the other says is the answer":    {with(func(p *config.Proxy) { p.FullConn = 3 }), get, "request connected errs:a says500 connected errs:b says500", elsewhere},
		"a reset of the other is a replay":     {with(func(p *config.Proxy) { p.FullConn = 3 }), get, "request connected errs:a says500 connected lost connected", "connect:a send connect:b send connect:c send"},
		"which never goes back":                {plain, get, "request connected errs:a says500 connected lost", "connect:a send connect:b send reply:502 SH"},
		"a refusal of the other is waited for": {plain, get, "request connected errs:a says500 refused paused", "connect:a send connect:b pause connect:b"},
		"no place in a queue is":               {plain, get, "full:b request connected errs:a says500", passed},
		"one that is down is not asked":        {plain, get, "down:b request connected errs:a says500", passed},
		"one alone has nobody":                 {with(func(p *config.Proxy) { p.FullConn = 1 }), get, "request connected errs:a says500", passed},
		"a sticky user moves for more":         {sticky, getA, "errs-on:a request connected says500 connected says200", elsewhere},
		"and not for a few errors":             {sticky, getA, "request connected errs:a says500", passed},
		"nor for many that nobody checks":      {sticky, getA, "errs:a errs:a errs:a errs:a request connected says500", passed},
		"nor without redispatch":               {bound, getA, "errs-on:a request connected says500", passed},
		"who has no cookie is not bound":       {bound, get, "request connected errs:a says500 connected", "connect:a send connect:b send"},
		"no option replay-on-error":            {with(func(p *config.Proxy) { p.Replay.PassError = true }), get, "request connected errs:a says500", passed},
		"no option safe-replay":                {with(func(p *config.Proxy) { p.Replay.Off = true }), get, "request connected errs:a says500", passed},
		"retries 0":                            {with(func(p *config.Proxy) { p.Retries = 0 }), get, "request connected errs:a says500", passed},
		"retry-on none":                        {with(func(p *config.Proxy) { p.Replay.SetRetryOn(0) }), get, "request connected errs:a says500", passed},
	} {
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

// What is asked elsewhere is counted and marked, and so is what the budget
// refuses: that error is passed on.
func TestErrorsAskedElsewhereHaveABudget(t *testing.T) {
	w := newWords(t, config.Proxy{Mode: config.ModeHTTP, Retries: 3}, get)
	be := w.r.Default
	w.run("request connected errs:a says500 connected says200 relayed")
	if w.life.replayed != logs.ReplayError || be.Counters.Sum(backend.ReplaysError) != 1 || be.Counters.Sum(backend.Replays) != 1 {
		t.Errorf("marks %b, %d counted, %d replays", w.life.replayed, be.Counters.Sum(backend.ReplaysError), be.Counters.Sum(backend.Replays))
	}
	if n := be.Server("a").Counters.Sum(backend.ReplaysError); n != 1 {
		t.Errorf("%d counted for the server that erred", n)
	}

	w = newWords(t, config.Proxy{Mode: config.ModeHTTP, Retries: 3}, get)
	for be = w.r.Default; be.MayReplay(); { // others use it up
	}
	if got, want := w.run("request connected errs:a says500"), "connect:a send relay"; got != want {
		t.Errorf("without a budget: got %s, want %s", got, want)
	}
	if w.life.replayed != logs.ReplayRefused || be.Counters.Sum(backend.ReplaysRefused) != 1 || be.Server("b").Cur.Cur() != 0 {
		t.Errorf("marks %b, %d refused, %d at the other", w.life.replayed, be.Counters.Sum(backend.ReplaysRefused), be.Server("b").Cur.Cur())
	}
}
