package top

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"bascule/internal/drill"
	"bascule/internal/terminal"
)

var styles = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)

// screen is what stands on a terminal, without styles and blanks at the ends.
func screen(u *UI, width, height int) string {
	var b bytes.Buffer
	terminal.Render(&b, u.compose(width, height), width, height)
	var lines []string
	for _, line := range strings.Split(styles.ReplaceAllString(b.String(), ""), "\r\n") {
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return strings.Join(lines, "\n") + "\n"
}

// golden compares with a file of testdata; UPDATE=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

func TestScreens(t *testing.T) {
	for name, tt := range map[string]struct {
		own           bool
		keys          string
		width, height int
		ascii         bool
	}{
		"haproxy":       {width: 130, height: 24},
		"bascule":       {own: true, width: 150, height: 24},
		"narrow":        {own: true, width: 50, height: 16},
		"tiny":          {own: true, width: 12, height: 3},
		"ascii":         {own: true, width: 100, height: 20, ascii: true},
		"sorted":        {own: true, keys: "ss", width: 100, height: 20},
		"filtered":      {own: true, keys: "/web2\r", width: 100, height: 20},
		"trouble":       {keys: "t", width: 100, height: 20},
		"help":          {keys: "?", width: 90, height: 30},
		"asked":         {own: true, keys: "d5m", width: 100, height: 16},
		"to be sent":    {own: true, keys: "d5m\r", width: 100, height: 16},
		"without event": {keys: "e", width: 100, height: 16},
	} {
		t.Run(name, func(t *testing.T) {
			u := seen(t, tt.own)
			u.look.ASCII = tt.ascii
			press(u, tt.keys)
			golden(t, strings.ReplaceAll(name, " ", "-"), screen(u, tt.width, tt.height))
		})
	}
}

func TestNothingIsWiderThanTheTerminal(t *testing.T) {
	u := seen(t, true)
	for width := 1; width < 200; width += 7 {
		for height := 1; height < 50; height += 3 {
			got := strings.Split(strings.TrimSuffix(screen(u, width, height), "\n"), "\n")
			if len(got) > height {
				t.Fatalf("%d lines on %d", len(got), height)
			}
			for _, line := range got {
				if n := utf8.RuneCountInString(line); n > width {
					t.Fatalf("%d characters on %d: %q", n, width, line)
				}
			}
		}
	}
}

func TestTheCursorIsAlwaysSeen(t *testing.T) {
	u := seen(t, false)
	for range 3 {
		screen(u, 80, 6) // room for two rows
		for _, keys := range []string{"G", "↑", "↑", "g", "↓", "↓", "↓"} {
			press(u, keys)
			if got := screen(u, 80, 6); !strings.Contains(got, "❯ ") {
				t.Fatalf("after %s:\n%s", keys, got)
			}
		}
	}
}

func TestColoursAreForTerminalsThatWantThem(t *testing.T) {
	u := seen(t, true)
	coloured := regexp.MustCompile(`\x1b\[[0-9;]*3[0-7][;m]`)
	for _, colour := range []bool{true, false} {
		u.look.Colour = colour
		var b bytes.Buffer
		terminal.Render(&b, u.compose(100, 20), 100, 20)
		if coloured.MatchString(b.String()) != colour {
			t.Errorf("colour %v: %q", colour, b.String())
		}
	}
}

func TestWhatTheProcessSaysCannotSteerTheTerminal(t *testing.T) {
	p := startProcess(t)
	p.say(true, 100, "UP\x1b[2J\x07")
	p.answers["show events"] = "7 2026-11-23T10:00:00.000Z 5 action - \x1b]0;title\x07 said\n"
	u := &UI{look: Look{Colour: true}, model: &Model{}}
	u.model.Add(p.sample(t, 0))
	u.refresh()
	u.model.Fail(errors.New("a\x1b[31mb"), began)
	if got := screen(u, 120, 20); strings.ContainsAny(got, "\x1b\x07\u009b") {
		t.Errorf("%q", got)
	}
}

func TestAProcessThatDoesNotAnswerIsSaidAndComesBack(t *testing.T) {
	u := seen(t, false)
	u.model.Fail(errors.New("connection refused"), began)
	u.refresh()
	got := screen(u, 100, 20)
	for _, want := range []string{"no answer: connection refused; trying again; this is of 10:00:01", "web1"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	p := startProcess(t)
	p.say(false, 10, "UP")
	p.answers["show info"] = strings.Replace(p.answers["show info"], "4711", "4712", 1)
	u.model.Add(p.sample(t, 5))
	u.refresh()
	events := strings.Join(u.model.Events, "\n")
	for _, want := range []string{"no answer: connection refused", "it answers again", "process 4712 has taken the place of 4711"} {
		if !strings.Contains(events, want) {
			t.Errorf("%q is not in\n%s", want, events)
		}
	}
	if u.model.Rows[0].Rate != 25 { // as the process says: counters of another one are no base
		t.Errorf("a rate of %v", u.model.Rows[0].Rate)
	}
	(&UI{model: &Model{Trouble: errors.New("no such file")}}).compose(80, 24)
}

func TestOncePrintsATable(t *testing.T) {
	for name, own := range map[string]bool{"once-haproxy": false, "once-bascule": true} {
		p := startProcess(t)
		p.say(own, 300, "DOWN")
		var b bytes.Buffer
		if err := once(t.Context(), &options{socket: p.path}, Look{ASCII: true}, 160, &b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, strings.ReplaceAll(b.String(), p.path, "SOCKET"))
	}
}

func TestHAProxyIsAskedNothingThatItDoesNotKnow(t *testing.T) {
	for _, own := range []bool{false, true} {
		p := startProcess(t)
		p.say(own, 1, "UP")
		if _, err := take(t.Context(), drill.Runtime(p.path)); err != nil {
			t.Fatal(err)
		}
		want := "show info, show stat"
		if own {
			want += ", show events"
		}
		if got := strings.Join(p.asked, ", "); got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
	}
}
