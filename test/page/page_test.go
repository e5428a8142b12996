//go:build !race

// The page runs in a browser, which the race detector does not see into; the
// balancer's side of it is tested with the detector in internal/live.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// shown bounds the waits for the page.
const shown = time.Minute

// bascule is the program, built once.
func bascule(t *testing.T) string {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "page")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "bascule")
	if out, err := exec.Command("go", "build", "-o", binary, "bascule/cmd/bascule").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binary, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

// A stage is a browser before a balancer.
type stage struct {
	*testing.T
	*browser
	*rig
	problems <-chan json.RawMessage // that the browser logs: a broken policy, a failed load
}

func newStage(t *testing.T, p plan) *stage {
	t.Helper()
	r, err := build(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.end)
	b, err := start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.close)
	s := &stage{T: t, browser: b, rig: r, problems: b.on("Log.entryAdded", 100)}
	s.must(b.size(1440, 900, false))
	return s
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// show opens the page as one of the two users.
func (s *stage) show(user string) {
	s.Helper()
	s.must(s.open("about:blank", ""))
	s.must(s.open("http://"+s.stats+"/stats;live", user))
	s.wait(drawn)
}

func (s *stage) wait(condition string) {
	s.Helper()
	if _, err := s.until(condition, shown); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) text(expression string) (v string) {
	s.Helper()
	s.must(s.eval(expression, &v))
	return v
}

// becomes waits for a value of an expression: the page draws when the browser lets it.
func (s *stage) becomes(expression, want, what string) {
	s.Helper()
	got := ""
	for end := time.Now().Add(shown); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if got = s.text(expression); got == want {
			return
		}
	}
	s.Errorf("%s: %s, want %s", what, got, want)
}

func (s *stage) run(expression string) {
	s.Helper()
	s.must(s.eval(expression, nil))
}

// logged waits for a line of the balancer's log with all parts.
func (s *stage) logged(parts ...string) {
	s.Helper()
	for end := time.Now().Add(shown); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(s.log.Name())
		s.must(err)
		for line := range strings.Lines(string(text)) {
			found := 0
			for _, p := range parts {
				if strings.Contains(line, p) {
					found++
				}
			}
			if found == len(parts) {
				return
			}
		}
	}
	s.Fatalf("no line of the log has %q", parts)
}

const (
	operator = "operator:secret"
	guest    = "guest:guest"
)

func TestThePageInABrowser(t *testing.T) {
	p := fleet(bascule(t))
	p.load, p.sockets = 60, 3
	// Who may act is told apart by name.
	p.stats = append(p.stats[:4:4], "stats auth "+operator, "stats auth "+guest, `stats admin if { req.hdr(authorization) -m beg "Basic b3BlcmF0b3I6" }`)
	s := newStage(t, p)
	s.show(operator)
	for _, tt := range []struct {
		name string
		run  func(s *stage)
	}{
		{"keys lead everywhere", testKeys},
		{"texts stand out in both colours", testContrast},
		{"everything has a name", testNames},
		{"it fits a phone", testPhone},
		{"a server that dies is shown", testKill},
		{"a drain from the page", testDrain},
		{"a reload is survived", testReload},
		{"who may not act finds nothing to act with", testGuest},
		{"another site cannot act", testForeign},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sub := *s
			sub.T = t
			tt.run(&sub)
		})
	}
	for len(s.problems) > 0 {
		if text := string(<-s.problems); !strings.Contains(text, "status of 403") && !strings.Contains(text, "status of 409") && !strings.Contains(text, "ERR_CONNECTION") && !strings.Contains(text, "ERR_INCOMPLETE") {
			t.Errorf("the browser complains: %s", text)
		}
	}
}

