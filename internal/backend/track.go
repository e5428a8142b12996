package backend

import "time"

// Link joins the servers that follow others (`track`) to those. It is called
// with all backends at the start and after each reload, behind Apply.
func Link(backends []*Backend) {
	byName := map[string]*Backend{}
	followers := map[*Server][]*Server{}
	for _, b := range backends {
		byName[b.name] = b
	}
	for _, b := range backends {
		for _, s := range b.Servers() {
			var to *Server
			if c := s.Config(); c.Track != nil && byName[c.TrackProxy] != nil {
				to = byName[c.TrackProxy].Server(c.Track.Name)
			}
			s.tracked.Store(to)
			if to != nil {
				followers[to] = append(followers[to], s)
			}
		}
	}
	for _, b := range backends {
		for _, s := range b.Servers() {
			list := followers[s]
			s.trackers.Store(&list)
			s.tellTrackers()
		}
	}
}

// Tracked is the server that this one follows, nil if it follows none.
func (s *Server) Tracked() *Server { return s.tracked.Load() }

// maxTrack bounds the walk along a chain of `track`, which the configuration
// guarantees to end, while a reload changes it.
const maxTrack = 64

// Judge is the server whose checks decide about this one: itself, or the last
// of its chain of `track`.
func (s *Server) Judge() *Server {
	for range maxTrack {
		to := s.tracked.Load()
		if to == nil {
			break
		}
		s = to
	}
	return s
}

// Status is the column status of the statistics.
func (s *Server) Status() string {
	st := s.State()
	if to := s.Tracked(); to != nil {
		if st.Admin&TrackedMaint != 0 {
			return "MAINT (via " + to.b.name + "/" + to.Name + ")"
		}
		return st.status(s.Judge().State())
	}
	return st.Status()
}

// via is how messages name the server that this one follows.
func (s *Server) via() string {
	to := s.Tracked()
	if to == nil {
		return ""
	}
	return " via " + to.b.name + "/" + to.Name
}

// tellTrackers lets those that follow this server look at it. They do so in
// their own backends' goroutines.
func (s *Server) tellTrackers() {
	list := s.trackers.Load()
	if list == nil {
		return
	}
	for _, f := range *list {
		f.b.Do(follow{f})
	}
}

// follow is told to the backend of a server when the one that it follows has
// changed.
type follow struct{ srv *Server }

func (e follow) apply(b *Backend) error {
	to := e.srv.Tracked()
	if to == nil || !e.srv.State().Tracks {
		return nil
	}
	st := to.State()
	b.happen(followed{st.Op, st.Admin}, time.Now(), e.srv)
	return nil
}

// followed is the state of the server that this one follows.
type followed struct {
	op    Op
	admin Admin
}

// on takes over maintenance and drain, then UP, DOWN and stopping.
func (f followed) on(t *turn) {
	t.tracked = f.op
	next := t.Admin &^ (TrackedMaint | TrackedDrain)
	if f.admin.Maint() {
		next |= TrackedMaint
	} else if f.admin&drainMask != 0 {
		next |= TrackedDrain
	}
	if next != t.Admin {
		t.administer(next)
	}
	switch {
	case f.admin.Maint():
	case f.op == Stopped:
		t.stop(causeTrack)
	case !t.mayRun():
	case f.op == Stopping:
		t.stopping(causeTrack)
	default:
		t.run(causeTrack)
	}
}
