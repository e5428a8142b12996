package backend

import (
	"fmt"

	"bascule/internal/events"
)

// kinds are what readers of events are told a note is.
var kinds = [...]events.Kind{
	noteDown: events.ServerDown, noteUp: events.ServerUp, noteStopping: events.ServerStopping,
	noteMaint: events.ServerMaint, noteWasDown: events.ServerMaint, noteLeaveMaint: events.ServerReady,
	noteStillDrain: events.ServerDrain, noteDrain: events.ServerDrain, noteLeaveDrain: events.ServerReady,
	noteCheck: events.ServerCheck, noteAgent: events.ServerCheck, noteLeaveTrackedMaint: events.ServerReady,
	noteDrainUntil: events.ServerDrain, noteDrainOver: events.ServerDrained, noteFelled: events.ServerFelled,
	noteRemoved: events.ServerRemoved, noteHeld: events.ServerHeld, noteReleased: events.ServerHeld, noteWarmHeld: events.ServerHeld, noteWarmOn: events.ServerHeld,
}

// happened adds an event about a server, or about the backend if s is nil.
func (b *Backend) happened(kind events.Kind, level int, s *Server, text string) {
	e := events.Event{Kind: kind, Level: level, Proxy: b.name, Text: text}
	if s != nil {
		e.Server = s.Name
	}
	b.env.Event(e)
}

// tellTurned tells once a second which servers' queues were full, and how often.
func (b *Backend) tellTurned() {
	q := &b.line
	q.mu.Lock()
	turned := q.turned
	q.turned = nil
	q.mu.Unlock()
	for s, n := range turned {
		b.happened(events.QueueFull, LevelWarning, s, fmt.Sprintf("The queue of server %s/%s was full for %d requests in the last second (maxqueue %d).",
			b.name, s.Name, n, s.Config().MaxQueue))
	}
}

// turnAway notes that a server's queue was full; the lock is held.
func (q *queues) turnAway(s *Server) {
	if q.turned == nil {
		q.turned = map[*Server]int{}
	}
	q.turned[s]++
}
