package admin

import "time"

const (
	// restShare is how much longer than a command's work the next one waits: commands
	// get a quarter of one processor at most, and traffic the rest, however many
	// sessions ask for statistics as fast as they can.
	restShare = 3
	// longestRest bounds that.
	longestRest = 100 * time.Millisecond
)

// A turn lets one command work at a time, with a rest between two. Who waits for a
// reader or for the process gives it back meanwhile.
type turn struct {
	free  chan struct{} // holds one while nobody works
	due   time.Time     // when the next may begin; of who has the turn
	begun time.Time     // when this one did
}

func (t *turn) init() {
	t.free = make(chan struct{}, 1)
	t.free <- struct{}{}
}

// take waits for the turn.
func (t *turn) take() {
	<-t.free
	if rest := time.Until(t.due); rest > 0 {
		time.Sleep(rest)
	}
	t.begun = time.Now()
}

// give ends the work; the next rests for it.
func (t *turn) give() {
	now := time.Now()
	t.due = now.Add(min(restShare*now.Sub(t.begun), longestRest))
	t.free <- struct{}{}
}
