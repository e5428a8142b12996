package h1

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

// Files that name their servers anew with every reload must not cost memory
// for every server that there ever was.
func TestRemovedServersAreForgotten(t *testing.T) {
	l, err := loop.New(0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Stop(); _ = l.Run() }) // closes its descriptors
	file := func(names ...string) *config.Proxy {
		p := &config.Proxy{Name: "be", Backend: true}
		for i, name := range names {
			p.Servers = append(p.Servers, &config.Server{Name: name, ID: i + 1, Weight: 1})
		}
		return p
	}
	b := backend.New(file("stays", "busy", "goes"), backend.Env{Loops: 1})
	ctx, cancel := context.WithCancel(context.Background())
	var owner sync.WaitGroup
	owner.Go(func() { b.Run(ctx) }) // ends with the test
	t.Cleanup(func() { cancel(); owner.Wait() })

	p := New(l, &stream.Env{Loops: 1, Log: slog.New(slog.DiscardHandler), Total: backend.NewCounters(1)}, &config.Global{})
	stays, busy, goes := p.pool(b.Server("stays")), p.pool(b.Server("busy")), p.pool(b.Server("goes"))
	busy.begin()
	epoch := goes.srv.Epoch()
	if err := b.Ask(backend.Apply{Cfg: file("stays")}); err != nil {
		t.Fatal(err)
	}
	p.Sweep()
	if goes.srv.Epoch() == epoch {
		t.Error("the removed server's connections may be used again")
	}
	has := func(l *pool) bool { return p.pools[l.srv.Index] == l }
	if !has(stays) || !has(busy) || has(goes) {
		t.Errorf("kept: the server that stays %t, one with a stream %t, the removed one %t", has(stays), has(busy), has(goes))
	}
	busy.end()
	if busy.purge(); has(busy) {
		t.Error("the server is kept after its last stream")
	}
}
