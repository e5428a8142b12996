package rule

import (
	"net/netip"
	"time"
)

// A Timer names a timeout that set-timeout changes for one stream.
type Timer uint8

// The timeouts of set-timeout.
const (
	TimerServer Timer = iota
	TimerTunnel
	TimerClient
	TimerConnect
	TimerQueue
	TimerTarpit
	timers
)

var timerNames = [timers]string{"server", "tunnel", "client", "connect", "queue", "tarpit"}

// Marks are what actions leave at a stream besides edits of its messages. The
// zero value changes nothing.
type Marks struct {
	Src, Dst netip.AddrPort // set-src, set-dst and their ports; invalid: as they were
	Retries  int            // set-retries
	Hints    []byte         // field lines of early-hint
	set      uint16         // a bit per Timer, and those below
	timeouts [timers]time.Duration
}

const (
	retriesSet uint16 = 1 << (timers + iota)
	noRetry
)

// Timeout is the timeout that the rules set, or otherwise.
func (m *Marks) Timeout(t Timer, otherwise time.Duration) time.Duration {
	if m.set&(1<<t) != 0 {
		return m.timeouts[t]
	}
	return otherwise
}

// RetriesSet says whether Retries replaces the backend's.
func (m *Marks) RetriesSet() bool { return m.set&retriesSet != 0 }

// Reset forgets everything; memory is kept.
func (m *Marks) Reset() { *m = Marks{Hints: m.Hints[:0]} }

// Lasting is what a tunnel still needs of them: a copy without the rest, or nil
// if no action changed a timeout or an address.
func (m *Marks) Lasting() *Marks {
	if m.set&(1<<timers-1) == 0 && !m.Src.IsValid() && !m.Dst.IsValid() {
		return nil
	}
	return &Marks{Src: m.Src, Dst: m.Dst, set: m.set, timeouts: m.timeouts}
}

// NoRetry says that the request must not be sent twice (disable-l7-retry).
func (m *Marks) NoRetry() bool { return m.set&noRetry != 0 }
