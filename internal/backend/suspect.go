package backend

import (
	"fmt"
	"time"
)

// The measures of option fast-detect.
const (
	// FastPace is the time between two checks of a server whose traffic fails:
	// with fall 3 a server that refuses is DOWN after 100 ms, and twenty checks a
	// second are less than the traffic that called for them.
	FastPace = 50 * time.Millisecond
	// FastRisePace is the same while the server is DOWN: it may be frozen, and what
	// it accepts later should not be a heap of dead checks.
	FastRisePace = 100 * time.Millisecond
	// FastLimit is how long the connect of a check at the fast pace may take, if
	// checks usually are not longer: a kernel answers at once, however busy its
	// server is.
	FastLimit = 400 * time.Millisecond
	// FastReply is the same for the reply, where the check's own limit is not
	// shorter: a server that answers within it is slow, not dead, and what it has
	// in hand it will do.
	FastReply = 2 * time.Second
	// FastUsual is how many times its usual time a check may take then.
	FastUsual = 4
	// FastMost is how long a suspicion lasts that the checks neither prove nor
	// disprove: they cannot be made, or fall is very large.
	FastMost = 5 * time.Second

	// enoughBlame is the weight of sights within a second that makes a suspicion:
	// one refused connection, or two that broke.
	enoughBlame = 2
	// wrongRow is how many server errors in a row, on all loops together, make a
	// suspicion: an application that fails now and then has a good reply between
	// them.
	wrongRow = 10
	// leastPatience is how long a busy server is silent at least before that is
	// unusual: a pause of its garbage collector is shorter.
	leastPatience = 250 * time.Millisecond
	// mostPatience is the same for servers that are slow by nature, to which it
	// goes up by doubling each time that a silent server passes its check.
	mostPatience = 8 * time.Second
	// forgetAfter is how long silence must not have been in vain before patience
	// goes down again.
	forgetAfter = 10 * time.Second
	// passedPause is how long nothing is suspected after a check that passed: what
	// traffic fails of then, the checks do not see.
	passedPause = 200 * time.Millisecond
	// longestTrust is how long rows of server errors are believed to be none of the
	// checks' business at most. It begins with passedPause and doubles each time
	// that such a server passes its check.
	longestTrust = 8 * time.Second
	// sparedPause is the same for a server that stays because it is the last.
	sparedPause = time.Second
	// fastWindow is the time within which fast-detect takes out no more than half
	// of a backend: a mistake must not become an outage.
	fastWindow = 10 * time.Second
	// fastRise is how long a server that was suspected when it went DOWN is checked
	// at the fast pace: most come back soon, restarted, or never.
	fastRise = 30 * time.Second
)

// A Suspicion is what fast-detect holds against a server.
type Suspicion struct {
	Since  time.Time // checks at the fast pace began; zero: none is under way
	Failed int       // of them, all in a row
	text   string    // what traffic saw
	by     Sight     // that said so
	Until  time.Time // the server went DOWN so, and is checked at the fast pace until then
}

// A calm says why a suspicion ended.
type calm uint8

const (
	uneasy    calm = iota // it did not
	passed                // a check passed
	overheard             // a check passed, of a server that was only silent
	trusted               // a check passed, of a server that only answered errors
	spared                // enough checks failed, but the server stays
)

// A felling says whether checks at the fast pace may take a server out.
type felling uint8

const (
	mayFell felling = iota
	lastOne         // no other server is usable
	halfOut         // too many went that way within fastWindow
)

// suspicious says that checks at the fast pace are to be made, to see whether
// the server is DOWN.
func (st *State) suspicious(now time.Time) bool {
	return !st.Suspect.Since.IsZero() && now.Sub(st.Suspect.Since) < FastMost
}

// Fast is the time between two checks at the fast pace, 0: there are none now.
func (st *State) Fast(now time.Time) time.Duration {
	switch {
	case !st.checkable():
		return 0
	case st.suspicious(now):
		return FastPace
	case st.Op == Stopped && now.Before(st.Suspect.Until):
		return FastRisePace
	}
	return 0
}

// on begins checks at the fast pace.
func (s suspected) on(t *turn) {
	if !t.checkable() || t.Op == Stopped || t.suspicious(t.now) {
		return
	}
	t.Suspect = Suspicion{Since: t.now, text: s.text, by: s.by}
	t.chase = true
}

// on counts a check at the fast pace. Failures leave health alone until there
// are fall of them in a row: a blip must not bring the server nearer to DOWN
// than its own checks do.
func (c chased) on(t *turn) {
	switch {
	case !t.checkable():
	case t.Op == Stopped || c.Status.Outcome() != Failed:
		checked(c.Result).on(t)
	case !t.suspicious(t.now): // it began before another passed
	default:
		if t.Suspect.Failed++; t.Suspect.Failed < t.Fall {
			return
		}
		if c.may != mayFell {
			t.Suspect, t.calm, t.may = Suspicion{}, spared, c.may
			return
		}
		t.FailedChecks += int64(t.Suspect.Failed)
		t.Check.take(c.Result, t.now)
		t.Health = 0
		t.felled = fmt.Sprintf(" is suspected by its traffic (%s) and failed %d checks in %dms (option fast-detect).",
			t.Suspect.text, t.Suspect.Failed, t.now.Sub(t.Suspect.Since).Milliseconds())
		t.note(noteFelled, causeNone)
		t.stop(causeCheck)
	}
}

// acquit ends a suspicion: a check has passed.
func (t *turn) acquit() {
	if t.Suspect.Since.IsZero() {
		return
	}
	switch t.calm = passed; t.Suspect.by {
	case SawSilent:
		t.calm = overheard
	case SawStatus:
		t.calm = trusted
	}
	t.Suspect = Suspicion{}
}

// mayBeFelled is the rule of option fast-detect: usable servers there are, and
// others that it took out within fastWindow, of which back are usable again.
func mayBeFelled(usable, out, back int) felling {
	switch {
	case usable <= 1:
		return lastOne
	case out+1 > max(1, (usable+out-back)/2):
		return halfOut
	}
	return mayFell
}
