package live

import (
	"encoding/json"
	"io"
	"strings"

	"bascule/internal/config"
	"bascule/internal/stats"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// An answerer takes an answer: *stream.Writer, or a test.
type answerer interface {
	Head(status int, fields string)
	io.Writer
	Flush() error
}

// A Page is what is at `stats uri`: the live page for browsers, HAProxy's page
// for all others and for everything that HAProxy has behind the URI.
type Page struct {
	Board   *Board
	Classic stats.Page
}

// Serve answers with what the request asks for.
func (p *Page) Serve(w *stream.Writer, r *stream.Asked) { p.answer(w, r) }

func (p *Page) answer(w answerer, r *stream.Asked) {
	cfg, rest, ok := p.Classic.Admit(w, r)
	if !ok {
		return
	}
	name, value := option(rest)
	get := r.Req.Method == wire.MethodGet || r.Req.Method == wire.MethodHead
	switch {
	case cfg.Dead:
	case name == "act":
		p.act(w, r, cfg)
		return
	case !get:
	case name == "live" || name == "" && strings.Contains(r.Header("Accept"), "text/html"):
		p.html(w, r, cfg)
		return
	case name == "asset":
		p.asset(w, cfg, value)
		return
	case name == "events" && r.Req.Method == wire.MethodGet:
		p.follow(w, r, cfg, stats.User(r, cfg))
		return
	case name == "history":
		p.history(w, cfg, value)
		return
	}
	p.Classic.Answer(w, r, cfg, rest)
}

// option is the first one behind `stats uri`, which alone decides whose page it
// is: ;asset=app.js.
func option(rest string) (name, value string) {
	i := strings.IndexAny(rest, ";?&")
	if i < 0 {
		return "", ""
	}
	rest = strings.TrimLeft(rest[i:], ";?&")
	if end := strings.IndexAny(rest, ";&"); end >= 0 {
		rest = rest[:end]
	}
	name, value, _ = strings.Cut(rest, "=")
	return name, value
}

// refuse answers with a status and one line of text.
func refuse(w answerer, status int, why, fields string) {
	w.Head(status, "Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"+fields)
	_, _ = io.WriteString(w, why+"\n")
}

// A past is the last hour of a server: a value for each second from From on,
// -1 where nothing is known. Times are in microseconds.
type past struct {
	From    int64   `json:"from"` // unix seconds
	State   []int   `json:"state"`
	Reqs    []int64 `json:"reqs"`
	Errs    []int64 `json:"errs"`
	Cur     []int64 `json:"cur"`
	Queue   []int64 `json:"queue"`
	Sockets []int64 `json:"sockets"`
	P50     []int64 `json:"p50"`
	P99     []int64 `json:"p99"`
}

// history answers with the last hour of "backend/server".
func (p *Page) history(w answerer, cfg *config.Stats, name string) {
	be, srv, _ := strings.Cut(unescape(name), "/")
	past, ok := p.Board.past(be, srv)
	if !ok || !cfg.Shows(be) {
		refuse(w, 404, "no such server", "")
		return
	}
	w.Head(200, "Content-Type: application/json\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n")
	_ = json.NewEncoder(w).Encode(past) // who is gone needs no answer
}

func (b *Board) past(be, name string) (past, bool) {
	var p past
	b.mu.Lock()
	defer b.mu.Unlock()
	for srv, h := range b.servers {
		if srv.Name != name || srv.Backend().Name() != be {
			continue
		}
		p.From = h.each(kept, func(s sample) {
			known := func(n int64) int64 {
				if s.state == 0 {
					return -1
				}
				return n
			}
			p.State = append(p.State, int(s.state)-1)
			p.Reqs, p.Errs = append(p.Reqs, known(int64(s.reqs))), append(p.Errs, known(int64(s.errs)))
			p.Cur, p.Queue = append(p.Cur, known(int64(s.cur))), append(p.Queue, known(int64(s.queue)))
			p.Sockets = append(p.Sockets, known(int64(s.sockets)))
			p.P50, p.P99 = append(p.P50, known(long(s.p50))), append(p.P99, known(long(s.p99)))
		})
		return p, true
	}
	return p, false
}

// page is what the template of the live page is given.
type page struct {
	URI, Title string
	Admin      bool
}

func titleOf(cfg *config.Stats, src *stats.Source) string {
	title := "bascule"
	if cfg.ShowNode {
		title += " on " + src.Process().Node
	}
	return title
}
