package top

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"bascule/internal/terminal"
)

// Look is how the terminal is written to.
type Look struct {
	Colour bool
	ASCII  bool
}

const (
	// nameLeast and nameMost bound the width of the names.
	nameLeast, nameMost = 12, 40
	// roomyHeight is from where on there is room for events.
	roomyHeight = 14
)

// sign gives a character of Unicode or what stands for it in ASCII.
func (l Look) sign(unicode, ascii string) string {
	if l.ASCII {
		return ascii
	}
	return unicode
}

// compose lays the view out as lines; the table gets what is left of the height.
func (u *UI) compose(width, height int) []terminal.Line {
	if u.help {
		return u.paint(helpLines(width))
	}
	head := u.head()
	foot := []terminal.Line{u.foot()}
	events := u.eventLines(height)
	room := max(1, height-len(head)-len(foot)-len(events)-1)
	lines := append(head, u.table(width, room)...)
	for len(lines) < height-len(foot)-len(events) {
		lines = append(lines, nil)
	}
	return u.paint(append(append(lines, events...), foot...))
}

// paint takes colours out of lines for a terminal that shall have none; what is bold or
// reversed stays.
func (u *UI) paint(lines []terminal.Line) []terminal.Line {
	if u.look.Colour {
		return lines
	}
	for _, l := range lines {
		for i := range l {
			for _, colour := range []string{terminal.Red, terminal.Green, terminal.Yellow} {
				l[i].Style = strings.ReplaceAll(l[i].Style, colour, "")
			}
		}
	}
	return lines
}

// head tells which process it is and how it does as a whole.
func (u *UI) head() []terminal.Line {
	m := u.model
	title := terminal.Row("bascule top", terminal.Bold, "  "+clean(u.socket), terminal.Dim)
	if m.Now == nil {
		if m.Trouble == nil {
			return []terminal.Line{append(title, terminal.Row("  asking …", "")...)}
		}
		return []terminal.Line{title, terminal.Row("no answer: "+clean(m.Trouble.Error())+"; trying again", terminal.Red)}
	}
	info := m.Now.Info
	name := clean(info["Name"]) + " "
	if m.Now.own() {
		name = "" // its version has it
	}
	title = append(title, terminal.Row(fmt.Sprintf("  %s%s  pid %s  up %s", name, clean(info["Version"]), clean(info["Pid"]),
		age(time.Duration(m.Now.number("Uptime_sec"))*time.Second)), "")...)
	rate := 0.0
	if len(m.Rates) > 0 {
		rate = m.Rates[len(m.Rates)-1]
	}
	second := terminal.Row(fmt.Sprintf("connections %s of %s   ", clean(info["CurrConns"]), clean(info["Maxconn"])), "",
		short(rate)+" req/s ", terminal.Bold, u.line(m.Rates), terminal.Dim,
		fmt.Sprintf("   idle %s%%   tasks %s", clean(info["Idle_pct"]), clean(info["Tasks"])), "")
	if m.Trouble != nil {
		second = terminal.Row("no answer: "+clean(m.Trouble.Error())+"; trying again; this is of "+m.Now.At.Format(clock), terminal.Red+terminal.Bold)
	}
	return []terminal.Line{title, second}
}

// line draws the last twenty readings as a line of bars.
func (u *UI) line(readings []float64) string {
	bars := []rune(u.look.sign("▁▂▃▄▅▆▇█", "_.,-=+*#"))
	readings = readings[max(0, len(readings)-20):]
	if len(readings) < 2 {
		return ""
	}
	most := slices.Max(readings)
	var b strings.Builder
	for _, n := range readings {
		step := 0
		if most > 0 {
			step = int(n / most * float64(len(bars)-1))
		}
		b.WriteRune(bars[step])
	}
	return b.String()
}

// table are the heading and the rows around the cursor.
func (u *UI) table(width, room int) []terminal.Line {
	name := nameLeast
	for i := range u.rows {
		name = max(name, utf8.RuneCountInString(u.name(&u.rows[i])))
	}
	name = min(name, nameMost, max(nameLeast, width/3))
	cols := fitting(u.model, width-2-name)
	lines := []terminal.Line{u.heading(cols, name)}
	if len(u.rows) == 0 && u.model.Now != nil {
		return append(lines, terminal.Row("  nothing "+u.narrowed(), terminal.Dim))
	}
	first := min(max(0, u.first), max(0, len(u.rows)-room))
	if u.at >= 0 { // the cursor is seen
		first = max(min(first, u.at), u.at-room+1)
	}
	u.first, u.page = first, room
	for i := first; i < min(first+room, len(u.rows)); i++ {
		lines = append(lines, u.row(&u.rows[i], cols, name, i == u.at))
	}
	return lines
}