func testKeys(s *stage) {
	const active = `(document.activeElement.dataset.key || document.activeElement.id || document.activeElement.className || document.activeElement.tagName)`
	for _, want := range []string{"skip", "find", "theme", "classic", "api/api1", "events"} {
		s.must(s.press("Tab", "Tab", 9))
		s.becomes(active, want, "Tab leads to")
	}
	s.run(`document.querySelector('[data-key="api/api1"]').focus()`)
	for _, tt := range []struct {
		key    string
		number int
		want   string
	}{
		{"ArrowDown", 40, "api/api2"}, {"ArrowUp", 38, "api/api1"}, {"End", 35, "stream/stream5"}, {"ArrowLeft", 37, "stream/stream4"}, {"Home", 36, "api/api1"},
		{"Enter", 13, "detail"}, {"Escape", 27, "api/api1"}, {"/", 191, "find"},
	} {
		s.must(s.press(tt.key, tt.key, tt.number))
		s.becomes(active, tt.want, tt.key+" leads to")
	}
	s.run(`document.querySelector('#find').value = 'stream5'; document.querySelector('#find').dispatchEvent(new Event('input'))`)
	s.becomes(`[...document.querySelectorAll('.server:not([hidden])')].map((b) => b.dataset.key).join()`, "stream/stream5", "find shows")
	s.must(s.press("Escape", "Escape", 27))
	s.becomes(`String(document.querySelectorAll('.server:not([hidden])').length)`, "9", "Escape leaves so many servers")
}

// faint lists the texts whose contrast with what is behind them is below WCAG's AA:
// 4.5, or 3 for large ones.
const faint = `(() => {
  const rgb = (c) => c.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((n, v, i) => n + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0.99) return c; } return [255, 255, 255]; };
  const list = [];
  let seen = 0;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !e.checkVisibility() || e.closest('.unseen, .skip, script')) continue;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize);
    const [a, b] = [light(rgb(style.color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    seen++;
    if (ratio < (size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5)) list.push(texts.currentNode.data.trim() + ' ' + ratio.toFixed(2));
  }
  return seen < 80 ? 'only ' + seen + ' texts' : list.join('; ');
})()`

func testContrast(s *stage) {
	s.run(`document.querySelector('[data-key="api/api1"]').click(); document.querySelector('[data-order=drain]').click()`)
	// The page's next frame has the real states again.
	const states = `[...document.querySelectorAll('.server')].forEach((b, i) => { b.dataset.state = ['up', 'down', 'drain', 'maint', 'going-up', 'going-down', 'no-check'][i % 7]; })`
	for _, scheme := range []string{"light", "dark"} {
		s.must(s.prefer(scheme))
		s.becomes("("+states+", "+faint+")", "", "faint in "+scheme)
		s.becomes(`getComputedStyle(document.documentElement).colorScheme`, scheme, scheme+" is shown as")
	}
	s.run(`document.querySelector('#theme').click()`) // the page's own choice is before the system's
	s.becomes(`getComputedStyle(document.documentElement).colorScheme + document.querySelector('#theme-word').textContent`, "lightLight", "the button chooses")
	s.run(`document.querySelector('#theme').click(); document.querySelector('#theme').click(); document.querySelector('#ask-no').click(); document.querySelector('#detail-close').click()`)
	s.must(s.prefer("light"))
	s.becomes(`String(document.getAnimations().length)`, "0", "so many things move by themselves")
}

// testNames reads what a reader of the screen is told.
func testNames(s *stage) {
	s.run(`document.querySelector('[data-key="api/api1"]').click()`)
	defer s.run(`document.querySelector('#detail-close').click()`)
	answer, err := s.call("Accessibility.getFullAXTree", nil)
	s.must(err)
	var tree struct {
		Nodes []struct {
			Ignored    bool
			Role, Name struct{ Value any }
		}
	}
	s.must(json.Unmarshal(answer, &tree))
	count := map[string]int{}
	for _, n := range tree.Nodes {
		role, name := fmt.Sprint(n.Role.Value), fmt.Sprint(n.Name.Value)
		count[role]++
		switch role {
		case "button", "link", "searchbox", "textbox", "image", "article", "region", "log", "navigation", "group":
			if !n.Ignored && (name == "" || name == "<nil>") {
				s.Errorf("a %s has no name", role)
			}
		}
	}
	for role, least := range map[string]int{"button": 15, "main": 1, "banner": 1, "navigation": 1, "region": 2, "log": 1, "status": 1, "heading": 8, "complementary": 1, "searchbox": 1} {
		if count[role] < least {
			s.Errorf("%d of role %s, want %d at least", count[role], role, least)
		}
	}
	// A state is told by its shape and a word, not by a colour alone.
	if got := s.text(`[...document.querySelectorAll('.server')].filter((b) => !b.querySelector('use').getAttribute('href') || !b.querySelector('.status').textContent || !b.getAttribute('aria-label')).length + ''`); got != "0" {
		s.Errorf("%s servers have a colour alone", got)
	}
}

