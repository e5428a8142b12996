package loop

import (
	"log/slog"
	"time"
)

// ByHand makes a loop without a thread and without sockets: whoever makes it
// gives it its turns. It has the timers and the mailbox of any loop, so that
// what is decided on one can be watched in a time that is not the kernel's.
// mail is called, on any goroutine, when the first letter since a turn has come.
func ByHand(index int, log *slog.Logger, mail func()) *Loop {
	l := &Loop{index: index, log: log, epfd: -1, wakefd: -1, rang: mail, born: time.Now().Add(-time.Second), done: make(chan struct{})}
	l.tickAt(time.Now(), l.born)
	l.SetPipes(0, 0)
	return l
}

// Turn does what is due: timers, then the mail. next is how long nothing will
// be, unless there is mail; negative: no timer is set.
func (l *Loop) Turn() (next time.Duration) {
	l.tickAt(time.Now(), l.born)
	l.expire()
	l.readMail()
	if len(l.timers.heap) == 0 {
		return -1
	}
	return time.Duration(max(l.timers.heap[0].armed-l.now, 0))
}

// End is the end of a loop by hand: Done is closed, its mail dropped.
func (l *Loop) End() { l.close() }
