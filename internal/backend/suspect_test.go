package backend

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/config"
)

// TestObservedTrafficCountsAsOnErrorSays is HAProxy's table of on-error: health
// before, and behind error-limit failures, with rise 2 and fall 3.
func TestObservedTrafficCountsAsOnErrorSays(t *testing.T) {
	at := time.Unix(1700000000, 0)
	for _, c := range []struct {
		action config.OnError
		health int
		want   string // health, op, failed checks, hanafail, next check
	}{
		{config.OnErrorFastInter, 4, "4 up 0 1 1s"},
		{config.OnErrorFailCheck, 4, "3 up 1 1 1s"},
		{config.OnErrorFailCheck, 3, "2 up 1 1 1s"},
		{config.OnErrorFailCheck, 2, "0 down 1 1 1s"},
		{config.OnErrorSuddenDeath, 4, "2 up 1 1 1s"},
		{config.OnErrorSuddenDeath, 3, "2 up 1 1 1s"},
		{config.OnErrorSuddenDeath, 2, "0 down 1 1 1s"},
		{config.OnErrorMarkDown, 4, "0 down 1 1 1s"},
		{config.OnErrorMarkDown, 3, "0 down 1 1 1s"},
	} {
		st := first(serverParams{rise: 2, fall: 3, weight: 1, check: true, located: true}, at)
		st.Health = c.health
		next, fx := after(st, misbehaved{c.action, "why", time.Second}, at)
		op := "up"
		if next.Op == Stopped {
			op = "down"
		}
		got := fmt.Sprintf("%d %s %d %d %v", next.Health, op, next.FailedChecks, next.Analyzed, fx.within)
		if got != c.want {
			t.Errorf("on-error %d at health %d: got %s, want %s", c.action, c.health, got, c.want)
		}
		if c.action != config.OnErrorFastInter && (next.Check.Status != CheckHANA || next.Check.Info != "why" || next.Check.Duration >= 0) {
			t.Errorf("on-error %d: the check says %+v", c.action, next.Check)
		}
	}
}

func TestObservingNeedsChecksThatCount(t *testing.T) {
	at := time.Unix(1700000000, 0)
	for name, edit := range map[string]func(*State){
		"no check":    func(st *State) { st.Check.Enabled = false },
		"maintenance": func(st *State) { st.Check.Paused = true },
		"removed":     func(st *State) { st.Removed = true },
	} {
		st := first(serverParams{rise: 2, fall: 3, weight: 1, check: true, located: true}, at)
		edit(&st)
		if next, fx := after(st, misbehaved{config.OnErrorMarkDown, "why", time.Second}, at); next.Op != Running || next.Analyzed != 0 || fx.probe {
			t.Errorf("%s: went on to %v", name, next.Op)
		}
		if next, fx := after(st, suspected{SawRefused, ""}, at); fx.chase || next.suspicious(at) {
			t.Errorf("%s: was suspected", name)
		}
	}
}

// TestSuspicionsEnd plays words: s suspected, f a fast check failed, p passed,
// F and P the same at the checks' own pace, l and h a fast check failed while
// the server is the last one, or half of the backend is out; a number is so many
// seconds. After each: health, and ? while suspected, ! while checked fast
// because it went DOWN so.
func TestSuspicionsEnd(t *testing.T) {
	for _, c := range [][2]string{
		{"s f f f", "4? 4? 4? 0!"},
		{"s f f p", "4? 4? 4? 4"},
		{"s f p f f", "4? 4? 4 4 4"}, // late results of a suspicion that is over
		{"s f f P f", "4? 4? 4? 4 4"},
		{"s f F f f", "4? 4? 3? 3? 0!"},
		{"s F F F", "4? 3? 2? 0!"}, // felled at their own pace while suspected
		{"F F F", "3 2 0"},
		{"s f f l", "4? 4? 4? 4"},
		{"s f f h s f f f", "4? 4? 4? 4 4? 4? 4? 0!"},
		{"F s f f l F F", "3 3? 3? 3? 3 2 0"}, // a blip brings it no nearer to DOWN
		{"s f f f p p", "4? 4? 4? 0! 1! 4"},
		{"s f f f p f p p", "4? 4? 4? 0! 1! 0! 1! 4"},
		{"s f f f 29 p 1 p", "4? 4? 4? 0! 0! 1! 1 4"},
		{"s s 6 f s f f f", "4? 4? 4 4 4? 4? 4? 0!"}, // neither proved nor disproved in time
		{"f f f", "4 4 4"},
		{"s m", "4? 0"},
		{"s f f f s", "4? 4? 4? 0! 0!"},
	} {
		now := time.Unix(1700000000, 0)
		st := first(serverParams{rise: 2, fall: 3, weight: 1, check: true, located: true, initState: "fully-up"}, now)
		var got []string
		for word := range strings.FieldsSeq(c[0]) {
			failed, ok := Result{Status: CheckL4CON}, Result{Status: CheckL7OK}
			var h happening
			switch word {
			case "s":
				h = suspected{SawRefused, "refused"}
			case "f":
				h = chased{failed, mayFell}
			case "l":
				h = chased{failed, lastOne}
			case "h":
				h = chased{failed, halfOut}
			case "p":
				h = chased{ok, mayFell}
			case "F":
				h = checked(failed)
			case "P":
				h = checked(ok)
			case "m":
				h = ordered(Maint)
			default:
				var n int
				fmt.Sscan(word, &n)
				now = now.Add(time.Duration(n) * time.Second)
			}
			if h != nil {
				st, _ = after(st, h, now)
			}
			mark := ""
			switch pace := st.Fast(now); {
			case pace == FastPace:
				mark = "?"
			case pace == FastRisePace:
				mark = "!"
			}
			got = append(got, fmt.Sprint(st.Health, mark))
		}
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], " ", "")
		}
		if g := strings.Join(got, " "); g != c[1] {
			t.Errorf("%s\n got %s\nwant %s", c[0], g, c[1])
		}
	}
}

