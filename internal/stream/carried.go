package stream

import (
	"bascule/internal/backend"
	"bascule/internal/wire"
)

// A carried is what has come of a request's body: what rules look at before the
// request is sent, and what can be sent once more when its server fails. All of
// it is the loop's memory and goes back when the reply begins.
type carried struct {
	pieces   [][]byte // the first is all that rules see
	trailers []byte
	size     int  // bytes in pieces
	most     int  // bytes that may be kept of what is sent
	next     int  // the piece that the server of this try is to be given next
	ended    bool // it was given the end too
	lost     bool // some of the body went on and is not here: it cannot be sent again
}

// DefaultKeepTotal is how much memory the process uses for bodies that are kept
// for a replay: a thousand uploads of 64 KiB at once. What comes beyond goes on
// and cannot be sent again.
const DefaultKeepTotal = 64 << 20

// mostPiece is the most that one piece grows by: a read of the loop.
const mostPiece = 64 << 10

// keepTotal is the most memory for bodies, over all loops.
func (e *Env) keepTotal() int64 {
	if n := e.KeepTotal.Load(); n != 0 {
		return n
	}
	return DefaultKeepTotal
}

// first are the bytes that rules may look at.
func (k *carried) first() []byte {
	if len(k.pieces) == 0 {
		return nil
	}
	return k.pieces[0]
}

// behind says that the server has not been given all that is kept.
func (k *carried) behind() bool { return k.next < len(k.pieces) }

// gather adds to the first piece, which stays one, for the rules; the caller
// minds Room.
func (s *Stream) gather(p []byte) {
	k := &s.carried
	if len(k.pieces) == 0 {
		k.pieces = append(k.pieces, s.borrow(len(p)))
	}
	one := &k.pieces[0]
	if old := *one; len(old)+len(p) > cap(old) {
		*one = append(s.borrow(len(old)+len(p)), old...)
		s.giveBack(old)
	}
	*one = append(*one, p...)
	k.size += len(p)
}

// carry keeps p, which goes to the server now, for as long as all of the body
// can be kept.
func (s *Stream) carry(p []byte) {
	k := &s.carried
	switch {
	case k.lost:
		return
	case k.most == 0:
		s.lose()
		return
	case k.size+len(p) > k.most || s.fe.Env.Kept.Load() > s.fe.Env.keepTotal():
		s.lose()
		s.count(backend.Unkept)
		return
	}
	k.size += len(p)
	for len(p) > 0 {
		n := len(k.pieces)
		if n == 0 || len(k.pieces[n-1]) == cap(k.pieces[n-1]) {
			k.pieces = append(k.pieces, s.borrow(max(len(p), min(k.size, mostPiece))))
			n++
		}
		last := &k.pieces[n-1]
		fits := min(len(p), cap(*last)-len(*last))
		*last, p = append(*last, p[:fits]...), p[fits:]
	}
	k.next = len(k.pieces)
}

// lose gives up what was kept: the request cannot be sent again.
func (s *Stream) lose() {
	s.dropBody()
	s.carried.lost = true
}

// dropBody gives the memory back.
func (s *Stream) dropBody() {
	k := &s.carried
	for i, p := range k.pieces {
		s.giveBack(p)
		k.pieces[i] = nil
	}
	k.pieces, k.trailers, k.size, k.next = k.pieces[:0], k.trailers[:0], 0, 0
}

func (s *Stream) borrow(n int) []byte {
	p := s.car.Loop.Borrow(n)
	s.fe.Env.Kept.Add(int64(cap(p)))
	return p
}

func (s *Stream) giveBack(p []byte) {
	s.fe.Env.Kept.Add(-int64(cap(p)))
	s.car.Loop.GiveBack(p)
}

// upload gives the server what is kept of the body, as far as it takes it, and
// lets the rest come.
func (s *Stream) upload() {
	k := &s.carried
	for k.behind() {
		s.back.SendData(k.pieces[k.next])
		if k.next++; !k.behind() {
			break
		}
		s.back.Flush()
		if s.back.Blocked() {
			s.await()
			return
		}
	}
	if s.bodyDone {
		s.endUpload()
	}
	if s.begun { // the reply came before all of this
		s.settleBody()
	}
	if !s.bodyDone {
		s.front.Pump()
	}
	s.FlushBack()
}

// endUpload ends the body towards the server, once.
func (s *Stream) endUpload() {
	if k := &s.carried; !k.ended {
		k.ended = true
		s.back.SendEnd(k.trailers)
	}
}

// evidence is what is known of the loss of b, which has closed itself.
func (s *Stream) evidence(why Why, b Back) Evidence {
	e := Evidence{Why: why, Kept: !s.carried.lost}
	if b != nil {
		e.Reused, e.Unsent = b.Reused(), b.Unsent()
	}
	return e
}

// takeBack makes the stream ready for another try after its server failed: until
// there is another one, nothing more of the body is asked for.
func (s *Stream) takeBack() {
	s.loseReply()
	s.sent, s.mute, s.t.reply = false, false, 0
	s.continued = s.continued || s.said100
	s.front.SetDeadline(0)
}

// passes says whether an interim reply goes to the client: the 100 of a second
// server says what the first one has said.
func (s *Stream) passes(rep *wire.Reply) bool {
	if rep.Status == 100 {
		if s.continued {
			return false
		}
		s.said100 = true
	}
	return s.minor >= 1
}

// settleBody gives the kept body back: the reply has begun, and the request is
// not sent again. What the server is still to be given stays until it has it, and
// what rules have looked at for a log-format that may do so again.
func (s *Stream) settleBody() {
	if s.carried.behind() {
		s.carried.lost = true
		return
	}
	if s.held == nil || !s.logs() || !s.rules.Cfg.LogFormat.UsesCtx() {
		s.dropBody()
	}
	s.carried.lost = true
}

// Holds is how long a reply may be, in bytes, that waits until it is whole, so
// that its server can still be replaced; it waits at most MostHeld.
func (s *Stream) Holds() int { return s.replyMost }

// ReplyWaits says that the head of the reply has come, which is what its time is
// told by, and waits for the rest.
func (s *Stream) ReplyWaits() { s.t.reply = s.car.Loop.Now() }