func testPhone(s *stage) {
	defer func() { s.must(s.size(1440, 900, false)) }()
	for _, width := range []int{360, 390, 768, 1024} {
		s.must(s.size(width, 844, width < 500))
		for _, open := range []string{"", `document.querySelector('[data-key="api/api1"]').click()`} {
			s.run(open)
			s.becomes(fmt.Sprintf(`String(Math.max(%d, document.documentElement.scrollWidth, document.querySelector('#detail').scrollWidth))`, width), fmt.Sprint(width),
				fmt.Sprintf("the page's width at %d pixels (%s)", width, open))
		}
		s.run(`document.querySelector('#detail-close').click()`)
	}
}

func testKill(s *stage) {
	s.kill("stream2")
	took, err := s.until(`document.querySelector('[data-key="stream/stream2"]').dataset.state === 'down'`, shown)
	s.must(err)
	s.Logf("shown after %s", took.Round(time.Millisecond))
	s.wait(`document.querySelector('#events').textContent.includes('Server stream/stream2 is DOWN')`)
	s.wait(`document.querySelector('#attention').checkVisibility() && document.title.startsWith('(1) ')`)
	s.run(`document.querySelector('#attention button').click()`)
	s.becomes(`[...document.querySelectorAll('.server:not([hidden])')].map((b) => b.dataset.key).join()`, "stream/stream2", "the button shows")
	s.must(s.revive("stream2"))
	s.wait(`document.querySelector('[data-key="stream/stream2"]').dataset.state === 'up'`)
	s.must(s.press("Escape", "Escape", 27))
}

func testDrain(s *stage) {
	s.run(`document.querySelector('[data-key="api/api2"]').click()`)
	s.wait(`document.querySelector('#charts figcaption p').textContent.includes('requests')`)
	s.run(`document.querySelector('[data-order=drain]').click()`)
	s.wait(`document.querySelector('#ask').open && document.activeElement.id === 'ask-deadline'`)
	s.run(`document.querySelector('#ask-deadline').value = 'soon'; document.querySelector('#ask-yes').click()`)
	s.wait(`document.querySelector('#ask-outcome').textContent.includes('the deadline is not a time')`)
	s.run(`document.querySelector('#ask-deadline').value = '10m'`)
	s.must(s.press("Enter", "Enter", 13))
	s.wait(`!document.querySelector('#ask').open`)
	s.wait(`document.querySelector('[data-key="api/api2"]').dataset.state === 'drain' && /left/.test(document.querySelector('#detail-state').textContent)`)
	s.wait(`document.querySelector('#events').textContent.includes('Page: drain of api/api2 within 10m, ordered by operator from 127.0.0.1:')`)
	s.logged("drain of api/api2 within 10m", "user=operator", "from=127.0.0.1:", "result=done")
	order := func(action, more, holds string) {
		s.Helper()
		s.run(fmt.Sprintf("document.querySelector('[data-order=%s]').click(); %s document.querySelector('#ask-yes').click()", action, more))
		s.wait(`!document.querySelector('#ask').open`) // it has its answer
		s.wait(holds)
	}
	order("ready", "", `document.querySelector('[data-key="api/api2"]').dataset.state === 'up'`)
	order("weight", `document.querySelector('#ask-weight').value = '4';`, `[...document.querySelectorAll('#facts div')].some((d) => d.textContent === 'Weight4')`)
	order("maint", "", `document.querySelector('[data-key="api/api2"]').dataset.state === 'maint'`)
	s.run(`document.querySelector('#detail-close').click()`)
}

