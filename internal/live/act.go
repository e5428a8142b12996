package live

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/events"
	"bascule/internal/lang"
	"bascule/internal/stats"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// act does what an operator orders: a POST of a form with action, backend,
// server, and deadline or weight. Each order is logged, refused ones too.
func (p *Page) act(w answerer, r *stream.Asked, cfg *config.Stats) {
	if r.Req.Method != wire.MethodPost {
		refuse(w, 405, "only POST is answered here", "Allow: POST\r\n")
		return
	}
	form, err := url.ParseQuery(string(r.Body))
	o := order{action: form.Get("action"), backend: form.Get("backend"), server: form.Get("server"), deadline: form.Get("deadline"), weight: form.Get("weight")}
	status, result := 200, "done"
	switch {
	case len(cfg.Admin) == 0, !r.Admin:
		status, result = 403, "refused: stats admin does not permit it"
	case stats.Foreign(r):
		status, result = 403, "refused: the request comes from another site's page"
	case !r.Whole:
		status, result = 413, "refused: the form is too large"
	case err != nil:
		status, result = 400, "refused: the form is not understood"
	case !cfg.Shows(o.backend):
		status, result = 409, "failed: "+noServer
	default:
		if why := p.Board.carry(&o); why != "" {
			status, result = 409, "failed: "+why
		}
	}
	p.Board.audit(&o, user(r, cfg), r.From.String(), result, status == 200)
	w.Head(status, "Content-Type: application/json\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n")
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": status == 200, "text": o.String() + ": " + result})
}

// An order is what an operator wants of a server.
type order struct{ action, backend, server, deadline, weight string }

// maxWord bounds what is repeated of an order in a log line.
const maxWord = 80

func (o *order) String() string {
	word := func(s string) string {
		if len(s) > maxWord {
			s = s[:maxWord]
		}
		return strings.Trim(strconv.QuoteToASCII(s), `"`)
	}
	s := word(o.action) + " of " + word(o.backend) + "/" + word(o.server)
	switch {
	case o.action == "weight":
		return s + " to " + word(o.weight)
	case o.action == "drain" && o.deadline != "":
		return s + " within " + word(o.deadline)
	}
	return s
}

// event is what the backend is asked; why is what is wrong with the order.
func (o *order) event(srv *backend.Server) (e backend.Event, why string) {
	switch o.action {
	case "ready":
		return backend.SetState{Srv: srv, Order: backend.Ready}, ""
	case "maint":
		return backend.SetState{Srv: srv, Order: backend.Maint}, ""
	case "weight":
		return backend.SetWeight{Srv: srv, Text: o.weight}, ""
	case "drain":
		if o.deadline == "" {
			return backend.SetState{Srv: srv, Order: backend.Drain}, ""
		}
		d, err := lang.ParseTime(withUnit(o.deadline), time.Millisecond)
		switch {
		case err != nil:
			return nil, "the deadline is not a time such as 90s or 5m"
		case d < time.Second:
			return nil, "the deadline must be at least 1s"
		}
		return backend.SetDrain{Srv: srv, Deadline: d, AtIdle: backend.DefaultAtIdle}, ""
	}
	return nil, "the actions are drain, maint, ready and weight"
}

// withUnit reads a bare number as seconds, as people mean it.
func withUnit(text string) string {
	if c := text[len(text)-1]; c >= '0' && c <= '9' {
		return text + "s"
	}
	return text
}

const noServer = "there is no such server"

// carry carries an order out.
func (b *Board) carry(o *order) (why string) {
	for _, be := range b.src.Backends() {
		if be.Name() != o.backend {
			continue
		}
		srv := be.Server(o.server)
		if srv == nil {
			break
		}
		e, why := o.event(srv)
		if why != "" {
			return why
		}
		if err := be.Ask(e); err != nil {
			return err.Error()
		}
		return ""
	}
	return noServer
}

// audit keeps who ordered what, and what became of it.
func (b *Board) audit(o *order, user, from, result string, done bool) {
	who := user
	if who == "" {
		who = "somebody"
	}
	text := fmt.Sprintf("Page: %s, ordered by %s from %s: %s", o, who, from, result)
	level := backend.LevelNotice
	if done {
		b.log.Info(text, "user", user, "from", from, "action", o.action, "server", o.backend+"/"+o.server, "result", result)
	} else {
		level = backend.LevelWarning
		b.log.Warn(text, "user", user, "from", from, "action", o.action, "server", o.backend+"/"+o.server, "result", result)
	}
	if ring := b.src.Events; ring != nil {
		ring.Add(events.Event{Kind: events.Action, Level: level, Proxy: o.backend, Server: o.server, Text: text})
	}
	if b.Tell != nil {
		b.Tell(level, text)
	}
}
