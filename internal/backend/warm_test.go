package backend

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bascule/internal/config"
)

func TestAWarmingServerStandsOut(t *testing.T) {
	const ms = time.Millisecond
	did := func(requests, failed int64, took time.Duration) efforts {
		return efforts{servers: 1, requests: requests, failed: failed, replies: requests, took: time.Duration(requests) * took}
	}
	for _, c := range []struct {
		name       string
		own, peers efforts
		want       string
	}{
		{"like the others", did(100, 0, 5*ms), did(1000, 0, 5*ms), ""},
		{"slower, as everything that is cold", did(100, 0, 19*ms), did(1000, 0, 5*ms), ""},
		{"much slower", did(100, 0, 80*ms), did(1000, 0, 5*ms), "it replies after 80ms, its peers after 5ms"},
		{"fails", did(100, 12, 5*ms), did(1000, 10, 5*ms), "12 % of its requests fail, 1 % of its peers'"},
		{"they all fail", did(100, 40, 5*ms), did(1000, 300, 5*ms), ""},
		{"two failures may be chance", did(20, 2, 5*ms), did(1000, 0, 5*ms), ""},
		{"too few to compare", did(19, 19, 80*ms), did(1000, 0, 5*ms), ""},
		{"too few peers", did(100, 100, 80*ms), did(19, 0, 5*ms), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var w warming
			w.compare(efforts{}, efforts{servers: 1}, start)
			if got := w.compare(c.own, c.peers, start.Add(time.Second)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	var w warming
	w.compare(efforts{}, efforts{servers: 1}, start)
	bad, peers := did(100, 100, 5*ms), did(100, 0, 5*ms)
	if w.compare(bad, peers, start.Add(time.Second)) == "" || w.compare(bad, peers, start.Add(2*time.Second)) == "" {
		t.Error("it does not stand out though nothing better came since")
	}
	if why := w.compare(bad, peers, start.Add(time.Second+staleWarm)); why != "" {
		t.Errorf("it stands out for what was long ago: %s", why)
	}
}

// TestASlowStartIsHeld plays seconds of a slowstart of 8 s: . nothing stands out, x it
// does. After each the part of the weight, in sixteenths.
func TestASlowStartIsHeld(t *testing.T) {
	p := usual
	p.slowStart = 8 * time.Second
	for _, c := range []struct{ name, script, want string }{
		{"as with HAProxy", "........", "3 5 7 9 11 13 15 16"},
		{"held and on", "..xx......", "3 5 5 5 7 9 11 13 15 16"},
		{"from the start", "x..", "1 3 5"},
		{"for three times its length at most", strings.Repeat("x", 26), strings.Repeat("1 ", 24) + "3 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := start
			st := first(p, now)
			for _, h := range []happening{pronounced(Stopped), pronounced(Running)} {
				st, _ = after(st, h, now)
			}
			var got []string
			notes := 0
			for _, x := range c.script {
				now = now.Add(time.Second)
				var fx effects
				st, fx = after(st, ticked{map[rune]string{'x': "it fails"}[x]}, now)
				got = append(got, fmt.Sprint(st.EWeight*16/weightScale))
				for _, n := range fx.notes {
					if n.kind == noteWarmHeld || n.kind == noteWarmOn {
						notes++
					}
				}
			}
			if words := strings.Join(got, " "); words != c.want {
				t.Errorf("got %s, want %s", words, c.want)
			}
			if want := strings.Count(c.script, "x"); want > 0 && notes != 2 {
				t.Errorf("told %d times, want at both ends", notes)
			}
		})
	}
}

func TestTheOwnerHoldsAServerThatFails(t *testing.T) {
	for _, off := range []bool{false, true} {
		var log told
		bubble(t, proxy(2, func(p *config.Proxy) {
			p.Servers[1].SlowStart = 10 * time.Second
			p.NoSlowStartHold = off
		}), Env{Notify: log.add}, func(t *testing.T, b *Backend) {
			s1, s2 := b.Server("s1"), b.Server("s2")
			b.must(t, SetHealth{s2, Stopped})
			b.must(t, SetHealth{s2, Running})
			time.Sleep(time.Second / 2)
			for range 10 {
				s1.Counters.Add(0, Sessions, 100)
				s2.Counters.Add(0, Sessions, 100)
				s2.Counters.Add(0, Reply5xx, 50)
				time.Sleep(time.Second)
			}
			held, percent := s2.State().Held, s2.State().EWeight*100/weightScale
			if off && (held != 0 || s2.State().Op != Running) || !off && (held < 8*time.Second || percent > 25) {
				t.Errorf("off %v: held for %s, at %d%%", off, held, percent)
			}
			if n := log.count("of its requests fail, 0 % of its peers' (option slowstart-hold)."); n != map[bool]int{true: 0, false: 1}[off] {
				t.Errorf("off %v: told %d times", off, n)
			}
			time.Sleep(30 * time.Second) // nothing is known any more
			if s2.State().Op != Running {
				t.Errorf("off %v: still starting", off)
			}
		})
	}
}
