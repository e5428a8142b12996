package stats

import (
	"net/url"
	"strconv"
	"strings"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/stream"
)

// outcomes are what became of a form, as the page says it: the words behind
// ;st= are HAProxy's.
var outcomes = map[string]string{
	"DONE": "The change is made.", "PART": "Some of the changes were not made.", "NONE": "Nothing was changed: no server was chosen.",
	"ERRP": "Nothing was changed: the form was not understood.", "UNKN": "Nothing was changed.",
	"EXCD": "Nothing was changed: the form is too large.", "DENY": "Nothing was changed: you may not.",
}

// results are the same outcomes, for the line about an order.
var results = map[string]string{
	"DONE": "done", "PART": "failed for some", "NONE": "refused: no server was chosen", "ERRP": "refused: the form is not understood", "UNKN": "failed",
	"EXCD": "refused: the form is too large",
}

// change does what a form says to servers that the page shows, and gives the word
// for the outcome. Each order is told to Audit, refused ones too.
func (p Page) change(cfg *config.Stats, r *stream.Asked) (outcome string) {
	form, err := url.ParseQuery(string(r.Body))
	o := Order{Action: form.Get("action"), Backend: form.Get("b"), Servers: form["s"], User: User(r, cfg), From: r.From.String()}
	be := p.backend(o.Backend)
	if be != nil {
		o.Backend = be.Name() // the form may give its number
	}
	_, known := changes[o.Action]
	switch o.Result = Forbidden(r, cfg); {
	case o.Result != "":
		outcome = "DENY"
	case !r.Whole:
		outcome = "EXCD"
	case err != nil || !known && o.Action != killSessions || be == nil || !cfg.Shows(be.Name()):
		outcome = "ERRP"
	case len(o.Servers) == 0:
		outcome = "NONE"
	default:
		outcome = p.carry(&o, be)
	}
	if o.Result == "" {
		o.Result = results[outcome]
	}
	o.Done = outcome == "DONE"
	if p.Audit != nil {
		p.Audit(&o)
	}
	return outcome
}

// carry carries an order out, server by server.
func (p Page) carry(o *Order, be *backend.Backend) (outcome string) {
	failed := 0
	for _, name := range o.Servers {
		if srv := be.Server(name); srv == nil || !p.done(o.Action, srv) {
			failed++
		}
	}
	switch failed {
	case 0:
		return "DONE"
	case len(o.Servers):
		return "UNKN"
	}
	return "PART"
}

// done does one action to one server and says whether that was possible.
func (p Page) done(action string, srv *backend.Server) bool {
	if action == killSessions {
		if p.Source.Shutdown == nil {
			return false
		}
		p.Source.Shutdown(srv)
		return true
	}
	e := changes[action](srv)
	return e != nil && srv.Backend().Ask(e) == nil
}

// Foreign says that a browser made the request for another site's page: its user
// did not mean it. Fetch Metadata say so, or an Origin that is not the Host that
// was asked. What no browser sends has neither.
func Foreign(r *stream.Asked) bool {
	if site := r.Header("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return true
	}
	origin := r.Header("Origin")
	if origin == "" {
		return false
	}
	_, host, ok := strings.Cut(origin, "://")
	return !ok || !strings.EqualFold(host, r.Header("Host"))
}

// backend finds the form's backend: its name, or # and its number.
func (p Page) backend(word string) *backend.Backend {
	for _, b := range p.Source.Backends() {
		if b.Name() == word || "#"+strconv.Itoa(b.ID()) == word {
			return b
		}
	}
	return nil
}

// changed answers a form: the page follows, and says what became of it.
func (p Page) changed(w answerer, cfg *config.Stats, r *stream.Asked) {
	w.Head(303, "Location: "+cfg.URI+";st="+p.change(cfg, r)+"\r\nCache-Control: no-cache\r\nContent-Type: text/plain\r\n")
}
