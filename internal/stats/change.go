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

// change does what a form says to servers that the page shows, and gives the word
// for the outcome.
func (p Page) change(cfg *config.Stats, r *stream.Asked) string {
	switch {
	case !r.Admin, Foreign(r):
		return "DENY"
	case !r.Whole:
		return "EXCD"
	}
	form, err := url.ParseQuery(string(r.Body))
	event, known := changes[form.Get("action")]
	shut := form.Get("action") == killSessions
	be := p.backend(form.Get("b"))
	switch {
	case err != nil || !known && !shut || be == nil || !cfg.Shows(be.Name()):
		return "ERRP"
	case len(form["s"]) == 0:
		return "NONE"
	}
	failed := 0
	for _, name := range form["s"] {
		srv := be.Server(name)
		switch {
		case srv == nil, shut && p.Source.Shutdown == nil:
			failed++
		case shut:
			p.Source.Shutdown(srv)
		default:
			if e := event(srv); e == nil || be.Ask(e) != nil {
				failed++
			}
		}
	}
	switch failed {
	case 0:
		return "DONE"
	case len(form["s"]):
		return "UNKN"
	}
	return "PART"
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