func TestNoMoreThanHalfIsFelled(t *testing.T) {
	for _, c := range []struct {
		usable, out, back int
		want              felling
	}{
		{1, 0, 0, lastOne}, {1, 1, 0, lastOne}, {0, 1, 0, lastOne},
		{2, 0, 0, mayFell}, {3, 0, 0, mayFell}, {2, 1, 0, halfOut},
		{4, 0, 0, mayFell}, {3, 1, 0, mayFell}, {2, 2, 0, halfOut},
		{5, 0, 0, mayFell}, {4, 1, 0, mayFell}, {3, 2, 0, halfOut},
		{2, 1, 1, halfOut}, {3, 1, 1, halfOut}, {4, 1, 1, mayFell}, // one that came back is no other server
		{4, 2, 2, halfOut}, {6, 2, 2, mayFell},
	} {
		if got := mayBeFelled(c.usable, c.out, c.back); got != c.want {
			t.Errorf("%d usable, %d felled, %d of them back: got %v, want %v", c.usable, c.out, c.back, got, c.want)
		}
	}
}

// TestARowOfErrorsMakesASuspicion plays words: so many server errors, g a good
// reply, c a connection, r the configuration is read again.
func TestARowOfErrorsMakesASuspicion(t *testing.T) {
	for _, c := range []struct {
		words string
		want  int64 // times that the server was blamed
	}{
		{"9", 0},
		{"10", 1},
		{"9 g 9", 0},
		{"9 g 10", 1},
		{"5 g 5 g 5 g 5", 0},
		{"9 c 1", 1}, // a connection is no reply
		{"g g 9 g g 9", 0},
		{"9 r g 9", 0},
		{"9 r 9 g 9", 0}, // what was before counts no more
		{"20", 2},
	} {
		t.Run(c.words, func(t *testing.T) {
			p := proxy(2)
			for _, srv := range p.Servers {
				srv.Check, srv.Rise, srv.Fall = true, 2, 3
			}
			bubble(t, p, Env{Loops: 2}, func(t *testing.T, b *Backend) {
				s, loop := b.Server("s1"), 0
				for word := range strings.FieldsSeq(c.words) {
					switch word {
					case "g":
						s.Saw(SawReply, loop)
					case "c":
						s.Saw(SawConnect, loop)
					case "r":
						b.must(t, Apply{Cfg: p})
					default:
						var n int
						fmt.Sscan(word, &n)
						for range n {
							s.Saw(SawStatus, loop)
							loop = 1 - loop
						}
					}
				}
				synctest.Wait()
				if got := s.Counters.Sum(Blamed); got != c.want {
					t.Errorf("blamed %d times, want %d", got, c.want)
				}
				if got := s.State().suspicious(time.Now()); got != (c.want > 0) {
					t.Errorf("suspected: %t", got)
				}
				s.Saw(SawReply, 0)
				if s.watch.Load()&byRow != 0 {
					t.Error("good replies go on to look for a row")
				}
			})
		})
	}
}
