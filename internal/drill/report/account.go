package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"bascule/internal/drill/traffic"
)

const (
	// maxExamples of failed requests are enough to see a pattern.
	maxExamples = 5
	// lateBy is how much later than its answer an execution must be to have landed
	// afterwards: more than two clocks of one fleet may differ.
	lateBy = 20 * time.Millisecond
)

// Account makes the figures of a fault from its evidence.
func Account(name, text string, ev *Evidence, expect Expect) Result {
	r := Result{Name: name, Text: text, Allowed: expect.Why, Detects: expect.Detects, Busy: ev.Busy,
		Detect: Never, Back: Never, Marks: map[string]Mark{}, States: ev.States}
	r.Everybody = len(ev.Victims) > 0 && len(ev.Victims) == len(serverNames(ev.States))
	r.count(ev, expect)
	r.times(ev)
	r.sockets(ev)
	r.tracks(ev)
	r.line(ev)
	return r
}

// executions of each number, and when the last was, since the start of the load.
type executions struct {
	times int
	last  time.Duration
}

func executed(ev *Evidence) map[uint32]executions {
	all := map[uint32]executions{}
	for _, e := range ev.Executed {
		if n, err := strconv.ParseUint(e.ID, 10, 32); err == nil {
			at := time.UnixMicro(e.At).Sub(ev.Begun)
			was := all[uint32(n)]
			all[uint32(n)] = executions{was.times + 1, max(was.last, at)}
		}
	}
	return all
}

func (r *Result) count(ev *Evidence, expect Expect) {
	var kinds [traffic.Kinds]Counts
	done := executed(ev)
	for i := range ev.Records {
		rec := &ev.Records[i]
		c := countOne(rec, done[rec.Number])
		class := classOf[rec.Kind]
		c.Forbidden = c.Short + c.Vanished
		if expect.Lost&class == 0 {
			c.Forbidden += c.Lost
		}
		if expect.Cut&class == 0 {
			c.Forbidden += c.Cut
		}
		if expect.Twice&class == 0 {
			c.Forbidden += c.Twice
		}
		kinds[rec.Kind].add(c)
		if c.Forbidden > 0 && len(r.Examples) < maxExamples {
			r.Examples = append(r.Examples, example(rec, c, ev))
		}
	}
	for kind, c := range kinds {
		if c.Sent > 0 {
			r.Kinds = append(r.Kinds, KindCounts{traffic.Kind(kind).String(), c})
			r.Total.add(c)
		}
	}
}

func countOne(rec *traffic.Record, done executions) Counts {
	c := Counts{Sent: 1}
	switch rec.Outcome {
	case traffic.OK:
		c.OK = 1
	case traffic.Cut:
		c.Cut = 1
	case traffic.Short:
		c.Short = 1
	default:
		c.Lost = 1
	}
	if !rec.Kind.Writes() {
		return c
	}
	if done.times > 1 {
		c.Twice = 1
	}
	if done.times > 0 && done.last > rec.Ended+lateBy {
		c.Late = 1
	}
	if done.times == 0 && rec.Outcome == traffic.OK {
		c.Vanished = 1
	}
	return c
}

func example(rec *traffic.Record, c Counts, ev *Evidence) string {
	what := rec.Outcome.String()
	switch {
	case c.Twice > 0:
		what += ", executed twice"
	case c.Vanished > 0:
		what += ", acknowledged and never executed"
	}
	if rec.What != "" {
		what += ": " + rec.What
	}
	return fmt.Sprintf("%s number %d, due %+.3f s from the fault, ended %.3f s later, by %q: %s", rec.Kind, rec.Number,
		(rec.Due - ev.Injecting).Seconds(), rec.Took().Seconds(), ev.Servers[rec.Server], what)
}

func (r *Result) times(ev *Evidence) {
	if ev.Down != Never {
		r.Detect = ev.Down - ev.Injecting
	}
	if ev.Up != Never {
		r.Back = max(0, ev.Up-ev.Mended)
	}
	var calm, outage, sticky latencies
	var late, answers []time.Duration
	for i := range ev.Records {
		rec := &ev.Records[i]
		late = append(late, rec.Sent-rec.Due)
		if rec.Outcome == traffic.OK && rec.Kind.API() && rec.Ended > ev.Injecting {
			answers = append(answers, rec.Ended)
		}
		switch {
		case rec.Ended < ev.Injecting:
			calm.add(rec)
		case rec.Due <= ev.Mending:
			outage.add(rec)
			if rec.Kind == traffic.Sticky {
				sticky.add(rec)
			}
		}
	}
	r.Calm, r.Outage, r.StickyOutage, r.LoadLate = calm.times(), outage.times(), sticky.times(), quantiles(late).P99
	r.Silence = longestGap(ev.Injecting, answers, ev.Ended)
}

