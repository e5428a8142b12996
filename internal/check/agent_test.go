package check

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

func TestAnAgentsLineIsReadByItsWords(t *testing.T) {
	for text, want := range map[string]string{
		"up":                      "health 1 up",
		"UP 50%":                  "health 1 UP; weight 50%",
		"fail,75% # too slow":     "health 2 fail; weight 75%; reason too slow",
		"drain\tmaxconn:30":       "order 1; maxconn 30",
		"ready up":                "health 1 up; order 0",
		"maint stopped":           "health 2 stopped; order 2",
		"up down":                 "health 2 down",
		"what ever up":            "health 1 up; unknown what",
		"%50":                     "unknown %50",
		"MAXCONN:5":               "maxconn 5",
		"#only a reason":          "reason only a reason",
		"":                        "",
		"maxconn:":                "maxconn  ",
		"10% 20%":                 "weight 20%",
		"down#no blank before it": "health 2 down; reason no blank before it",
	} {
		l := parseAgentLine(text)
		var got []string
		add := func(when bool, format string, args ...any) {
			if when {
				got = append(got, fmt.Sprintf(format, args...))
			}
		}
		add(l.Health != 0, "health %d %s", l.Health, l.Word)
		if l.Order != nil {
			add(true, "order %d", *l.Order)
		}
		add(l.Weight != "", "weight %s", l.Weight)
		add(l.MaxConn != "", "maxconn %s", l.MaxConn)
		add(l.Unknown != "", "unknown %s", l.Unknown)
		add(l.Reason != "", "reason %s", l.Reason)
		if g := strings.Join(got, "; "); g != want {
			t.Errorf("%q: got %q, want %q", text, g, want)
		}
	}
}

// agentAt is where the agent of the first server answers.
const agentAt = "127.0.0.1:9001"

func withAgent(p *config.Proxy) {
	p.Servers[0].Agent = config.Agent{Check: true, Port: 9001, Inter: 3 * time.Second, Send: "state?\n"}
}

func TestAgentsAreAskedInTheirOwnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.set(agentAt, "50%\n")
		b, c := play(t, s, proxy(1, withAgent), Env{})
		time.Sleep(7 * time.Second)
		if got, want := seconds(s.times(agentAt)), []float64{1.5, 4.5}; !slices.Equal(got, want) {
			t.Errorf("asked at %v, want %v", got, want)
		}
		if got := b.Server("s1").State().UWeight; got != 0 { // half of 1
			t.Errorf("weight %d", got)
		}
		ask(t, b, backend.Apply{Cfg: proxy(1)})
		c.Apply([]*backend.Backend{b})
		time.Sleep(time.Minute)
		if got := len(s.times(agentAt)); got != 2 {
			t.Errorf("asked %d times: it is asked on after the reload that took it away", got)
		}
		if st := b.Server("s1").State(); st.Agent.Enabled || st.Status() != "UP" {
			t.Errorf("%s, agent %+v", st.Status(), st.Agent)
		}
	})
}

func TestAServerThatItsAgentTookDownComesUpWithoutAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.set(agentAt, "down\n")
		b, c := play(t, s, proxy(1, withAgent), Env{})
		time.Sleep(10 * time.Second)
		if got := b.Server("s1").State().Status(); got != "DOWN (agent)" {
			t.Errorf("got %s", got)
		}
		ask(t, b, backend.Apply{Cfg: proxy(1)})
		c.Apply([]*backend.Backend{b})
		if got := b.Server("s1").State().Status(); got != "UP" {
			t.Errorf("after the reload: %s", got)
		}
	})
}

func TestAnAgentThatIsNotThereIsNoEvidence(t *testing.T) {
	for _, act := range []string{"refuse", "silent", "drop", "up without an end"} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage()
			s.set(agentAt, act)
			b, _ := play(t, s, proxy(1, withAgent), Env{})
			time.Sleep(time.Minute)
			if st := b.Server("s1").State(); st.Op != backend.Running || st.FailedChecks != 0 {
				t.Errorf("%s: %s, %d failures", act, st.Status(), st.FailedChecks)
			}
		})
	}
}

func TestInitState(t *testing.T) {
	for state, want := range map[string]string{
		"": "UP 1/3|UP", "up": "UP 1/3|UP", "fully-up": "UP|UP", "down": "DOWN 1/2|UP", "fully-down": "DOWN|DOWN 1/2",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage()
			s.set(s1, "late 1s") // so that the first check is over no sooner than the state before it is read
			b, _ := play(t, s, proxy(1, func(p *config.Proxy) { p.Servers[0].InitState = state }), Env{})
			srv := b.Server("s1")
			before := srv.Status()
			time.Sleep(time.Second)
			synctest.Wait() // the first check
			if got := before + "|" + srv.Status(); got != want {
				t.Errorf("%q: got %s, want %s", state, got, want)
			}
		})
	}
}

func TestMaxSpreadChecksBoundsTheFirstRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		play(t, s, proxy(3, func(p *config.Proxy) {
			for _, srv := range p.Servers {
				srv.Inter = time.Minute
			}
		}), Env{Settings: Settings{MaxSpread: 3 * time.Second}})
		time.Sleep(30 * time.Second)
		for i, addr := range []string{s1, s2, s3} {
			if got := seconds(s.times(addr)); !slices.Equal(got, []float64{float64(i)}) {
				t.Errorf("%s was checked at %v", addr, got)
			}
		}
	})
}

// TestReloadsLeaveNoGoroutineBehind changes the definition of checks again and
// again while some wait for an answer.
func TestReloadsLeaveNoGoroutineBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.set(s1, "silent")
		s.set(agentAt, "drop")
		b, c := play(t, s, proxy(2, withAgent), Env{})
		time.Sleep(time.Second)
		synctest.Wait()
		before := runtime.NumGoroutine()
		for i := range 20 {
			next := proxy(1+i%3, withAgent)
			next.Check.Kind, next.Check.Steps = config.CheckTCP, next.Check.Steps[:1+i%2]
			ask(t, b, backend.Apply{Cfg: next})
			c.Apply([]*backend.Backend{b})
			time.Sleep(time.Second)
		}
		ask(t, b, backend.Apply{Cfg: proxy(2, withAgent)})
		c.Apply([]*backend.Backend{b})
		time.Sleep(time.Hour)
		synctest.Wait()
		if after := runtime.NumGoroutine(); after > before+4 { // a check under way has a server's side in the stage
			t.Errorf("%d goroutines, %d before", after, before)
		}
	})
}

// FuzzAgentLine: whatever an agent sends, each word is taken for one thing.
func FuzzAgentLine(f *testing.F) {
	for _, text := range []string{"up 50% maxconn:3", "down # why", "\xff\x00,,\t#", "%", "1%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := parseAgentLine(text)
		if l.Health != backend.AgentSilent && l.Word == "" || l.Order != nil && *l.Order > backend.Maint {
			t.Errorf("%q: %+v", text, l)
		}
	})
}
