package backend

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/config"
)

// settle lets the backend's goroutine read what streams told it, in a bubble.
func settle() {
	time.Sleep(reckonAfter)
	synctest.Wait()
}

func breakdown(b *Backend, server string, n int) {
	for range n {
		b.Server(server).Saw(SawReset, 0)
	}
	settle()
}

func shunnedNames(b *Backend) string {
	var names []string
	for _, s := range b.Snapshot().shunned {
		names = append(names, s.Name)
	}
	return strings.Join(names, " ")
}

// TestWhoIsShunned plays words: a server's number and what streams saw of it: b
// a break, e another, n no connection in time, s silence, r a reply, f one of
// status 500, c a connection; 1D and 1U are its checks, - waits for ten seconds.
func TestWhoIsShunned(t *testing.T) {
	sights := map[byte]Sight{'b': SawReset, 'e': SawRefused, 'n': SawNoConnect, 's': SawSilent, 'r': SawReply, 'f': SawStatus, 'c': SawConnect}
	for _, c := range []struct {
		servers int
		words   string
		want    string
	}{
		{2, "1bbbb", ""},
		{2, "1bbbbb", "s1"},
		{2, "1bebeb", "s1"},
		{2, "1bbrbbb", ""},
		{2, "1bbfbbb", ""},
		{2, "1bbcbbb", "s1"}, // that it takes connections says nothing
		{2, "1nnnnnnnn 1ssssssss", ""},
		{2, "1bbbbb 1r", ""},
		{2, "1bbbbb 1f", ""},
		{2, "1bbbbb 1rbbbbb", "s1"},
		{1, "1bbbbbbbbbb", ""},
		{2, "1bbbbb 2bbbbbbbbbb", "s1"}, // the last one is not
		{2, "1bbbbb 2bbbbb 1r 2bbbbb", "s2"},
		{3, "1bbbbb 2bbbbb", "s1"}, // no more than half
		{4, "1bbbbb 2bbbbb 3bbbbb", "s1 s2"},
		{4, "3D 1bbbbb 2bbbbb", "s1"},
		{2, "1bbbbb 2D", ""}, // the last one in use is used
		{2, "1bbbbb 2D 2U", "s1"},
		{2, "1bbbbb 1D 1U", ""},
		{2, "1D 1bbbbb 1U", ""},
	} {
		t.Run(fmt.Sprintf("%d servers: %s", c.servers, c.words), func(t *testing.T) {
			bubble(t, proxy(c.servers), Env{}, func(t *testing.T, b *Backend) {
				for word := range strings.FieldsSeq(c.words) {
					srv := "s" + word[:1]
					for _, letter := range []byte(word[1:]) {
						switch letter {
						case 'D':
							check(t, b, srv, CheckL4CON)
							check(t, b, srv, CheckL4CON)
							check(t, b, srv, CheckL4CON)
						case 'U':
							check(t, b, srv, CheckL7OK)
							check(t, b, srv, CheckL7OK)
						default:
							b.Server(srv).Saw(sights[letter], 0)
							settle()
						}
					}
				}
				if got := shunnedNames(b); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestNobodyIsShunnedWithoutFastDetect(t *testing.T) {
	for name, edit := range map[string]func(*config.Proxy){
		"no option fast-detect": func(p *config.Proxy) { p.NoFastDetect = true },
		"mode tcp":              func(p *config.Proxy) { p.Mode = config.ModeTCP },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, proxy(2, edit), Env{}, func(t *testing.T, b *Backend) {
				breakdown(b, "s1", 4*shunAfter)
				if got := shunnedNames(b); got != "" {
					t.Errorf("shunned: %s", got)
				}
			})
		})
	}
	t.Run("switched off by a reload", func(t *testing.T) {
		bubble(t, proxy(2), Env{}, func(t *testing.T, b *Backend) {
			breakdown(b, "s1", shunAfter)
			b.must(t, Apply{Cfg: proxy(2)})
			if got := shunnedNames(b); got != "s1" {
				t.Errorf("a reload changed who is shunned: %q", got)
			}
			b.must(t, Apply{Cfg: proxy(2, func(p *config.Proxy) { p.NoFastDetect = true })})
			if got := shunnedNames(b); got != "" {
				t.Errorf("shunned: %s", got)
			}
		})
	})
}

// TestAShunnedServerGetsProbesOnly: of 16 requests that were to go there one
// does, if it may be sent again, and all others are where the algorithm puts
// them when the server is avoided.
func TestAShunnedServerGetsProbesOnly(t *testing.T) {
	const requests = 3200
	for name, p := range map[string]*config.Proxy{
		"roundrobin": proxy(3), "limited": proxy(3, slots(10)), "weighed": proxy(3, func(p *config.Proxy) { p.Servers[0].Weight = 5 }),
		"leastconn": proxy(3, func(p *config.Proxy) { p.Balance.Algorithm = config.LeastConn }),
		"random":    proxy(3, by(config.Balance{Algorithm: config.Random, Draws: 2})),
		"ring":      proxy(3, byURI(true)), "map": proxy(3, byURI(false)), "jump": proxy(3, byJump),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, p, Env{}, func(t *testing.T, b *Backend) {
				hashes := p.Balance.Algorithm.Hashes()
				send := func(again bool) (to map[string]int, natural int) {
					to = map[string]int{}
					for i := range requests {
						target := fmt.Sprintf("/%d/x", i)
						c := b.Pick(&Args{Req: mustParse(target), Again: again})
						if c.Probe != (c.Srv.Name == "s1" && shunnedNames(b) != "") {
							t.Fatalf("%s: probe is %t", c.Srv.Name, c.Probe)
						}
						if hashes && !c.Probe && shunnedNames(b) != "" {
							other := b.Pick(&Args{Req: mustParse(target), Avoid: FailedOnes(b.Server("s1"))}).Srv
							if other != c.Srv {
								t.Fatalf("%s: %s, and %s when s1 has failed", target, c.Srv.Name, other.Name)
							}
							other.Release(0)
						}
						to[c.Srv.Name]++
						c.Srv.Release(0)
					}
					return to, to["s1"]
				}
				_, natural := send(true)
				breakdown(b, "s1", shunAfter)
				to, probes := send(true)
				if p.Balance.Algorithm == config.LeastConn { // who fails fast has the least connections
					natural = requests
				}
				if most := natural*11/10/probeEach + 1; probes == 0 || probes > most {
					t.Errorf("%d requests went to it, want 1 to %d: %v", probes, most, to)
				}
				if to["s2"] < requests/4 || to["s3"] < requests/4 {
					t.Errorf("the others have unequal shares: %v", to)
				}
				if to, n := send(false); n != 0 {
					t.Errorf("of requests that may not be sent again some went there: %v", to)
				}
				time.Sleep(probeAnyAfter)
				if _, n := send(false); n != 1 {
					t.Errorf("%d of them went there after %v, want 1", n, probeAnyAfter)
				}
				if got := b.Server("s1").Counters.Sum(ShunProbes); got != int64(probes+1) {
					t.Errorf("%d probes are counted, want %d", got, probes+1)
				}
				b.Server("s1").Saw(SawReply, 0)
				settle()
				if c := b.Pick(&Args{Req: mustParse("/"), Avoid: FailedOnes(b.Server("s2"), b.Server("s3"))}); c.Srv.Name != "s1" || c.Probe {
					t.Errorf("behind a reply: %+v", c)
				}
			})
		})
	}
}

