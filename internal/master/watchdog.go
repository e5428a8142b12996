package master

import (
	"fmt"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"bascule/internal/handover"
)

const (
	// watchdogParts is how often systemd is told within WatchdogSec=. It asks for
	// twice; each part is a question to the worker too.
	watchdogParts = 4
	// watchdogMisses is how many questions in a row a worker may leave unanswered:
	// with the first of them, a whole WatchdogSec=.
	watchdogMisses = 3
)

// A watchdog tells systemd that the master is there (sd_watchdog_enabled(3)), and
// asks the worker whether its loops turn. systemd would end the whole service; a
// worker that hangs is ended here, and another takes over its sockets.
type watchdog struct {
	C     <-chan time.Time // nil: nobody asks
	asked *worker          // who was asked last
	last  int64            // the number of that question
	miss  int              // questions in a row that were not answered
}

// watch begins if systemd wants to be told; the ticker ends with the process.
func (m *Master) watch() watchdog {
	if !m.opt.Systemd {
		return watchdog{}
	}
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		m.log.Warn("the watchdog is off", "error", err)
		return watchdog{}
	}
	if every <= 0 {
		return watchdog{}
	}
	return watchdog{C: time.NewTicker(max(every/watchdogParts, time.Millisecond)).C}
}

// pat is one turn of the watchdog.
func (m *Master) pat(d *watchdog) {
	m.notify("WATCHDOG=1")
	m.mu.Lock()
	w, stopping := m.worker, m.stopping
	m.mu.Unlock()
	if w == nil || w.ended() || stopping { // its end is seen to, or its clients may take their time
		d.asked = nil
		return
	}
	if d.asked == w && w.alive.Load() != d.last {
		d.miss++
		m.shake(w, d.miss)
		return
	}
	d.asked, d.miss = w, 0
	d.last++
	_ = w.channel.Send(handover.Message{Op: opAlive, ID: int(d.last)}) // fails only if the worker has ended
}

// shake ends a worker that does not answer: ABRT has it write where it stands, KILL
// is for one that cannot even do that.
func (m *Master) shake(w *worker, misses int) {
	switch {
	case misses == watchdogMisses:
		m.log.Error(fmt.Sprintf("Current worker (%d) does not turn its loops: aborting it", w.pid))
		_ = w.process.Signal(syscall.SIGABRT) // fails only if it has ended
	case misses > watchdogMisses:
		_ = w.process.Kill()
	}
}