// testReload: the page goes on with the configuration in force, and what it has shown stays.
func testReload(s *stage) {
	text, err := os.ReadFile(s.file)
	s.must(err)
	s.must(os.WriteFile(s.file, bytes.Replace(text, []byte("backend stream\n"), []byte("backend added\n\tserver a1 127.0.0.1:9\nbackend stream\n"), 1), 0o600))
	s.must(s.rig.process.Process.Signal(syscall.SIGUSR2))
	s.wait(`document.querySelector('[data-key="added/a1"]') && document.querySelector('#link').dataset.is === 'live'`)
	s.wait(`document.querySelector('[data-key="api/api2"]').dataset.state === 'maint'`)
	s.becomes(`String([...document.querySelectorAll('#events li')].filter((e) => e.textContent.includes('Server api/api2 enters drain')).length)`, "1", "an event is shown so many times")
}

func testGuest(s *stage) {
	s.show(guest)
	if got := s.text(`String(document.querySelectorAll('#orders, #ask, [data-order], script[src*="act.js"]').length)`); got != "0" {
		s.Errorf("the page has %s parts to act with", got)
	}
	s.run(`document.querySelector('[data-key="api/api1"]').click()`)
	s.wait(`document.querySelector('#where').textContent.includes('as guest') && document.querySelector('#where').textContent.includes('read only')`)
	if got := s.text(`fetch(location.pathname.split(';')[0] + ';act', { method: 'POST', body: new URLSearchParams({ action: 'maint', backend: 'api', server: 'api1' }) }).then((r) => String(r.status))`); got != "403" {
		s.Errorf("an order gets %s", got)
	}
	s.logged("maint of api/api1", "user=guest", "refused")
	s.run(`document.querySelector('#detail-close').click()`)
	s.wait(`document.querySelector('[data-key="api/api1"]').dataset.state === 'up'`)
}

func testForeign(s *stage) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	other := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<!DOCTYPE html><title>elsewhere</title>")
	})}
	go func() { _ = other.Serve(l) }() // until Close
	defer other.Close()
	// The browser sends the password with everything, as it does once it knows it.
	s.must(s.open("http://"+l.Addr().String()+"/", operator))
	s.wait(`document.title === 'elsewhere'`)
	order := fmt.Sprintf(`fetch('http://%s/stats;act', { method: 'POST', mode: 'no-cors', credentials: 'include', body: new URLSearchParams({ action: 'maint', backend: 'api', server: 'api3' }) }).then(() => 'sent')`, s.stats)
	if got := s.text(order); got != "sent" {
		s.Errorf("the order is %s", got)
	}
	s.logged("maint of api/api3", "user=operator", "refused", "another site")
	s.show(operator)
	s.wait(`document.querySelector('[data-key="api/api3"]').dataset.state === 'up'`)
}

// TestTwoHundredServers: the page shows them all and follows; how long its script
// holds the browser is printed by the command, since it is the machine's too.
func TestTwoHundredServers(t *testing.T) {
	s := newStage(t, wall(bascule(t), 200))
	s.show("")
	s.becomes(`String(document.querySelectorAll('.many .server').length)`, "200", "so many servers")
	var v verdict
	for end := time.Now().Add(shown); v.scripts == 0 || v.frames == 0 || v.longest == 0; { // a busy browser draws late
		if time.Now().After(end) {
			t.Fatalf("the trace has seen nothing: %+v", v)
		}
		var err error
		v, err = s.record(3 * time.Second)
		s.must(err)
	}
	t.Logf("longest task with script %s, %s of CPU time", v.longest, v.longestCPU)
}