// heading names the columns, the one that sorts with a mark.
func (u *UI) heading(cols []column, name int) terminal.Line {
	l := terminal.Row(fmt.Sprintf("  %-*s", name, "name"), terminal.Dim)
	for _, c := range cols {
		style, title := terminal.Dim, c.title
		if c.title == u.sort {
			style, title = terminal.Bold, c.title+u.look.sign("▾", "*")
		}
		l = append(l, terminal.Row(" "+u.fit(title, c.width-1, c.left), style)...)
	}
	return l
}

// name is a row's first cell: servers stand below their backend unless the table is
// sorted or filtered.
func (u *UI) name(r *Row) string {
	switch {
	case r.Kind == kindFrontend:
		return u.look.sign("→ ", "> ") + r.Proxy
	case r.Kind == kindBackend:
		return u.look.sign("▸ ", "+ ") + r.Proxy
	case u.flat():
		return r.Proxy + "/" + r.Name
	}
	return "    " + r.Name
}

// row is a line of the table.
func (u *UI) row(r *Row, cols []column, name int, selected bool) terminal.Line {
	mark, style := "  ", ""
	if r.Kind != kindServer {
		style = terminal.Bold
	}
	if selected {
		mark, style = u.look.sign("❯ ", "* "), terminal.Reverse
	}
	l := terminal.Row(mark, terminal.Bold, u.fit(u.name(r), name, true), style)
	for _, c := range cols {
		style := ""
		if c.style != nil {
			style = c.style(r)
		}
		if u.model.Trouble != nil {
			style = terminal.Dim
		}
		l = append(l, terminal.Row(" "+u.fit(c.text(r), c.width-1, c.left), style)...)
	}
	return l
}

// fit brings text to a width; what is too long is cut with a mark.
func (u *UI) fit(text string, width int, left bool) string {
	n := utf8.RuneCountInString(text)
	if n > width {
		return string([]rune(text)[:width-1]) + u.look.sign("…", "~")
	}
	if left {
		return text + strings.Repeat(" ", width-n)
	}
	return strings.Repeat(" ", width-n) + text
}

// eventLines are the newest events, a third of the screen at most.
func (u *UI) eventLines(height int) []terminal.Line {
	if height < roomyHeight || u.quiet {
		return nil
	}
	events := u.model.Events
	room := max(3, min(height/3, height-8-len(u.rows)))
	source := "events, as seen from here"
	if u.model.Now != nil && u.model.Now.Events != nil {
		source = "events"
	}
	lines := []terminal.Line{terminal.Row(source, terminal.Dim)}
	if len(events) == 0 {
		return append(lines, terminal.Row("  none yet", terminal.Dim))
	}
	for _, e := range events[max(0, len(events)-room+1):] {
		lines = append(lines, terminal.Row("  "+e, eventStyle(e)))
	}
	return lines
}

// eventStyle has bad news in red.
func eventStyle(text string) string {
	for _, bad := range []string{"down", "DOWN", "refused", "failed", "no answer", "queue-full"} {
		if strings.Contains(text, bad) {
			return terminal.Red
		}
	}
	return ""
}

// narrowed says what the rows are narrowed to.
func (u *UI) narrowed() string {
	var what []string
	if u.filter != "" {
		what = append(what, "with \""+clean(u.filter)+"\"")
	}
	if u.onlyTrouble {
		what = append(what, "in trouble")
	}
	return strings.Join(what, ", ")
}

// foot is the question that is open, the last answer, or the keys.
func (u *UI) foot() terminal.Line {
	switch {
	case u.ask != nil:
		return terminal.Row(u.ask.text(), terminal.Bold+terminal.Yellow, u.ask.typed, "", u.look.sign("▏", "_"), "")
	case u.message != "":
		return terminal.Row(clean(u.message), terminal.Bold)
	}
	keys := "? help  d drain  m maint  r ready  w weight  / filter  s sort  t trouble  q quit"
	if text := u.narrowed(); text != "" {
		return terminal.Row("only "+text+" (Esc: all)   ", terminal.Yellow, keys, terminal.Dim)
	}
	return terminal.Row(keys, terminal.Dim)
}
