package stream

import (
	"errors"

	"golang.org/x/sys/unix"

	"bascule/internal/backend"
)

// A ticket is a stream's place in a queue. It outlives the stream, which may
// be over or reused when a slot is passed to it.
type ticket struct {
	car *Carrier
	s   *Stream // nil once the stream does not wait any more; the loop's only
}

// Granted takes the slot to the stream's loop.
func (t *ticket) Granted(srv *backend.Server, was backend.Position) {
	t.car.Loop.Post(func() {
		s := t.s
		if s == nil {
			srv.Release(t.car.Loop.Index())
			return
		}
		s.ticket, t.s = nil, nil
		s.waited(was)
		t.car.Loop.StopTimer(s.timer)
		if was.Moved {
			s.leftServer()
		}
		s.run(s.Life.Granted(srv))
	})
}

func (s *Stream) enqueue(o Order) {
	t := &ticket{car: s.car, s: s}
	wait := s.be.Enqueue
	if s.Life.insists() {
		wait = s.be.Insist
	}
	if _, ok := wait(o.Srv, t); !ok {
		s.run(s.Life.QueueFull(o.Srv))
		return
	}
	s.ticket = t
	if o.Delay > 0 { // without timeout queue and connect it waits for as long as it takes
		s.car.Loop.SetTimer(s.timer, o.Delay)
	}
}

// waited adds up the positions in the queues, for the log.
func (s *Stream) waited(was backend.Position) {
	s.queued.Server += was.Server
	s.queued.Backend += was.Backend
}

// unqueue gives up the place. A slot on its way is given back by the ticket.
func (s *Stream) unqueue() {
	if t := s.ticket; t != nil {
		s.ticket, t.s = nil, nil
		was, _ := s.be.Dequeue(t)
		s.waited(was)
	}
}

// expired is the end of a wait in the queue, or of a pause before a retry.
func (s *Stream) expired() {
	if s.over {
		return
	}
	if a := s.late; a != nil {
		s.late = nil
		s.run(Order{Kind: Reply, Answer: a})
		return
	}
	if s.inspectionOver() {
		return
	}
	if s.holdingReply() {
		s.loseReply()
		s.dropBack()
		s.run(s.Life.LateBody())
		return
	}
	if s.ticket != nil {
		s.unqueue()
		s.t.slot = s.car.Loop.Now() // all of it was waiting
		s.run(s.Life.Unqueued())
		return
	}
	s.run(s.Life.Paused())
}

// DialWhy tells our own faults from the server's: without a descriptor or a
// local port no server could have been reached.
func DialWhy(err error) Why {
	for _, own := range [...]error{unix.EMFILE, unix.ENFILE, unix.EADDRNOTAVAIL, unix.ENOBUFS, unix.ENOMEM, unix.EAGAIN} {
		if errors.Is(err, own) {
			return OwnFault
		}
	}
	return Refused
}
