package h1

import (
	"log/slog"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

// poolOf is a pool of a plane that has the given limits of descriptors, and no sockets.
func poolOf(t *testing.T, low, high, loops int) *pool {
	t.Helper()
	l, err := loop.New(0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Stop(); _ = l.Run() }) // closes its descriptors
	b := backend.New(&config.Proxy{Name: "be", Backend: true, Servers: []*config.Server{{Name: "s1", ID: 1, Weight: 1, PoolMaxConn: -1, PoolPurgeDelay: time.Minute}}}, backend.Env{Loops: loops})
	p := New(l, &stream.Env{Loops: loops, Log: slog.New(slog.DiscardHandler), Total: backend.NewCounters(loops)}, &config.Global{})
	p.lowFDs, p.highFDs = low, high
	return p.pool(b.Servers()[0])
}

// fill puts n idle connections into the pool.
func (l *pool) fill(t *testing.T, n int) {
	t.Helper()
	for range n {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fds[1]) })
		b := &back{p: l.p, srv: l.srv}
		if b.c, err = l.p.loop.Adopt(fds[0], b); err != nil {
			t.Fatal(err)
		}
		l.put(b)
	}
}

func TestIdleConnectionsAreKeptByWhatIsLeftOfDescriptors(t *testing.T) {
	const low, high = 20, 30
	tests := map[string]struct {
		open, idle, loops int
		want              bool
	}{
		"few are open: as many as were needed":             {open: 10, idle: 3, loops: 1, want: true},
		"from the low ratio on, one":                       {open: 20, idle: 0, loops: 1, want: true},
		"from the low ratio on, not a second":              {open: 20, idle: 1, loops: 1, want: false},
		"from the high ratio on, none":                     {open: 30, idle: 0, loops: 1, want: false},
		"the other loops are taken to have as many":        {open: 10, idle: 3, loops: 2, want: false},
		"and together they may have passed the high ratio": {open: 15, idle: 0, loops: 2, want: false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := poolOf(t, low, high, tt.loops)
			l.need = 8
			l.fill(t, tt.idle)
			l.p.loop.Stats.Conns.Add(int64(tt.open - tt.idle))
			if got := l.wants(); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAnIdleConnectionMakesRoomForANewOne(t *testing.T) {
	l := poolOf(t, 2, 4, 1)
	l.fill(t, 3)
	if l.p.makeRoom(); len(l.idle) != 3 {
		t.Errorf("%d idle connections are left below the high ratio, want 3", len(l.idle))
	}
	l.fill(t, 1)
	oldest := l.idle[0]
	if l.p.makeRoom(); len(l.idle) != 3 || !oldest.c.Closed() || l.srv.IdleConns.Load() != 3 {
		t.Errorf("%d idle connections are left at the high ratio, want 3 without the oldest", len(l.idle))
	}
}

func TestDescriptorRatiosAreSharesOfTheLimit(t *testing.T) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ low, high, wantLow, wantHigh int }{{0, 0, 20, 25}, {10, 50, 10, 50}, {1, 100, 1, 100}} {
		low, high := fdLimits(&config.Tuning{LowFDPercent: tt.low, HighFDPercent: tt.high})
		n := int(r.Cur) / 100
		if low < n*tt.wantLow || low > (n+1)*tt.wantLow || high < n*tt.wantHigh || high > (n+1)*tt.wantHigh {
			t.Errorf("ratios %d and %d of %d: %d and %d", tt.low, tt.high, r.Cur, low, high)
		}
	}
}
