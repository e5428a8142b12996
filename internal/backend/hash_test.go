package backend

import (
	"fmt"
	"net/netip"
	"testing"

	"bascule/internal/balance"
	"bascule/internal/config"
	"bascule/internal/rule"
)

// keep picks without giving the slot back.
func keep(b *Backend, target string) *Server {
	return b.Pick(&Args{Req: mustParse(target)}).Srv
}

func TestTheLoadOfAKeyIsBounded(t *testing.T) {
	for name, edit := range map[string]func(*config.Proxy){"ring": byURI(true), "jump": byJump} {
		t.Run(name, func(t *testing.T) {
			p := proxy(4, edit, bounded(125))
			p.Servers[3].Weight = 3
			b := New(p, Env{})
			for n := range 240 {
				srv := keep(b, "/one/key")
				slots := (int64(n+1)*125 + 99) / 100
				if fair := slots*int64(srv.Config().Weight)/6 + 1; srv.Cur.Cur() > fair {
					t.Fatalf("stream %d: %s has %d streams, the bound is %d", n, srv.Name, srv.Cur.Cur(), fair)
				}
			}
			busy := 0
			for _, s := range b.Servers() {
				if s.Cur.Cur() > 0 {
					busy++
				}
			}
			if busy < 2 {
				t.Error("one server took all")
			}
		})
	}
}

func TestAffinityGivesWayWhenServersAreFull(t *testing.T) {
	full := func(a config.Affinity) *Backend {
		p := proxy(3, byURI(true), slots(1))
		p.Balance.Affinity = a
		for _, s := range p.Servers {
			s.MaxQueue = 1
		}
		return New(p, Env{})
	}
	pick := func(b *Backend) Choice { return b.Pick(&Args{Req: mustParse("/one/key")}) }
	t.Run("always waits", func(t *testing.T) {
		b := full(config.AffinityAlways)
		own := pick(b).Srv
		if c := pick(b); !c.Full || c.Wait != own {
			t.Errorf("got %+v, want to wait for %s", c, own.Name)
		}
	})
	t.Run("maxconn moves on, and waits for its own when all are full", func(t *testing.T) {
		b := full(config.AffinityMaxConn)
		own, second, third := pick(b).Srv, pick(b).Srv, pick(b).Srv
		if own == second || second == third || own == third {
			t.Errorf("got %s %s %s", own.Name, second.Name, third.Name)
		}
		if c := pick(b); !c.Full || c.Wait != own {
			t.Errorf("all full: got %+v, want to wait for %s", c, own.Name)
		}
	})
	t.Run("maxqueue waits while there is room", func(t *testing.T) {
		b := full(config.AffinityMaxQueue)
		own := pick(b).Srv
		c := pick(b)
		if !c.Full || c.Wait != own {
			t.Fatalf("got %+v, want to wait for %s", c, own.Name)
		}
		b.Enqueue(own, &waiter{})
		if c := pick(b); c.Srv == nil || c.Srv == own {
			t.Errorf("with the queue full got %+v", c)
		}
	})
}

func TestARequestWithoutAKeyTakesItsTurn(t *testing.T) {
	for name, bal := range map[string]config.Balance{
		"map": {Algorithm: config.URLParam, Name: "id"}, "jump": {Algorithm: config.URLParam, Name: "id", Jump: true},
		"expression": {Algorithm: config.HashExpr, Expr: expr(t, "req.hdr(nothing)")},
	} {
		t.Run(name, func(t *testing.T) {
			b := New(proxy(3, by(bal)), Env{})
			req := mustParse("/")
			got := ""
			for range 6 {
				got += b.Pick(&Args{Req: req, Ctx: &rule.Ctx{Req: req}}).Srv.Name
			}
			if got != "s1s2s3s1s2s3" {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestAnExpressionIsHashedInItsBinaryForm(t *testing.T) {
	req := mustParse("/")
	src := netip.MustParseAddrPort("192.0.2.77:1")
	for text, key := range map[string]string{
		"src": "\xc0\x00\x02\x4d", "str(abc)": "abc", "int(258)": "\x00\x00\x00\x00\x00\x00\x01\x02", "req.hdr(host),upper": "A",
	} {
		bal := config.Balance{Algorithm: config.HashExpr, Expr: expr(t, text), Func: balance.CRC32}
		b := New(proxy(5, by(bal)), Env{})
		entries := make([]balance.Entry, 5)
		for i := range entries {
			entries[i] = balance.Entry{ID: uint32(i + 1), Weight: balance.Effective(1)}
		}
		want := fmt.Sprintf("s%d", 1+balance.Map(entries).Lookup(balance.Hash(balance.CRC32, []byte(key))))
		if got := b.Pick(&Args{Req: req, Ctx: &rule.Ctx{Req: req, Src: src}}).Srv.Name; got != want {
			t.Errorf("%s: on %s, want %s", text, got, want)
		}
	}
}

func TestAKeyGoesOnAfterTheHeadIsGone(t *testing.T) {
	for name, edit := range map[string]func(*config.Proxy){"ring": byURI(true), "jump": byJump, "map": byURI(false)} {
		b := New(proxy(5, edit), Env{})
		seen := map[*Server]bool{}
		a := Args{Req: mustParse("/hls/x/1")}
		first := b.Pick(&a).Srv
		for range 4 { // redispatched again and again: to the key's next, not by turns
			a.Req, a.Avoid = nil, FailedOnes(first)
			seen[b.Pick(&a).Srv] = true
		}
		if len(seen) != 1 || seen[first] {
			t.Errorf("%s: a redispatched key went to %d servers, its own among them: %t", name, len(seen), seen[first])
		}
	}
}

func TestServersOfTheSameAddressShareTheirPlaceByHashKey(t *testing.T) {
	where := func(order ...int) string {
		p := proxy(0, byURI(true))
		for i, n := range order {
			s := line(n)
			s.ID, s.HashKey = i+1, config.HashKeyAddrPort
			p.Servers = append(p.Servers, s)
		}
		b, got := New(p, Env{}), ""
		for i := range 50 {
			got += keep(b, fmt.Sprintf("/key/%d", i)).Name
		}
		return got
	}
	if one, two := where(1, 2, 3, 4), where(4, 3, 1, 2); one != two {
		t.Errorf("the order of the lines moves keys:\n%s\n%s", one, two)
	}
}
