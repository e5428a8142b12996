package engine

import (
	"runtime"

	"golang.org/x/sys/unix"

	"bascule/internal/config"
)

const (
	// reservedFDs is kept from maxconn's derivation for checks, the runtime
	// socket, logs, reload and the runtime itself.
	reservedFDs = 100
	// fdsPerConn is a client connection and a server connection.
	fdsPerConn = 2
	// fdsPerLoop is a loop's epoll and eventfd.
	fdsPerLoop = 2
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
}

// Loops is the number of loops that a configuration asks for: nbthread, or
// one per usable core.
func Loops(cfg *config.Config) int {
	if n := cfg.Global.NbThread; n > 0 {
		return n
	}
	return runtime.NumCPU()
}

// raiseLimits raises the limit of descriptors as far as maxconn needs it and
// the process may, and derives maxconn from it when none is configured.
// forced is -n of the command line, 0: none.
func raiseLimits(cfg *config.Config, loops, listeners, forced int) Limits {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		l.Cur, l.Max = 1024, 1024
	}
	reserve := reservedFDs + loops*fdsPerLoop + listeners
	want := cfg.Global.MaxConn
	if forced > 0 {
		want = forced
	}
	if need := uint64(want*fdsPerConn + reserve); l.Cur < need {
		raise := unix.Rlimit{Cur: need, Max: max(need, l.Max)}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raise) != nil {
			raise = unix.Rlimit{Cur: l.Max, Max: l.Max} // not privileged: as far as it goes
			_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &raise)
		}
		_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	}
	fds := int(min(l.Cur, 1<<31))
	derived := max((min(fds, maxFDs)-reserve)/fdsPerConn, minMaxConn)
	if want == 0 {
		want = derived
	}
	return Limits{FDs: fds, MaxConn: want, MaxSock: want*fdsPerConn + reserve}
}