func TestAShunnedServerIsTakenWhenTheOthersFailed(t *testing.T) {
	bubble(t, proxy(2), Env{}, func(t *testing.T, b *Backend) {
		breakdown(b, "s1", shunAfter)
		if c := b.Pick(&Args{Avoid: FailedOnes(b.Server("s2"))}); c.Srv == nil || c.Srv.Name != "s1" {
			t.Errorf("got %+v", c)
		}
	})
}

func TestACookieLeavesAShunnedServerWithRedispatchOnly(t *testing.T) {
	redispatch := func(p *config.Proxy) { p.Redispatch = -1 }
	stubborn := func(p *config.Proxy) { p.Redispatch, p.Persist = -1, true }
	for _, c := range []struct {
		name   string
		edit   func(*config.Proxy)
		srv    string
		letter PersistState
	}{
		{"without", func(*config.Proxy) {}, "s1", PersistValid},
		{"with", redispatch, "s2", PersistDown},
		{"option persist", stubborn, "s1", PersistValid},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, proxy(2, cookies, c.edit), Env{}, func(t *testing.T, b *Backend) {
				breakdown(b, "s1", shunAfter)
				each := b.Snapshot().probeEach
				for range each - 1 {
					got := b.Pick(&Args{Cookie: []byte("c1"), Again: true})
					if got.Srv.Name != c.srv || got.Persist != c.letter || got.Direct != (c.srv == "s1") || got.Probe {
						t.Fatalf("got %s %c %t, want %s %c", got.Srv.Name, got.Persist, got.Direct, c.srv, c.letter)
					}
					got.Srv.Release(0)
				}
				got := b.Pick(&Args{Cookie: []byte("c1"), Again: true})
				if got.Srv.Name != "s1" || got.Persist != PersistValid || !got.Direct || got.Probe != (c.srv == "s2") {
					t.Errorf("the %dth: %+v", each, got)
				}
			})
		})
	}
}

// TestWhoFindsNoSlotDoesNotWaitForAShunnedServer: it has free ones, but they are
// worth nothing; when it replies, they are given out at once.
func TestWhoFindsNoSlotDoesNotWaitForAShunnedServer(t *testing.T) {
	bubble(t, proxy(2, slots(1)), Env{}, func(t *testing.T, b *Backend) {
		breakdown(b, "s1", shunAfter)
		if c := b.Pick(&Args{}); c.Srv == nil || c.Srv.Name != "s2" {
			t.Fatalf("got %+v", c)
		}
		c := b.Pick(&Args{})
		if c.Srv != nil || !c.Full || c.Wait != nil {
			t.Fatalf("with no slot left elsewhere: %+v", c)
		}
		w := &waiter{}
		if _, ok := b.Enqueue(nil, w); !ok || len(w.grants()) != 0 {
			t.Fatalf("granted: %v", w.grants())
		}
		b.Server("s1").Saw(SawReply, 0)
		settle()
		if got := w.grants(); len(got) != 1 || got[0].Name != "s1" {
			t.Errorf("granted: %v", got)
		}
	})
}

func TestShunningIsToldAtBothEnds(t *testing.T) {
	var told []string
	bubble(t, proxy(2), Env{Notify: func(level int, text string) { told = append(told, fmt.Sprint(level, " ", text)) }}, func(t *testing.T, b *Backend) {
		breakdown(b, "s1", 3*shunAfter)
		time.Sleep(1500 * time.Millisecond)
		b.Server("s1").Saw(SawReply, 1)
		settle()
		synctest.Wait()
		if got := b.Server("s1").Counters.Sum(Shunned); got != 1 {
			t.Errorf("counted %d times", got)
		}
	})
	want := []string{
		"4 Server be/s1 is shunned: 5 requests in a row broke on it, and other servers take them (option fast-detect).",
		"5 Server be/s1 is not shunned any more: it has replied, after 1500ms (option fast-detect).",
	}
	if fmt.Sprint(told) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", told, want)
	}
}
