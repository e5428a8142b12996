package live

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
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
	told := o.told()
	told.User, told.From = stats.User(r, cfg), r.From.String()
	status := 200
	switch told.Result = stats.Forbidden(r, cfg); {
	case told.Result != "":
		status = 403
	case !r.Whole:
		status, told.Result = 413, "refused: the form is too large"
	case err != nil:
		status, told.Result = 400, "refused: the form is not understood"
	case !cfg.Shows(o.backend):
		status, told.Result = 409, "failed: "+noServer
	default:
		if why := p.Board.carry(&o); why != "" {
			status, told.Result = 409, "failed: "+why
		} else {
			told.Result, told.Done = "done", true
		}
	}
	p.Board.Audit(told)
	w.Head(status, "Content-Type: application/json\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n")
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": told.Done, "text": told.String() + ": " + told.Result})
}

// An order is what an operator wants of a server.
type order struct{ action, backend, server, deadline, weight string }

// told is the order as others are told of it.
func (o *order) told() *stats.Order {
	t := &stats.Order{Action: o.action, Backend: o.backend, Servers: []string{o.server}}
	switch {
	case o.action == "weight":
		t.How = "to " + o.weight
	case o.action == "drain" && o.deadline != "":
		t.How = "within " + o.deadline
	}
	return t
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

// Audit keeps who ordered what on a page, and what became of it.
func (b *Board) Audit(o *stats.Order) {
	who := o.User
	if who == "" {
		who = "somebody"
	}
	text := fmt.Sprintf("Page: %s, ordered by %s from %s: %s", o, who, o.From, o.Result)
	at, level := slog.LevelInfo, backend.LevelNotice
	if !o.Done {
		at, level = slog.LevelWarn, backend.LevelWarning
	}
	b.log.Log(context.Background(), at, text, "user", o.User, "from", o.From, "action", o.Action, "server", o.Targets(), "result", o.Result)
	e := events.Event{Kind: events.Action, Level: level, Proxy: o.Backend, Text: text}
	if len(o.Servers) == 1 {
		e.Server = o.Servers[0]
	}
	if ring := b.src.Events; ring != nil {
		ring.Add(e)
	}
	if b.Tell != nil {
		b.Tell(level, text)
	}
}
