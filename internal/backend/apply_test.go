package backend

import (
	"strings"
	"testing"
	"time"

	"bascule/internal/config"
)

func names(b *Backend) string {
	var s []string
	for _, srv := range b.Servers() {
		s = append(s, srv.Name)
	}
	return strings.Join(s, " ")
}

func TestApplyKeepsWhatStays(t *testing.T) {
	bubble(t, proxy(3, cookies), Env{}, func(t *testing.T, b *Backend) {
		one, two, three := b.Server("s1"), b.Server("s2"), b.Server("s3")
		order(t, b, "s1", Drain)
		check(t, b, "s2", CheckL4CON)
		b.must(t, SetWeight{three, "7"})
		one.Counters.Add(0, Sessions, 42)
		one.Cur.Enter()
		since := one.State().Since
		time.Sleep(time.Minute)

		next := proxy(3, cookies) // s3 goes, s0 comes, the others move
		next.Servers = []*config.Server{next.Servers[1], line(9), next.Servers[0]}
		b.must(t, Apply{Cfg: next})
		if got := names(b); got != "s2 s9 s1" {
			t.Fatalf("servers are %s", got)
		}
		if b.Server("s1") != one || one.Counters.Sum(Sessions) != 42 || one.Cur.Cur() != 1 ||
			!one.State().Admin.Drain() || !one.State().Since.Equal(since) {
			t.Errorf("s1 lost something: %+v", one.State())
		}
		if b.Server("s2") != two || two.State().Op != Stopped || two.State().Downs != 1 {
			t.Errorf("s2 lost something: %+v", two.State())
		}
		if st := b.Server("s9").State(); st.Op != Running || st.Health != 2 {
			t.Errorf("a new server begins like at the start: %+v", st)
		}
		if !three.State().Removed || b.Server("s3") != nil {
			t.Error("s3 is still there")
		}
		if got := strings.Join(picks(b, 2), " "); got != "s9 s9" {
			t.Errorf("picks %s, want only the new one: s1 drains, s2 is down", got)
		}
		if c := b.Pick(&Args{Cookie: []byte("c3")}); c.Persist != PersistInvalid {
			t.Errorf("the cookie of a removed server: %+v", c)
		}
	})
}

func TestARemovedServerComesBackAsItself(t *testing.T) {
	bubble(t, proxy(2), Env{}, func(t *testing.T, b *Backend) {
		two := b.Server("s2")
		two.Cur.Enter()
		two.Counters.Add(0, Sessions, 5)
		b.must(t, Apply{Cfg: proxy(1)})
		if got := strings.Join(picks(b, 2), " "); got != "s1 s1" {
			t.Errorf("picks %s", got)
		}
		b.must(t, Apply{Cfg: proxy(2)})
		if b.Server("s2") != two || two.State().Removed || !two.State().Usable() {
			t.Errorf("s2 with a session left came back as %+v", b.Server("s2").State())
		}
		b.must(t, Apply{Cfg: proxy(1)})
		two.Cur.Leave()
		b.must(t, Apply{Cfg: proxy(1)})
		b.must(t, Apply{Cfg: proxy(2)})
		if b.Server("s2") == two {
			t.Error("a server without sessions should have been forgotten")
		}
	})
}

func TestApplyChangesWhatChanged(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(t *testing.T, b *Backend)
		edit   func(*config.Server)
		ok     func(s *Server, st *State) bool
	}{
		{"weight", nil, func(s *config.Server) { s.Weight = 5 },
			func(s *Server, st *State) bool { return st.UWeight == 5 && st.IWeight == 5 }},
		{"a weight set at run time stays", func(t *testing.T, b *Backend) { b.must(t, SetWeight{b.Server("s1"), "9"}) }, func(*config.Server) {},
			func(s *Server, st *State) bool { return st.UWeight == 9 && st.IWeight == 1 }},
		{"a weight set at run time yields to a new one", func(t *testing.T, b *Backend) { b.must(t, SetWeight{b.Server("s1"), "9"}) }, func(s *config.Server) { s.Weight = 3 },
			func(s *Server, st *State) bool { return st.UWeight == 3 && st.IWeight == 3 }},
		{"disabled", nil, func(s *config.Server) { s.Disabled = true },
			func(s *Server, st *State) bool { return st.Status() == "MAINT" && st.Admin == ForcedMaint|ConfigMaint }},
		{"the check goes: nothing holds the server down", func(t *testing.T, b *Backend) { check(t, b, "s1", CheckL4CON) }, func(s *config.Server) { s.Check = false },
			func(s *Server, st *State) bool { return st.Status() == "no check" }},
		{"the address: checked at once, idle connections retired", func(t *testing.T, b *Backend) { check(t, b, "s1", CheckL4OK) }, func(s *config.Server) { s.Addr.Port = 1234 },
			func(s *Server, st *State) bool {
				return st.Status() == "UP 1/3" && s.Epoch() == 1 && s.Addr().Port() == 1234 && len(s.Probe()) == 1
			}},
		{"no address any more", nil, func(s *config.Server) {
			s.Addr.IP = s.Addr.IP.Unmap().Prev()
			s.Addr = config.Address{Host: "gone.example"}
		},
			func(s *Server, st *State) bool { return st.Status() == "MAINT (resolution)" && !st.Persists() }},
		{"a longer fall keeps a server fully up", func(t *testing.T, b *Backend) { check(t, b, "s1", CheckL4OK) }, func(s *config.Server) { s.Fall = 7 },
			func(s *Server, st *State) bool { return st.Status() == "UP" && st.Health == 8 }},
		{"a shorter fall keeps a failing server up", func(t *testing.T, b *Backend) {
			check(t, b, "s1", CheckL4OK)
			check(t, b, "s1", CheckL4CON)
			check(t, b, "s1", CheckL4CON)
		}, func(s *config.Server) { s.Fall, s.Rise = 1, 1 }, func(s *Server, st *State) bool { return st.Status() == "UP" }},
		{"a server that is down stays down", func(t *testing.T, b *Backend) { check(t, b, "s1", CheckL4CON) }, func(s *config.Server) { s.Rise = 5 },
			func(s *Server, st *State) bool { return st.Status() == "DOWN" }},
		{"id", nil, func(s *config.Server) { s.ID = 77 }, func(s *Server, st *State) bool { return s.ID() == 77 }},
		{"maxconn", nil, func(s *config.Server) { s.MaxConn = 12 }, func(s *Server, st *State) bool { return s.MaxConn() == 12 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := running(t, proxy(2), Env{})
			if c.before != nil {
				c.before(t, b)
			}
			next := proxy(2)
			c.edit(next.Servers[0])
			b.must(t, Apply{Cfg: next})
			if s := b.Server("s1"); !c.ok(s, s.State()) {
				t.Errorf("got %s, %+v", s.State().Status(), s.State())
			}
		})
	}
}

func TestTwentyReloadsKeepTheCount(t *testing.T) {
	b := running(t, proxy(2), Env{})
	one := b.Server("s1")
	for i := range 20 {
		b.Pick(&Args{}).Srv.Release(0)
		next := proxy(2 + i%2)
		next.Servers[1].Weight = 1 + i
		b.must(t, Apply{Cfg: next})
		if got := b.Server("s2").State().UWeight; got != 1+i {
			t.Errorf("reload %d: weight %d", i, got)
		}
	}
	if b.Server("s1") != one || b.Counters.Sum(LBTotal) != 20 {
		t.Errorf("counted %d of 20", b.Counters.Sum(LBTotal))
	}
}
