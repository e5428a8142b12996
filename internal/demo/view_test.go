package demo

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"bascule/internal/drill"
	"bascule/internal/terminal"
)

// lockedBuffer is a bytes.Buffer that two goroutines may use.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

var moment = snapshot{
	at: 83 * time.Second,
	servers: []serverState{
		{name: "backend-api-1", backend: drill.APIPool, pid: 4711, status: "UP", check: "L7OK", weight: 100, sessions: 26, requests: 12345, perSecond: 81, sockets: 25, local: 20, redis: 5, cache: -1},
		{name: "backend-api-2", backend: drill.APIPool, status: "DOWN", check: "L4CON", weight: 100, cache: -1},
		{name: "stream-server-1", backend: drill.StreamPool, pid: 4713, status: "DRAIN", check: "L7OK", weight: 100, cache: 0.9},
	},
	load:  drill.LoadReport{Requests: 16000, Lost: 2, InFlight: 3, PerSecond: 204.6, P50: 600 * time.Microsecond, P99: 21 * time.Millisecond, Max: 3 * time.Second},
	chat:  drill.Chatting{Clients: 50, Connected: 49, Reconnects: 25, Said: 2000, Acked: 1998},
	cache: 0.9,
}

// text renders lines without their styles.
func text(lines []terminal.Line, width, height int) string {
	var b bytes.Buffer
	terminal.Render(&b, lines, width, height)
	return regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`).ReplaceAllString(b.String(), "")
}

func TestViewShowsAMoment(t *testing.T) {
	events := []event{{5 * time.Second, "first"}, {6 * time.Second, "second"}}
	got := text(compose(moment, events, [][2]string{{"site", "http://127.0.0.1:8080/"}}, 1, 20), 120, 20)
	want := []string{
		"bascule demo   running for 1m23s",
		"site   http://127.0.0.1:8080/",
		"",
		"  server            process state     weight sessions   req/s   requests  check    ",
		"  backend-api-1        4711 UP           100       26    81.0     12,345  L7OK     25 WebSockets, auth local 20 Redis 5",
		"▸ backend-api-2        dead DOWN         100        0     0.0          0  L4CON    ",
		"  stream-server-1      4713 DRAIN        100        0     0.0          0  L7OK     cache 90 %",
		"",
		"requests  205/s   p50 0.6 ms   p99 21.0 ms   longest 3000.0 ms   16,000 in all",
		"lost      2   failed in flight at a kill 3   nobody could answer 0",
		"chat      49 of 50 WebSockets   2,000 messages said, 2 not acknowledged yet   25 reconnects",
		"cache     90 % of the last segments were hits",
		"",
		"events",
		"   5.0 s  first",
		"   6.0 s  second",
		"", "", "",
		keysHelp,
	}
	if lines := strings.Split(got, "\r\n"); !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestViewFitsEveryTerminal(t *testing.T) {
	var events []event
	for i := range 60 {
		events = append(events, event{time.Duration(i) * time.Second, strings.Repeat("é", 200)})
	}
	for width := 1; width < 200; width += 13 {
		for height := 1; height < 70; height += 5 {
			t.Run(fmt.Sprintf("%dx%d", width, height), func(t *testing.T) {
				lines := strings.Split(text(compose(moment, events, nil, 0, height), width, height), "\r\n")
				if len(lines) > height {
					t.Errorf("%d lines", len(lines))
				}
				for _, l := range lines {
					if n := utf8.RuneCountInString(l); n > width {
						t.Errorf("%d columns: %q", n, l)
					}
				}
			})
		}
	}
}

func TestPlainLineTellsEverything(t *testing.T) {
	want := "  83.0 s  205 req/s  p50 0.6 ms  p99 21.0 ms  ws 49  cache 90 %  lost 2  in flight 3" +
		"  | backend-api-1 UP | backend-api-2 DOWN (dead) | stream-server-1 DRAIN"
	if got := plainLine(moment); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestKeysSelectAServer(t *testing.T) {
	d := &demo{}
	for _, test := range []struct {
		pressed    terminal.Key
		from, want int
	}{{terminal.KeyUp, 0, 3}, {terminal.KeyDown, 3, 0}, {'\t', 1, 2}, {'3', 0, 2}, {'x', 1, 1}} {
		if got := d.press(t.Context(), test.pressed, test.from); got != test.want {
			t.Errorf("key %v from %d: %d, want %d", test.pressed, test.from, got, test.want)
		}
	}
}

func TestRateIsTakenOverTheLastSeconds(t *testing.T) {
	r := rates{}
	for i := range 20 {
		r.of("a", time.Duration(i)*250*time.Millisecond, int64(i*25), rateOver)
	}
	if got := r.of("a", 5*time.Second, 500, rateOver); got != 100 {
		t.Errorf("%v per second, want 100", got)
	}
	if got := r.of("a", 5250*time.Millisecond, 3, rateOver); got != 0 {
		t.Errorf("%v per second after the count began anew, want 0", got)
	}
	if got := r.of("a", 5500*time.Millisecond, 28, rateOver); got != 100 {
		t.Errorf("%v per second, want 100", got)
	}
}

func TestThousandsAreSeparated(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
