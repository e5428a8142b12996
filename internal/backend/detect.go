package backend

import (
	"net/netip"
	"strconv"
	"time"

	"bascule/internal/events"
)

// ChaseResult says that a check at the fast pace ended, see CheckResult.
type ChaseResult struct {
	Srv    *Server
	Result Result
	At     netip.AddrPort
}

func (e ChaseResult) apply(b *Backend) error {
	if e.At.IsValid() && e.At != e.Srv.Addr() {
		return nil
	}
	now := time.Now()
	b.happen(chased{e.Result, b.mayFell(e.Srv, now)}, now, e.Srv)
	return nil
}

// Chase receives when checks at the fast pace begin, see State.Fast. One
// receiver.
func (s *Server) Chase() <-chan struct{} { return s.chase }

// suspect weighs what traffic saw. The server whose checks decide about this
// one is asked for its state.
func (s *Server) suspect(k Sight) {
	now := time.Now().UnixNano()
	deaf := s.deaf.Load()
	if now < deaf || s.blame.Add(sights[k].blame) < enoughBlame || !s.deaf.CompareAndSwap(deaf, now+int64(FastMost)) {
		return
	}
	j := s.Judge()
	j.b.Do(suspicion{j, s, k})
}

// suspicion is told to the backend whose checks decide.
type suspicion struct {
	srv, seen *Server
	by        Sight
}

func (e suspicion) apply(b *Backend) error {
	if !b.cfg.Load().NoFastDetect {
		b.happen(suspected{e.by, e.because()}, time.Now(), e.srv)
	}
	if !e.srv.State().suspicious(time.Now()) { // there is nothing to check, or it is DOWN
		e.seen.rest(sparedPause)
	}
	return nil
}

// because says what traffic saw, for the log.
func (e suspicion) because() (text string) {
	switch e.by {
	case SawSilent:
		text = "nothing came from it for " + time.Duration(e.seen.patience.Load()).String()
	case SawRefused:
		text = "connection refused"
	case SawNoConnect:
		text = "no connection in time"
	case SawStatus:
		text = strconv.Itoa(wrongRow) + " server errors in a row"
	default:
		text = "broken connections"
	}
	if e.seen != e.srv {
		text += " as " + e.seen.b.name + "/" + e.seen.Name
	}
	return text
}

// rest lets nothing be suspected for d, of the server and of those that follow it.
func (s *Server) rest(d time.Duration) {
	s.blame.Store(0)
	s.deaf.Store(time.Now().Add(d).UnixNano())
	if list := s.trackers.Load(); list != nil {
		for _, f := range *list {
			f.rest(d)
		}
	}
}

// believe lets rows of server errors mean nothing until then, and ends the one that
// is under way, of the server and of those that follow it.
func (s *Server) believe(until int64) {
	s.trust.Store(until)
	s.watch.And(^byRow)
	if list := s.trackers.Load(); list != nil {
		for _, f := range *list {
			f.believe(until)
		}
	}
}

// relax is called once a second: what was seen counts for so long, and patience
// with silence goes back to what is usual.
func (s *Server) relax(now time.Time) {
	s.blame.Store(0)
	if p := s.patience.Load(); p > int64(leastPatience) && now.Sub(s.disproved) > forgetAfter {
		s.patience.Store(max(p/2, int64(leastPatience)))
	}
	if s.trusting > 0 && now.UnixNano()-s.trust.Load() > int64(forgetAfter) {
		s.trusting = 0
	}
}

// mayFell says whether checks at the fast pace may take s out now.
func (b *Backend) mayFell(s *Server, now time.Time) felling {
	out, back := b.outLately(s, now)
	sn := b.snap.Load()
	if usable := sn.Act + sn.Bck; s.State().Usable() {
		if may := mayBeFelled(usable, out, back); may != mayFell {
			return may
		}
	}
	return s.followersAllow()
}

// outLately are the servers, s apart, that were felled within fastWindow, and
// those of them that are usable again.
func (b *Backend) outLately(s *Server, now time.Time) (out, back int) {
	for f, at := range b.felled {
		switch {
		case now.Sub(at) >= fastWindow:
			delete(b.felled, f)
		case f != s:
			if out++; f.State().Usable() {
				back++
			}
		}
	}
	return out, back
}

// followersAllow says no for a server that a follower's backend cannot spare.
func (s *Server) followersAllow() felling {
	list := s.trackers.Load()
	if list == nil {
		return mayFell
	}
	for _, f := range *list {
		if sn := f.b.snap.Load(); f.State().Usable() && sn.Act+sn.Bck <= 1 {
			return lastOne
		}
		if may := f.followersAllow(); may != mayFell {
			return may
		}
	}
	return mayFell
}

// detect carries out what a change of state means for fast-detect.
func (b *Backend) detect(s *Server, fx effects, now time.Time) {
	if fx.chase {
		select {
		case s.chase <- struct{}{}:
		default:
		}
	}
	outside := b.env.Loops // the counters' slot of no loop
	switch fx.calm {
	case passed, overheard, trusted:
		switch fx.calm {
		case overheard:
			s.disproved = now
			s.patience.Store(min(2*s.patience.Load(), int64(mostPatience)))
		case trusted:
			s.trusting = min(max(2*s.trusting, passedPause), longestTrust)
			s.believe(now.Add(s.trusting).UnixNano())
		}
		s.rest(passedPause)
	case spared:
		s.rest(sparedPause)
		b.spare(s, fx.may, outside, now)
	}
	if fx.close || fx.arrived || fx.retire {
		b.pardon(s)
	}
	if fx.close || fx.arrived {
		s.rest(0) // another time, another suspicion
		s.trusting = 0
		s.believe(0)
	}
	if fx.passed {
		s.passes.Add(1)
	}
	if fx.felled != "" {
		s.Counters.Add(outside, FastDowns, 1)
		if b.felled == nil {
			b.felled = map[*Server]time.Time{}
		}
		b.felled[s] = now
	}
}

// spare counts a server that stays, and says so now and then.
func (b *Backend) spare(s *Server, may felling, outside int, now time.Time) {
	counter, why := SparedLast, "no other server is usable"
	if may == halfOut {
		counter, why = SparedHalf, "too many others went down at once"
	}
	s.Counters.Add(outside, counter, 1)
	if now.Sub(s.spared) < fastWindow {
		return
	}
	s.spared = now
	text := "Server " + b.name + "/" + s.Name + " fails its traffic and checks at the fast pace, and stays: " + why + " (option fast-detect)."
	b.happened(events.ServerSpared, LevelWarning, s, text)
	b.env.Notify(LevelWarning, text)
	b.env.Log.Warn(text)
}
