package config

import (
	"slices"
	"strings"
	"time"
)

// defaultStatsURI is where the page is when `stats uri` does not say.
const defaultStatsURI = "/haproxy?stats"

// stats is the proxy's statistics page, made by the first `stats` line. A
// section never changes what its defaults section said.
func (x *line) stats() *Stats {
	if x.px.Stats == nil {
		x.px.Stats = &Stats{URI: defaultStatsURI, Realm: "HAProxy Statistics"}
	}
	return x.px.Stats
}

func parseStatsURI(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'uri' needs an URI prefix.")
		return
	}
	x.stats().URI = x.arg(0)
}

func parseStatsRefresh(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'refresh' needs a positive interval value (in seconds).")
		return
	}
	if d, ok := x.timeOf(x.args[0], "argument to stats refresh interval", time.Second); ok {
		x.stats().Refresh = d
	}
}

func parseStatsRealm(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'realm' needs an realm name.")
		return
	}
	x.stats().Realm = x.arg(0)
}

func parseStatsAuth(x *line) {
	if user, _, ok := strings.Cut(x.arg(0), ":"); !ok || user == "" {
		x.alert(x.at(0), "'auth' needs a user:password account.")
		return
	}
	s := x.stats()
	s.Auth = append(s.Auth, x.arg(0))
}

func parseStatsDesc(x *line) {
	words := make([]string, len(x.args))
	for i, w := range x.args {
		words[i] = w.Text
	}
	s := x.stats()
	s.ShowDesc = strings.Join(words, " ")
	if s.ShowDesc == "" {
		s.ShowDesc = x.cfg.Global.Description
	}
}

func parseStatsScope(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'scope' needs a proxy name.")
		return
	}
	s := x.stats()
	s.Scope = append(s.Scope, x.arg(0))
}

// Shows says whether a page shows a proxy, which is in its `stats scope` or
// there is none. A nil Stats is no page, and hides nothing.
func (s *Stats) Shows(proxy string) bool {
	return s == nil || len(s.Scope) == 0 || slices.Contains(s.Scope, proxy)
}

// ownScope is the scope of the page of a proxy, for which `.` stands.
func (s *Stats) ownScope(proxy string) {
	s.Scope = slices.Clone(s.Scope)
	for i, name := range s.Scope {
		if name == "." {
			s.Scope[i] = proxy
		}
	}
}

// statsKeywords are the `stats X` lines of proxies.
var statsKeywords = []Keyword{
	{Name: "stats auth", In: inProxy, Usage: "<user>:<password>", Text: "Asks for a name and a password before the page is shown. May be repeated.", Example: "stats auth operator:secret", parse: parseStatsAuth},
	{Name: "stats enable", In: inProxy, Text: "Serves the statistics page, at /haproxy?stats where stats uri says nothing else.", Example: "stats enable", parse: func(x *line) { x.stats() }},
	{Name: "stats hide-version", In: inProxy, Text: "Leaves the version out of the page.", Example: "stats hide-version", parse: func(x *line) { x.stats().HideVersion = true }},
	{Name: "stats realm", In: inProxy, Usage: "<realm>", Text: "The realm that stats auth asks for.", Example: "stats realm Balancer", parse: parseStatsRealm},
	{Name: "stats refresh", In: inProxy, Usage: "<time>", Text: "The page reloads itself after this time; seconds where it has no unit.", Example: "stats refresh 5s", parse: parseStatsRefresh},
	{Name: "stats scope", In: inProxy, Usage: "{ <proxy> | . }", Text: "Shows this proxy on the page and in its CSV and JSON, and no other but those of further lines; `.` is the proxy in which the line stands. Where there is no such line all are shown.",
		Differs: "what is not shown cannot be changed by stats admin.", Example: "stats scope .", parse: parseStatsScope},
	{Name: "stats show-desc", In: inProxy, Usage: "[<text>]", Text: "Shows a description on the page, that of global where there is no text.", Example: "stats show-desc Lab fleet", parse: parseStatsDesc},
	{Name: "stats show-legends", In: inProxy, Text: "Shows more about every server on the page.", Example: "stats show-legends", parse: func(x *line) { x.stats().ShowLegends = true }},
	{Name: "stats show-node", In: inProxy, Usage: "[<name>]", Text: "Shows the name of this machine on the page.", Example: "stats show-node", parse: func(x *line) { x.stats().ShowNode = true }},
	{Name: "stats uri", In: inProxy, Usage: "<prefix>", Text: "Where the statistics page is; `;csv` behind it gives the figures as CSV.", Example: "stats uri /stats", parse: parseStatsURI},
}
