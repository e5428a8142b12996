package backend

import "slices"

// fewFailed is how many servers Failures hold without allocating: a request is
// tried four times with HAProxy's three retries.
const fewFailed = 4

// A Failures is a set of servers that failed a request, in the order in which
// they did. The zero value is empty, and a copy is another set as long as it
// holds few.
type Failures struct {
	n    int
	few  [fewFailed]*Server
	more []*Server
}

// FailedOnes is a set of those servers.
func FailedOnes(servers ...*Server) (f Failures) {
	for _, s := range servers {
		f.Add(s)
	}
	return f
}

// Add puts s into the set.
func (f *Failures) Add(s *Server) {
	switch {
	case s == nil || f.Has(s):
	case f.n < fewFailed:
		f.few[f.n] = s
		f.n++
	default:
		f.more = append(f.more, s)
		f.n++
	}
}

// Has says whether s is in the set.
func (f *Failures) Has(s *Server) bool {
	if f.n == 0 || s == nil {
		return false
	}
	return slices.Contains(f.few[:min(f.n, fewFailed)], s) || f.n > fewFailed && slices.Contains(f.more, s)
}

// Empty says that no server is in the set.
func (f *Failures) Empty() bool { return f.n == 0 }

// Len is how many servers are in the set.
func (f *Failures) Len() int { return f.n }

// At is the i-th that was added, from 0.
func (f *Failures) At(i int) *Server {
	if i < fewFailed {
		return f.few[i]
	}
	return f.more[i-fewFailed]
}

// Clear empties the set.
func (f *Failures) Clear() { *f = Failures{} }
