package backend

import "time"

// fewErrors is how many server errors in a row, with no other reply between them,
// make the server rather than the request the cause: one page that fails among
// others that do not never gets there.
const fewErrors = 3

// wrong counts a server error; true: a row of them is full. The bit in watch that
// says that there is one costs good replies nothing but the look that they make.
func (s *Server) wrong() bool {
	if s.watch.Load()&byRow == 0 {
		s.row.Store(0)
		s.watch.Or(byRow)
	}
	return s.row.Add(1)%wrongRow == 0 && !s.believed()
}

// believed says that the server has passed a check lately while it answered errors.
func (s *Server) believed() bool { return time.Now().UnixNano() < s.trust.Load() }

// Erred says that the server's last reply was a server error, or that others are
// kept from it.
func (s *Server) Erred() bool { return s.watch.Load()&byRow != 0 || s.shunned.Load() }

// Errs says that the server answers errors whoever asks: some in a row. For who
// is its own, by a cookie or a rule, it takes as many as broken ones make
// fast-detect shun it, and no check that said otherwise lately.
func (s *Server) Errs(own bool) bool {
	w := s.watch.Load()
	switch n := s.row.Load(); {
	case w&byRow == 0:
		return false
	case own:
		return w&byFast != 0 && n >= shunAfter && !s.believed()
	default:
		return n >= fewErrors
	}
}
