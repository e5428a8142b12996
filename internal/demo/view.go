package demo

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"bascule/internal/terminal"
)

// drawEvery is how often the view is drawn; a key draws it at once.
const drawEvery = 250 * time.Millisecond

// roomyHeight is from where on all places are shown; below it the events need the rows.
const roomyHeight = 30

// keysHelp is the last line of the view.
const keysHelp = "↑↓ 1-4 server   k kill -9   s start   d drain   r ready   R reload   q quit"

// view shows the demo in a terminal and obeys keys until ctx, the balancer or q ends it.
func (d *demo) view(ctx context.Context, in, out *os.File) error {
	scr, err := terminal.Open(in, out)
	if err != nil {
		return err
	}
	defer scr.Close()
	ctx, cancel := context.WithCancel(ctx)
	keys := make(chan terminal.Key)
	ended := make(chan struct{})
	// Ends with ctx; waited for below.
	go func() { defer close(ended); terminal.ReadKeys(ctx, in, keys) }()
	defer func() { cancel(); <-ended }()

	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	selected := 0
	for {
		width, height := scr.Size()
		state, events := d.shown(height)
		scr.Draw(compose(state, events, d.places(), selected, height), width, height)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		case <-d.lab.Lost():
			return d.lab.LostError()
		case pressed := <-keys:
			if pressed == 'q' || pressed == terminal.KeyCtrlC {
				d.quit()
				return nil
			}
			selected = d.press(ctx, pressed, selected)
		}
	}
}

// press obeys one key and returns the server that is selected then.
func (d *demo) press(ctx context.Context, pressed terminal.Key, selected int) int {
	verb := ""
	switch pressed {
	case terminal.KeyUp:
		return (selected + len(names) - 1) % len(names)
	case terminal.KeyDown, '\t':
		return (selected + 1) % len(names)
	case '1', '2', '3', '4':
		return int(pressed - '1')
	case 'k':
		verb = verbKill
	case 's':
		verb = verbStart
	case 'd':
		verb = verbDrain
	case 'r':
		verb = verbReady
	case 'R':
		verb = verbReload
	default:
		return selected
	}
	// Ends by itself: each thing that is done is bounded. Waited for before the lab ends.
	d.acts.Go(func() { d.act(ctx, action{verb: verb, server: names[selected]}) })
	return selected
}

// places are the addresses to show.
func (d *demo) places() [][2]string {
	return [][2]string{
		{"site", d.lab.Site.URL + "/"},
		{"", d.lab.Secure.URL + "/"},
		{"stats", d.lab.Stats},
		{"config", d.lab.Config},
		{"socket", string(d.lab.Runtime)},
		{"try", "curl -i " + d.lab.Site.URL + "/api/v1/health"},
		{"", "curl -i --cacert " + d.lab.CA + " " + d.lab.Secure.URL + "/api/v1/health"},
	}
}

// compose lays a snapshot out as lines; the events get what is left of the height.
func compose(s snapshot, events []event, places [][2]string, selected, height int) []terminal.Line {
	lines := []terminal.Line{terminal.Row("bascule demo", terminal.Bold, fmt.Sprintf("   running for %s", s.at.Truncate(time.Second)), terminal.Dim)}
	if height < roomyHeight {
		places = places[:min(1, len(places))]
	}
	for _, place := range places {
		lines = append(lines, terminal.Row(fmt.Sprintf("%-7s", place[0]), terminal.Dim, place[1], ""))
	}
	lines = append(lines, nil, terminal.Row(fmt.Sprintf("  %-16s %8s %-9s %6s %8s %7s %10s  %-8s %s",
		"server", "process", "state", "weight", "sessions", "req/s", "requests", "check", ""), terminal.Dim))
	for i, srv := range s.servers {
		lines = append(lines, srv.line(i == selected))
	}
	l, c := s.load, s.chat
	lost := ""
	if l.Lost > 0 {
		lost = terminal.Red
	}
	lines = append(lines, nil,
		terminal.Row("requests  ", terminal.Dim, fmt.Sprintf("%.0f/s", l.PerSecond), terminal.Bold,
			fmt.Sprintf("   p50 %s   p99 %s   longest %s   %s in all", millis(l.P50), millis(l.P99), millis(l.Max), thousands(l.Requests)), ""),
		terminal.Row("lost      ", terminal.Dim, fmt.Sprint(l.Lost), lost+terminal.Bold,
			fmt.Sprintf("   failed in flight at a kill %d   nobody could answer %d", l.InFlight, l.Unserved), ""),
		terminal.Row("chat      ", terminal.Dim, fmt.Sprintf("%d", c.Connected), terminal.Bold,
			fmt.Sprintf(" of %d WebSockets   %s messages said, %d not acknowledged yet   %d reconnects", c.Clients, thousands(c.Said), c.Said-c.Acked, c.Reconnects), ""),
		terminal.Row("cache     ", terminal.Dim, percent(s.cache), terminal.Bold, " of the last segments were hits", ""),
		nil, terminal.Row("events", terminal.Dim))
	room := max(0, height-len(lines)-2)
	for _, e := range events[max(0, len(events)-room):] {
		lines = append(lines, terminal.Row(e.String(), ""))
	}
	for len(lines) < height-1 {
		lines = append(lines, nil)
	}
	return append(lines, terminal.Row(keysHelp, terminal.Dim))
}

// line is a server's row of the table.
func (s serverState) line(selected bool) terminal.Line {
	mark, name := "  ", ""
	if selected {
		mark, name = "▸ ", terminal.Bold
	}
	process, processStyle := fmt.Sprint(s.pid), ""
	if s.pid == 0 {
		process, processStyle = "dead", terminal.Red
	}
	style := terminal.Yellow
	switch word, _, _ := strings.Cut(s.status, " "); word {
	case "UP":
		style = terminal.Green
	case "DOWN":
		style = terminal.Red
	}
	own := ""
	switch {
	case s.pid == 0:
	case s.cache >= 0:
		own = "cache " + percent(s.cache)
	case s.local+s.redis > 0:
		own = fmt.Sprintf("%d WebSockets, auth local %d Redis %d", s.sockets, s.local, s.redis)
	}
	return terminal.Row(
		mark, name, fmt.Sprintf("%-16s ", s.name), name, fmt.Sprintf("%8s ", process), processStyle,
		fmt.Sprintf("%-9s ", s.status), style,
		fmt.Sprintf("%6d %8d %7.1f %10s  %-8s ", s.weight, s.sessions, s.perSecond, thousands(s.requests), s.check), "",
		own, terminal.Dim,
	)
}
