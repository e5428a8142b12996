package backend

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bascule/internal/config"
)

// TestFlapsAreDamped plays words: F fails often enough to fall, p passes a check, f
// fails one, w an operator's health up, m and r maintenance and ready, d and u drain
// and its end, x no server is usable; a number is so many seconds. After each: U for
// up or D, and for how long it must pass its checks.
func TestFlapsAreDamped(t *testing.T) {
	p := usual
	p.rise, p.fall, p.steady = 2, 1, 10*time.Second
	for _, c := range []struct{ name, script, want string }{
		{"two falls are nothing", "F p p F p p", "D D U D D U"},
		{"the third takes twice as long", "F p p F p p F p p 19 p 1 p", "D D U D D U D20 D20 D20 D1 D1 D U"},
		{"a check that fails begins anew", "F p p F p p F p 19 f p 19 p 1 p", "D D U D D U D20 D20 D1 D20 D20 D1 D1 D U"},
		{"each time twice, up to a minute", "F p p F p p F p 20 p F p 40 p F p 60 p F p 60 p",
			"D D U D D U D20 D20 D U D40 D40 D U D60 D60 D U D60 D60 D U"},
		{"ten minutes later it is over", "F p p F p p F p 20 p 600 F p p", "D D U D D U D20 D20 D U U D D U"},
		{"the first of three is too long ago", "F p p 599 F p p 1 F p p", "D D U U D D U U D D U"},
		{"an operator's word ends it", "F p p F p p F w F p p", "D D U D D U D20 U D D U"},
		{"maintenance ends it", "F p p F p p F m r F p p", "D D U D D U D20 D U D D U"},
		{"falls while drained are a deploy", "d F p p F p p F p p", "U D D U D D U D D U"},
		{"the last server comes back as others do", "F p p F p p F x p p", "D D U D D U D20 D D U"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := start
			st := first(p, now)
			var got []string
			for w := range strings.FieldsSeq(c.script) {
				h, ok := map[string]happening{"F": checked{Status: CheckL4CON}, "f": checked{Status: CheckL4CON}, "p": checked{Status: CheckL7OK},
					"w": pronounced(Running), "m": ordered(Maint), "r": ordered(Ready), "d": ordered(Drain), "x": released{}}[w]
				if !ok {
					var n int
					fmt.Sscan(w, &n)
					now = now.Add(time.Duration(n) * time.Second)
				} else {
					st, _ = after(st, h, now)
				}
				word := "U"
				if st.Op == Stopped {
					word = "D"
					if left := st.Flap.Left(now); left > 0 {
						word += fmt.Sprint(int(left.Seconds()))
					}
				}
				got = append(got, word)
			}
			if words := strings.Join(got, " "); words != c.want {
				t.Errorf("%s: got %s, want %s", c.script, words, c.want)
			}
		})
	}
}

func TestNoFlapDampingIsAsWithHAProxy(t *testing.T) {
	p := usual
	p.fall = 1
	st := first(p, start)
	for range 5 {
		for _, h := range []happening{checked{Status: CheckL4CON}, checked{Status: CheckL7OK}, checked{Status: CheckL7OK}} {
			st, _ = after(st, h, start)
		}
	}
	if st.Op != Running || st.Downs != 5 {
		t.Errorf("got %v behind %d falls, want it up behind 5", st.Op, st.Downs)
	}
	// Switched off by a reload while it is held.
	p.steady = time.Second
	st = first(p, start)
	for range 3 {
		for _, h := range []happening{checked{Status: CheckL7OK}, checked{Status: CheckL7OK}, checked{Status: CheckL4CON}} {
			st, _ = after(st, h, start)
		}
	}
	if st.Flap.Hold != 2*time.Second {
		t.Fatalf("held for %s, want 2s", st.Flap.Hold)
	}
	p.steady = 0
	st, _ = after(st, configured(p), start)
	if st, _ = after(st, checked{Status: CheckL7OK}, start); st.Flap.Hold != 0 {
		t.Errorf("still held for %s behind no option flap-damping", st.Flap.Hold)
	}
	if st, _ = after(st, checked{Status: CheckL7OK}, start); st.Op != Running {
		t.Error("two checks have passed and it is not up")
	}
}

// told collects what a backend logs.
type told struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *told) add(_ int, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.WriteString(text + "\n")
}

func (l *told) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), words)
}

func shortFall(p *config.Proxy) {
	for _, s := range p.Servers {
		s.Fall = 1
	}
}

// thrice lets a server fall three times.
func thrice(t *testing.T, b *Backend, name string) {
	for range 3 {
		check(t, b, name, CheckL7OK)
		check(t, b, name, CheckL7OK)
		check(t, b, name, CheckL4CON)
	}
}

func TestAFlappingServerIsHeldAndShown(t *testing.T) {
	var log told
	bubble(t, proxy(2, shortFall), Env{Notify: log.add}, func(t *testing.T, b *Backend) {
		thrice(t, b, "s1")
		s1 := b.Server("s1")
		if n := log.count("has fallen 3 times or more within 10m0s: it must pass its checks for 20s to be UP (option flap-damping)."); n != 1 || s1.Counters.Sum(Held) != 1 {
			t.Errorf("told %d times and counted %d, want once", n, s1.Counters.Sum(Held))
		}
		check(t, b, "s1", CheckL7OK)
		time.Sleep(19 * time.Second)
		check(t, b, "s1", CheckL7OK)
		if s1.State().Op != Stopped || s1.Status() != "DOWN 1/2" {
			t.Errorf("it is %s behind 19s, want held", s1.Status())
		}
		time.Sleep(time.Second)
		check(t, b, "s1", CheckL7OK)
		if s1.State().Op != Running {
			t.Errorf("it is %s though it has passed its checks for 20s", s1.Status())
		}
	})
}

func TestABackendWithoutAServerWaitsForNone(t *testing.T) {
	var log told
	bubble(t, proxy(2, shortFall), Env{Notify: log.add}, func(t *testing.T, b *Backend) {
		thrice(t, b, "s1") // held
		check(t, b, "s2", CheckL4CON)
		if n := log.count("s1 is not held any longer than others"); n != 1 {
			t.Errorf("told %d times that s1 is not held, want once", n)
		}
		check(t, b, "s1", CheckL7OK)
		check(t, b, "s1", CheckL7OK)
		if s1 := b.Server("s1"); s1.State().Op != Running {
			t.Errorf("s1 is %s behind rise checks, and no other is usable", s1.Status())
		}
		check(t, b, "s1", CheckL4CON) // the last one: not held, and nothing is said of it
		check(t, b, "s1", CheckL7OK)
		check(t, b, "s1", CheckL7OK)
		if s1 := b.Server("s1"); s1.State().Op != Running || s1.Counters.Sum(Held) != 1 || log.count("has fallen") != 1 {
			t.Errorf("s1 is %s, held %d times, told %d times; want up, 1, 1", s1.Status(), s1.Counters.Sum(Held), log.count("has fallen"))
		}
	})
}
