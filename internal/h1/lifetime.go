package h1

import (
	"sync/atomic"
	"time"
)

// leastLifetime is the shortest time that is taken for a server's rule to end
// idle connections: those that end sooner end with their server.
const leastLifetime = time.Second

// A lifetime is what one loop has seen of how long a server keeps a connection that is
// idle; what follows from it all loops know (Server.IdleLimit). A request that is sent at that very moment meets a reset, behind which
// nothing proves that it was not read; one that may not be sent twice does not
// use such a connection.
type lifetime struct {
	last time.Duration // how long the connection was idle that the server ended last
}

// ended learns from a connection that the server has ended behind so long a time.
// Two in a row that were idle for as long are a rule.
func (t *lifetime) ended(idle time.Duration, limit *atomic.Int64) {
	if idle < leastLifetime {
		return
	}
	if less, more := min(idle, t.last), max(idle, t.last); more-less < less/10 {
		limit.Store(int64(less))
	}
	t.last = idle
}

// over says that the server may end a connection just now that is still there
// behind so long a time. One that is much older says that nothing is known.
func over(idle time.Duration, limit *atomic.Int64) bool {
	known := time.Duration(limit.Load())
	if known > 0 && idle > known+known/10 {
		limit.Store(0)
		return false
	}
	return known > 0 && idle > known-known/10
}

// idles is how long the connection has been idle.
func (b *back) idles() time.Duration { return time.Duration(b.p.loop.Now() - b.left) }
