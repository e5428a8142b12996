package engine

import (
	"fmt"
	"sync/atomic"
	"time"

	"bascule/internal/backend"
	"bascule/internal/events"
	"bascule/internal/loop"
	"bascule/internal/stats"
)

// tlsLimits tells when a limit on TLS handshakes begins to hold clients up and when it
// no longer does: two lines of the log for a flood, however many clients it has.
type tlsLimits struct {
	held  [stats.TLSLimits]atomic.Int64 // how often so far, without those crowded out
	bites [stats.TLSLimits]bite         // of tick
	now   [stats.TLSLimits]atomic.Bool  // it does now
}

// A bite is the time in which a limit holds clients up.
type bite struct {
	seen  int64     // how often so far
	first int64     // how often before it began
	begun time.Time // zero: it does not
	last  time.Time // when it was seen to do
}

// biteOver is how long nobody must have been held up for a bite to be over. A flood
// that comes in waves is one.
const biteOver = 10 * time.Second

// look is told once a second how often the limit has held clients up in total.
func (b *bite) look(total int64, now time.Time) (began, over bool) {
	more := total > b.seen
	if more {
		b.last = now
	}
	switch {
	case more && b.begun.IsZero():
		b.begun, b.first, began = now, b.seen, true
	case !b.begun.IsZero() && now.Sub(b.last) >= biteOver:
		over = true
	}
	b.seen = total
	return began, over
}

// lookAtLimits follows the limits, once a second.
func (e *Engine) lookAtLimits(now time.Time) {
	f, t := e.shakes.Facts(), e.tuning()
	for i := range e.limitsTLS.bites {
		b, total := &e.limitsTLS.bites[i], e.limitsTLS.held[i].Load()
		if i == stats.TLSCrowd {
			total = f.Ended[loop.HandshakeCrowded]
		}
		before := b.seen
		began, over := b.look(total, now)
		switch {
		case began && i == stats.TLSCrowd:
			e.sayLimit(backend.LevelAlert, fmt.Sprintf("TLS handshakes: all places are taken, %d wait and %d have begun. The address with most loses its oldest: %d in the last second. "+
				"Is it one address, refuse it in front of the balancer; are they many, raise maxconn or begin another balancer.", f.Waiting, f.Begun, total-before))
		case began && i == stats.TLSConns:
			e.sayLimit(backend.LevelAlert, fmt.Sprintf("maxsslconn (%d) is reached: clients with TLS wait to be accepted. Raise it if memory allows, or shorten timeout client and timeout http-keep-alive.", t.SSLConns))
		case began:
			e.sayLimit(backend.LevelAlert, fmt.Sprintf("maxsslrate (%d a second) is reached: clients with TLS wait to be accepted. Raise it, or 'set rate-limit ssl-sessions global', if the processors have time left.", e.asked.sslRate(t)))
		case over:
			lasted := b.last.Sub(b.begun).Round(time.Second)
			said := [stats.TLSLimits]string{"TLS handshakes", "maxsslconn", "maxsslrate"}[i] + fmt.Sprintf(": nobody has been held up for %s; it lasted %s", biteOver, lasted)
			if i == stats.TLSCrowd {
				said += fmt.Sprintf(", and %d handshakes lost their place", total-b.first)
			}
			e.sayLimit(backend.LevelNotice, said+".")
			b.begun = time.Time{}
		}
		e.limitsTLS.now[i].Store(!b.begun.IsZero())
	}
}

func (e *Engine) sayLimit(level int, text string) {
	e.log.Warn(text)
	e.events.Add(events.Event{Kind: events.TLSLimit, Level: level, Text: text})
	e.tell(level, text)
}
