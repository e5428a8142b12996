package stream

import "bascule/internal/backend"

// Told is what a stream has decided so far, for those who explain it.
type Told struct {
	Backend *backend.Backend // nil: none was chosen
	Persist backend.PersistState
	Direct  bool    // the cookie chose the server
	Term    [2]byte // termination code of an answer made here
	Status  int
}

// Tell is what the stream has decided so far.
func (s *Stream) Tell() Told {
	return Told{Backend: s.be, Persist: s.persist, Direct: s.direct, Term: s.term, Status: int(s.status)}
}
