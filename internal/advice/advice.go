// Package advice finds what a configuration may say and its user regrets: lines
// that HAProxy accepts, and that cost sessions, caches or sleep later.
package advice

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bascule/internal/config"
	"bascule/internal/lang"
)

// An Advice is one thing to look for. The table is the page docs/advice.md.
type Advice struct {
	ID      string // never changes: programs filter by it
	What    string // what is found, a sentence
	Why     string // the fact behind it
	Instead string // what to write
	find    func(*finder)
}

// A Finding is one place that an Advice is about.
type Finding struct {
	*Advice
	At      lang.Pos
	Section string // "backend web", "global"
	Keyword string // of the line
	Text    string // what is said there
}

// All is the table, in the order of the page.
func All() []Advice { return slices.Clone(table) }

// Give looks for everything in a configuration; the findings come in the order
// of the lines.
func Give(cfg *config.Config) []Finding {
	f := &finder{cfg: cfg}
	for i := range table {
		f.advice = &table[i]
		f.advice.find(f)
	}
	slices.SortStableFunc(f.found, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.At.File, b.At.File), a.At.Line-b.At.Line)
	})
	return once(f.found)
}

// once leaves out what was said already about a line: one line of defaults
// counts for every section below it.
func once(found []Finding) []Finding {
	type saying struct {
		id   string
		at   lang.Pos
		text string
	}
	said := map[saying]bool{}
	return slices.DeleteFunc(found, func(a Finding) bool {
		s := saying{a.ID, a.At, a.Text}
		again := said[s]
		said[s] = true
		return again
	})
}

// A finder looks through one configuration.
type finder struct {
	cfg    *config.Config
	advice *Advice
	found  []Finding
}

// proxies are those that run.
func (f *finder) proxies(yield func(*config.Proxy) bool) {
	for _, p := range f.cfg.Proxies {
		if !p.Disabled && !yield(p) {
			return
		}
	}
}

// backends are the proxies with servers.
func (f *finder) backends(yield func(*config.Proxy) bool) {
	f.proxies(func(p *config.Proxy) bool {
		return !p.Backend || len(p.Servers) == 0 || yield(p)
	})
}

// frontends are the proxies that listen.
func (f *finder) frontends(yield func(*config.Proxy) bool) {
	f.proxies(func(p *config.Proxy) bool { return !p.Frontend || len(p.Binds) == 0 || yield(p) })
}

// at notes a finding at a keyword of p, or at its header if no line has it.
func (f *finder) at(p *config.Proxy, keyword, format string, args ...any) {
	pos, ok := p.Said(keyword)
	if !ok {
		pos = position(p.Line)
	}
	f.add(pos, title(p), keyword, format, args)
}

// server notes a finding at a server's line.
func (f *finder) server(p *config.Proxy, s *config.Server, format string, args ...any) {
	f.add(position(s.Line), title(p), "server", format, args)
}

// bind notes a finding at a bind line.
func (f *finder) bind(p *config.Proxy, b *config.Bind, format string, args ...any) {
	f.add(position(b.Line), title(p), "bind", format, args)
}

// global notes a finding at a keyword of global.
func (f *finder) global(keyword, format string, args ...any) {
	pos, _ := f.cfg.Said(keyword)
	f.add(pos, "global", keyword, format, args)
}

func (f *finder) add(pos lang.Pos, section, keyword, format string, args []any) {
	f.found = append(f.found, Finding{Advice: f.advice, At: pos, Section: section, Keyword: keyword, Text: fmt.Sprintf(format, args...)})
}

// title is the section's header.
func title(p *config.Proxy) string {
	kind := "listen"
	switch {
	case !p.Backend:
		kind = "frontend"
	case !p.Frontend:
		kind = "backend"
	}
	return kind + " " + p.Name
}

// position reads file:line.
func position(line string) lang.Pos {
	i := strings.LastIndexByte(line, ':')
	if i < 0 {
		return lang.Pos{File: line}
	}
	n, _ := strconv.Atoi(line[i+1:]) // 0, no line, where it is none
	return lang.Pos{File: line[:i], Line: n, Col: 1}
}
