package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// Difference tells what Swap(cfg, …, forget) would change, line by line, and
// what that would touch, as of now. It changes nothing.
func (e *Engine) Difference(cfg *config.Config, forget bool) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := difference{was: e.Config(), now: cfg, e: e}
	for i := range cfg.Text {
		d.section(&cfg.Text[i])
	}
	for i := range d.was.Text {
		if was := &d.was.Text[i]; cfg.Section(was.Title) == nil {
			d.gone(was)
		}
	}
	d.sockets()
	d.runtime(forget)
	for _, note := range append(e.unchangeable(cfg), e.certs.Lost(secured(cfg))...) {
		d.say("note: %s", note)
	}
	if d.out.Len() == 0 {
		return "Nothing would change.\n"
	}
	return d.out.String()
}

// A difference is what it has found so far.
type difference struct {
	e        *Engine
	was, now *config.Config
	out      strings.Builder
}

func (d *difference) say(format string, args ...any) { fmt.Fprintf(&d.out, format+"\n", args...) }

// named are the keywords of which a section may have many lines: those with the
// same name are one line that changes.
var named = []string{"server", "bind", "stats socket"}

// nameOf is what a line is told by in both files: itself, if it has no name.
func nameOf(line string) string {
	for _, keyword := range named {
		if rest, ok := strings.CutPrefix(line, keyword+" "); ok {
			name, _, _ := strings.Cut(rest, " ")
			return keyword + " " + name
		}
	}
	return line
}

// byName are the lines of a section by what they are told by.
func byName(t *config.SectionText) map[string]string {
	m := map[string]string{}
	if t != nil {
		for _, line := range t.Lines {
			m[nameOf(line)] = line
		}
	}
	return m
}

// section tells what has changed in one that there is afterwards.
func (d *difference) section(now *config.SectionText) {
	was := d.was.Section(now.Title)
	if was == nil {
		d.say("+ %s", now.Title)
	} else if slices.Equal(was.Lines, now.Lines) {
		return
	} else {
		d.say("%s", now.Title)
	}
	_, proxy, _ := strings.Cut(now.Title, " ")
	before, after := byName(was), byName(now)
	moved := true
	for _, line := range now.Lines {
		old, there := before[nameOf(line)]
		switch {
		case !there:
			d.say("  + %s%s", line, d.added(proxy, line))
		case old != line:
			d.say("  - %s\n  + %s%s", old, line, d.changed(proxy, line))
		default:
			continue
		}
		moved = false
	}
	if was == nil {
		return
	}
	for _, line := range was.Lines {
		if _, there := after[nameOf(line)]; !there {
			d.say("  - %s%s", line, d.removed(proxy, line))
			moved = false
		}
	}
	if moved {
		d.say("  the same lines in another order, or another number of times")
	}
}

// gone tells of a section that there is no more.
func (d *difference) gone(was *config.SectionText) {
	_, name, _ := strings.Cut(was.Title, " ")
	touch := ""
	if f := d.e.fronts[name]; f != nil && d.now.Section(was.Title) == nil && !strings.HasPrefix(was.Title, "backend") {
		touch = fmt.Sprintf("  # its %d sessions end with their next reply, tunnels by themselves", f.Cur.Cur())
	}
	d.say("- %s%s", was.Title, touch)
	for _, line := range was.Lines {
		if strings.HasPrefix(line, "server ") {
			d.say("  - %s%s", line, d.removed(name, line))
		}
	}
}

// server is the running server of a line; nil: it is none, or does not run.
func (d *difference) server(proxy, line string) *backend.Server {
	words := strings.Fields(line)
	b := d.e.backends[proxy]
	if b == nil || len(words) < 2 || words[0] != "server" {
		return nil
	}
	return b.Server(words[1])
}

func (d *difference) added(proxy, line string) string {
	if b := d.e.backends[proxy]; b != nil && strings.HasPrefix(line, "server ") {
		return "  # takes part at once, as it would at the start"
	}
	return ""
}

func (d *difference) changed(proxy, line string) string {
	if srv := d.server(proxy, line); srv != nil {
		return fmt.Sprintf("  # keeps its state, counters and %s", carried(srv))
	}
	return ""
}

func (d *difference) removed(proxy, line string) string {
	srv := d.server(proxy, line)
	if srv == nil {
		return ""
	}
	deadline := srv.Backend().Config().DrainRemoved.For()
	for _, px := range d.now.Proxies {
		if px.Name == proxy && px.Backend {
			deadline = px.DrainRemoved.For()
		}
	}
	return fmt.Sprintf("  # %s %s", carried(srv), drained(deadline))
}

// carried tells what runs on a server.
func carried(srv *backend.Server) string {
	return fmt.Sprintf("%d sessions, %d of them WebSockets", srv.Cur.Cur(), srv.WebSockets.Load())
}

func drained(deadline time.Duration) string {
	if deadline == 0 {
		return "may end by themselves"
	}
	return fmt.Sprintf("are drained within %s", deadline)
}

// sockets tells which open and close.
func (d *difference) sockets() {
	was := map[string]wanted{}
	for _, w := range wants(d.was) {
		was[w.key] = w
	}
	for _, w := range wants(d.now) {
		if _, there := was[w.key]; !there {
			d.say("opens %s", w.title())
		}
		delete(was, w.key)
	}
	for _, w := range wants(d.was) {
		if _, stale := was[w.key]; stale {
			d.say("closes %s: once its queue is empty; what it has accepted %s", w.title(), d.after(w))
		}
	}
}

// after is what becomes of the connections of a socket that closes: they stay, or go
// with their frontend.
func (d *difference) after(w wanted) string {
	if w.px == nil || slices.ContainsFunc(d.now.Proxies, func(px *config.Proxy) bool { return px.Frontend && px.Name == w.px.Name }) {
		return "stays"
	}
	if within := w.px.DrainRemoved.For(); within > 0 {
		return fmt.Sprintf("is drained within %s", within)
	}
	return "may end by itself"
}

// title names a socket for people.
func (w *wanted) title() string {
	if w.socket != nil {
		return "stats socket " + w.bind.Addr.Text
	}
	return fmt.Sprintf("%s of %s %s", shown(&w.bind.Addr), kind(w.px), w.px.Name)
}

// runtime tells what was set at run time and stays, or is forgotten.
func (d *difference) runtime(forget bool) {
	verb := "stays as set at run time:"
	if forget {
		verb = "forgets what was set at run time:"
	}
	for _, px := range d.now.Proxies {
		b := d.e.backends[px.Name]
		if !px.Backend || b == nil {
			continue
		}
		for _, line := range px.Servers {
			if srv := b.Server(line.Name); srv != nil {
				for _, set := range srv.SetAtRunTime() {
					d.say("%s %s/%s %s", verb, px.Name, srv.Name, set)
				}
			}
		}
	}
}
