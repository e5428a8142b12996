package stats

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"bascule/internal/config"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// An answerer takes an answer: *stream.Writer, or a test.
type answerer interface {
	Head(status int, fields string)
	io.Writer
}

// readOnly answers methods other than GET and HEAD with 405.
func readOnly(w answerer, r *stream.Asked) bool {
	if m := r.Req.Method; m == wire.MethodGet || m == wire.MethodHead {
		return true
	}
	w.Head(405, "Allow: GET, HEAD\r\nContent-Type: text/plain\r\n")
	_, _ = io.WriteString(w, "only GET and HEAD are answered here\n")
	return false
}

// Page is the statistics page at `stats uri`, with ;csv, ;json, ;typed, ;up,
// ;no-maint and ;norefresh behind it.
type Page struct {
	Source *Source
	Audit  func(*Order) // is told of every order of stats admin; nil: nobody
}

// Serve answers with the page or one of its other forms.
func (p Page) Serve(w *stream.Writer, r *stream.Asked) { p.answer(w, r) }

// Admit finds the page that a request asks for, and answers it if there is none
// or if its user is not one of `stats auth`. rest is what stands behind `stats uri`.
func (p Page) Admit(w answerer, r *stream.Asked) (cfg *config.Stats, rest string, ok bool) {
	target := string(r.Req.Target())
	proxy := p.proxy(r.Frontend, target)
	if proxy == nil { // a reload took the page away meanwhile
		w.Head(404, "Content-Type: text/plain\r\n")
		return nil, "", false
	}
	cfg = proxy.Stats
	if len(cfg.Auth) > 0 && !authorized(cfg.Auth, r.Header("Authorization")) {
		unauthorized(w, cfg.Realm)
		return nil, "", false
	}
	return cfg, target[len(cfg.URI):], true
}

func (p Page) answer(w answerer, r *stream.Asked) {
	cfg, rest, ok := p.Admit(w, r)
	if ok {
		p.Answer(w, r, cfg, rest)
	}
}

// Answer answers who was admitted.
func (p Page) Answer(w answerer, r *stream.Asked, cfg *config.Stats, rest string) {
	if r.Req.Method == wire.MethodPost && len(cfg.Admin) > 0 {
		p.changed(w, cfg, r)
		return
	}
	if !readOnly(w, r) {
		return
	}
	v := parseView(cfg, rest)
	fields := "Cache-Control: no-cache\r\nContent-Type: " + v.contentType() + "\r\n"
	if v.refresh > 0 {
		fields += fmt.Sprintf("Refresh: %d\r\n", int64(v.refresh/time.Second))
	}
	if v.html {
		fields += pageFields
	}
	w.Head(200, fields)
	rows := Rows(p.Source, v.filter)
	// A client that is gone needs no answer, so errors end here.
	if v.html {
		_ = writePage(w, p.Source, cfg, &v, rows)
		return
	}
	_ = Write(w, rows, v.format, false)
}

// pageFields keep the page from being framed or from loading anything; its
// style is inline, and it has no script.
const pageFields = "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'\r\n" +
	"X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\n"

// proxy is the one whose `stats uri` was asked for: the frontend itself, else
// a backend.
func (p Page) proxy(frontend, target string) *config.Proxy {
	c := p.Source.Config()
	var found *config.Proxy
	for _, px := range c.Proxies {
		if px.Stats == nil || !strings.HasPrefix(target, px.Stats.URI) {
			continue
		}
		switch {
		case px.Frontend && px.Name == frontend:
			return px
		case px.Backend && found == nil:
			found = px
		}
	}
	return found
}

// authorized checks an Authorization field (RFC 7617) against `stats auth`
// lines, in a time that says nothing about them.
func authorized(accounts []string, field string) bool {
	scheme, token, _ := strings.Cut(field, " ")
	given, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(token))
	if !strings.EqualFold(scheme, "Basic") || err != nil {
		return false
	}
	sum, ok := sha256.Sum256(given), 0
	for _, a := range accounts {
		want := sha256.Sum256([]byte(a))
		ok |= subtle.ConstantTimeCompare(sum[:], want[:])
	}
	return ok == 1
}

var quotedEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", "")

func unauthorized(w answerer, realm string) {
	w.Head(401, `WWW-Authenticate: Basic realm="`+quotedEscapes.Replace(realm)+"\"\r\nCache-Control: no-cache\r\nContent-Type: text/html\r\n")
	_, _ = io.WriteString(w, "<!DOCTYPE html><title>401</title><h1>401 Unauthorized</h1><p>A name and a password are needed here.</p>\n")
}

// A view is what the part of the target behind `stats uri` asks for.
type view struct {
	html    bool
	format  Format
	filter  Filter
	refresh time.Duration // 0: none
	silent  bool          // ;norefresh
	scope   string        // as it came
	outcome string        // of the form that led here
}

// separators stand before options: HAProxy's semicolon, and what a form sends.
const separators = ";?&"

// parseView reads the options; what comes before the first of them is nothing,
// since `stats uri` is a prefix.
func parseView(cfg *config.Stats, rest string) view {
	v := view{html: true, refresh: cfg.Refresh}
	if i := strings.IndexAny(rest, separators); i >= 0 {
		rest = rest[i:]
	} else {
		rest = ""
	}
	for o := range strings.FieldsFuncSeq(rest, func(c rune) bool { return strings.ContainsRune(separators, c) }) {
		switch name, value, _ := strings.Cut(o, "="); name {
		case "csv":
			v.html, v.format = false, CSV
		case "json":
			v.html, v.format = false, JSON
		case "typed":
			v.html, v.format = false, Typed
		case "up":
			v.filter.Up = true
		case "no-maint":
			v.filter.NoMaint = true
		case "norefresh":
			v.silent, v.refresh = true, 0
		case "st":
			v.outcome = outcomes[value]
		case "scope":
			v.scope = unescape(value)
		}
	}
	v.filter.Scope = v.scope
	v.filter.Legends, v.filter.Page = cfg.ShowLegends, cfg
	return v
}

func (v *view) contentType() string {
	switch {
	case v.html:
		return "text/html; charset=utf-8"
	case v.format == JSON:
		return "application/json"
	}
	return "text/plain"
}

// maxScope is how long a scope may be; HAProxy's form takes 20 characters.
const maxScope = 20

func unescape(s string) string {
	s = strings.ReplaceAll(s, "+", " ")
	if u, err := url.PathUnescape(s); err == nil {
		s = u
	}
	if len(s) > maxScope {
		s = s[:maxScope]
	}
	return s
}