// longestGap is the longest time without one of moments.
func longestGap(from time.Duration, moments []time.Duration, to time.Duration) time.Duration {
	slices.Sort(moments)
	longest := time.Duration(0)
	for _, at := range append(moments, to) {
		longest, from = max(longest, at-from), at
	}
	return longest
}

// latencies of some requests.
type latencies struct {
	all    []time.Duration
	failed int
	good   []time.Duration
}

func (l *latencies) add(rec *traffic.Record) {
	l.all = append(l.all, rec.Took())
	if rec.Outcome == traffic.OK {
		l.good = append(l.good, rec.Took())
	} else {
		l.failed++
	}
}

func (l *latencies) times() Times {
	t := quantiles(l.all)
	slices.Sort(l.good)
	t.Answered99 = Never
	if at := int(0.99 * float64(len(l.all)-1)); at < len(l.good) {
		t.Answered99 = l.good[at]
	}
	return t
}

func quantiles(all []time.Duration) Times {
	if len(all) == 0 {
		return Times{}
	}
	slices.Sort(all)
	at := func(q float64) time.Duration { return all[int(q*float64(len(all)-1))] }
	return Times{N: len(all), P50: at(0.5), P99: at(0.99), Max: all[len(all)-1]}
}

func (r *Result) sockets(ev *Evidence) {
	s := &r.Sockets
	s.Connected, s.OnVictims, s.Chat, s.LastTold = ev.Connected, ev.OnVictims, ev.Chat, Never
	from := ev.Injecting
	if ev.Down != Never {
		from = ev.Down
	}
	for _, e := range ev.Sockets {
		switch {
		case e.At < ev.Injecting || e.At > ev.Ended: // the load itself begins and ends
		case e.Opened:
			s.Reconnects++
		case e.Code == 1012 || e.Code == 1001: // service restart, going away (RFC 6455 §7.4.1 and its registry)
			s.Told++
			s.LastTold = max(s.LastTold, e.At-from, 0)
			if e.At-from > toldWithin {
				s.ToldLate++
			}
		default:
			s.Cut++
		}
	}
}

// tracks counts those that were heard from another server than before.
func (r *Result) tracks(ev *Evidence) {
	heard := map[uint16]uint8{}
	moved := map[uint16]bool{}
	records := slices.Clone(ev.Records)
	slices.SortStableFunc(records, func(a, b traffic.Record) int { return cmp.Compare(a.Sent, b.Sent) })
	for _, rec := range records {
		if rec.Kind != traffic.HLS || rec.Outcome != traffic.OK {
			continue
		}
		if was, ok := heard[rec.Track]; ok && was != rec.Server {
			moved[rec.Track] = true
		}
		heard[rec.Track] = rec.Server
	}
	r.Tracks, r.TracksMoved = len(heard), len(moved)
}

// line makes the time line.
func (r *Result) line(ev *Evidence) {
	r.Slots = make([]Slot, ev.Ended/slotWidth+1)
	took := make([][]time.Duration, len(r.Slots))
	for i := range ev.Records {
		rec := &ev.Records[i]
		n := min(int(rec.Due/slotWidth), len(r.Slots)-1)
		took[n] = append(took[n], rec.Took())
		if rec.Outcome == traffic.OK {
			r.Slots[n].OK++
		} else {
			r.Slots[n].Lost++
		}
	}
	for n := range r.Slots {
		q := quantiles(took[n])
		r.Slots[n].P99, r.Slots[n].Max = q.P99, q.Max
	}
	for _, e := range ev.Sockets {
		if n := int(e.At / slotWidth); e.Opened && e.At >= ev.Injecting && n < len(r.Slots) {
			r.Slots[n].Reconnects++
		}
	}
	for name, at := range map[string]time.Duration{
		"fault": ev.Injecting, "down": ev.Down, "mended": ev.Mended, "up": ev.Up,
	} {
		if at != Never {
			r.Marks[name] = at
		}
	}
}
