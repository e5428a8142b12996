package engine

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"bascule/internal/config"
)

const (
	// reservedFDs is kept from maxconn's derivation for checks, the runtime
	// socket, logs, reload and the runtime itself.
	reservedFDs = 100
	// reservedShare bounds the reserve where there are few: an eighth of all.
	reservedShare = 8
	// leastFDs is what the process cannot do without beside its connections.
	leastFDs = 10
	// fdsPerConn is a client connection and a server connection.
	fdsPerConn = 2
	// fdsPerLoop is a loop's epoll and eventfd.
	fdsPerLoop = 2
	// fdsPerPipe is for its two ends. Only pipes that maxpipes asks for have their
	// place, as with HAProxy: what finds none is copied.
	fdsPerPipe = 2
	// maxFDs bounds the derivation where the limit is practically infinite:
	// half a million connections by default are enough.
	maxFDs = 1 << 20
	// minMaxConn keeps a process with very few descriptors serving.
	minMaxConn = 10
)

// Limits are what the process may open.
type Limits struct {
	FDs     int // RLIMIT_NOFILE in force
	MaxSock int // descriptors that MaxConn may need
	MaxConn int // client connections
	fixed   int // descriptors of loops, listeners and maxpipes
}

// Loops is the number of loops that a configuration asks for: nbthread, or
// one per usable core.
func Loops(cfg *config.Config) int {
	if n := cfg.Global.NbThread; n > 0 {
		return n
	}
	return runtime.NumCPU()
}

// raiseLimits raises the limit of descriptors as far as maxconn or ulimit-n
// needs it and the process may, and derives maxconn from it when none is
// configured. forced is -n of the command line, 0: none. With too few
// descriptors for what is configured the limits that it returns are those that
// can be kept, and the error says so.
func raiseLimits(cfg *config.Config, loops, listeners, forced int) (Limits, error) {
	g := &cfg.Global
	want := g.MaxConn
	if forced > 0 {
		want = forced
	}
	lim := Limits{fixed: loops*fdsPerLoop + listeners}
	if g.Tuning.MaxPipes > 0 && !g.Tuning.NoSplice {
		lim.fixed += g.Tuning.MaxPipes * fdsPerPipe
	}
	least := want*fdsPerConn + lim.fixed + leastFDs
	need := want*fdsPerConn + lim.fixed + reservedFDs
	if g.UlimitN > 0 {
		least, need = g.UlimitN, g.UlimitN
	}
	lim.FDs = raiseFDs(uint64(need))
	usable := lim.FDs
	if g.FDHardLimit > 0 && want == 0 && g.UlimitN == 0 {
		usable = min(usable, g.FDHardLimit)
	}
	lim.MaxConn = want
	var err error
	if lim.FDs < least {
		err = fmt.Errorf("Cannot raise FD limit to %d, limit is %d.", least, lim.FDs)
		lim.MaxConn = min(want, lim.derive(usable))
	}
	if want == 0 {
		lim.MaxConn = lim.derive(usable)
	}
	lim.MaxSock = lim.MaxConn*fdsPerConn + lim.fixed + lim.reserve(usable)
	return lim, err
}

// raiseFDs raises the soft limit to need, the hard one too where that is
// allowed, and returns what is in force.
func raiseFDs(need uint64) int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		l.Cur, l.Max = 1024, 1024
	}
	if l.Cur < need {
		raise := unix.Rlimit{Cur: need, Max: max(need, l.Max)}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raise) != nil {
			raise = unix.Rlimit{Cur: l.Max, Max: l.Max} // not privileged: as far as it goes
			_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &raise)
		}
		_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	}
	return int(min(l.Cur, 1<<31))
}

func (l *Limits) reserve(fds int) int { return min(reservedFDs, fds/reservedShare) }

// derive is how many client connections so many descriptors carry.
func (l *Limits) derive(fds int) int {
	fds = min(fds, maxFDs)
	return max((fds-l.fixed-l.reserve(fds))/fdsPerConn, minMaxConn)
}

// follow lowers maxconn while the descriptor limit is below what it was when
// maxconn was set, as prlimit(1) may make it: who is accepted can be served.
func (e *Engine) follow() {
	var now unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &now) != nil {
		return
	}
	l := e.limits.Load()
	most := l.MaxConn
	if now.Cur < uint64(l.FDs) {
		most = min(most, l.derive(int(now.Cur)))
	}
	most = int(e.asked.most(int64(most)))
	if before := e.env.MaxConn.Swap(int64(most)); before != int64(most) {
		e.log.Warn("the descriptor limit has changed, and maxconn with it", "descriptors", now.Cur, "maxconn", most)
	}
}
