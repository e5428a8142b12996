package drill

import (
	"context"
	"fmt"
	"time"
)

// finish ends the load and adds up what it found.
func (r *reloading) finish(ctx context.Context) {
	r.result.Had = r.had
	for _, chat := range r.chats() {
		status := chat.Status()
		if n := status.Connects - 1; n == 1 && status.CloseCode == closeRestart && r.ever[chat.first()] {
			r.result.Gone++
		} else if n > 0 {
			r.result.Cut += n
			if len(r.result.Cuts) < maxExamples {
				r.result.Cuts = append(r.result.Cuts, fmt.Sprintf("%s, now on %s: close code %d, %s",
					chat.Client, status.Server, status.CloseCode, status.LastEnd))
			}
		} else if n == 0 && !status.Connected {
			r.result.Cut++
		}
	}
	for _, load := range r.loads {
		limited, cancel := context.WithTimeout(ctx, settleLimit)
		final, err := load.Finish(limited)
		cancel()
		if err != nil {
			r.fail(err.Error())
			load.abandon()
		}
		r.result.Load.add(final.Load)
		r.result.Chat.add(final.Chat)
		r.result.Posts[0] += final.PostsLost
		r.result.Posts[1] += final.PostsDoubled
		r.result.Moved += load.Moved()
	}
	r.watch.sample()
	r.result.Turn[1] = r.turn(ctx)
	r.settle(ctx)
}

const (
	// memoryLimit is how long a balancer is given to return memory when the load is over.
	memoryLimit = 10 * time.Second
	// As much as memoryShare of what was there, and memoryRoom, may be more: a runtime
	// with a garbage collector breathes.
	memoryShare, memoryRoom = 4, 8 << 20
	// The p99 while reloads go on may be twice that of the quiet time, or leastP99.
	p99Times, leastP99 = 2, 20 * time.Millisecond
	// leastForP99 requests before the first reload and after it are what a p99 can be
	// told from, and a run that is long enough to speak of memory.
	leastForP99 = 1000
)

// closeRestart is the status of a WebSocket whose server goes (RFC 6455, IANA: 1012).
const closeRestart = 1012

func (r *reloading) memoryMost() int64 {
	return r.result.Memory[0] + r.result.Memory[0]/memoryShare + memoryRoom
}

// settle waits until the memory is back, for a while, and notes it.
func (r *reloading) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, memoryLimit)
	defer cancel()
	_ = r.lab.until(ctx, statePoll, func() (string, bool) { // judged later
		r.result.Memory[2] = r.watch.memory()
		return "memory", r.result.Memory[2] <= r.memoryMost()
	})
}

// add adds up two loads of which one made requests.
func (r *LoadReport) add(other LoadReport) {
	if other.Requests > 0 {
		*r = other
	}
}

// add adds up the chats of different rooms.
func (r *ChatReport) add(other ChatReport) {
	r.Clients += other.Clients
	r.Said += other.Said
	r.Stored += other.Stored
	r.Read += other.Read
	r.Lost += other.Lost
	r.Doubled += other.Doubled
	r.Foreign += other.Foreign
	r.Unread += other.Unread
	r.ReadTwice += other.ReadTwice
}

// judge names everything that should not have been.
func (r *reloading) judge() {
	res := &r.result
	long := min(res.Quiet.Requests, res.Busy.Requests) >= leastForP99
	for _, rule := range []struct {
		broken bool
		what   string
	}{
		{res.Cut > 0, fmt.Sprintf("%d WebSockets were cut", res.Cut)},
		{res.Gone != res.Had, fmt.Sprintf("%d of %d WebSockets that had to go were told", res.Gone, res.Had)},
		{!res.Chat.Clean(), "chat: " + res.Chat.String()},
		{res.Chat.Said == 0 || res.Chat.Clients != res.Sockets, "not all WebSockets have talked"},
		{res.Load.Lost+res.Load.InFlight+res.Load.Unserved > 0,
			fmt.Sprintf("%d requests were lost", res.Load.Lost+res.Load.InFlight+res.Load.Unserved)},
		{res.Load.Requests == 0, "no requests were made"},
		{res.Posts != [2]int{}, fmt.Sprintf("%d POSTs were lost, %d doubled", res.Posts[0], res.Posts[1])},
		{len(res.Watch.Workers) != 1, fmt.Sprintf("%d worker processes: %v", len(res.Watch.Workers), res.Watch.Workers)},
		{res.Watch.Back > 0, fmt.Sprintf("counters went back %d times, as in %q", res.Watch.Back, res.Watch.Examples)},
		{len(res.Watch.Errors) > 0, fmt.Sprintf("the runtime socket did not answer: %q", res.Watch.Errors)},
		{res.Watch.Compared == 0, "no counters were compared"},
		{long && res.Busy.P99 > max(p99Times*res.Quiet.P99, leastP99), fmt.Sprintf("the p99 went from %s to %s", milliseconds(res.Quiet.P99), milliseconds(res.Busy.P99))},
		{long && res.Memory[2] > r.memoryMost(), fmt.Sprintf("the memory went from %s to %s", mebibytes(res.Memory[0]), mebibytes(res.Memory[2]))},
		{res.Reloads+res.Refused != r.opt.Reloads, fmt.Sprintf("%d of %d reloads were done or refused", res.Reloads+res.Refused, r.opt.Reloads)},
	} {
		if rule.broken {
			r.fail(rule.what)
		}
	}
	res.Passed = len(res.Failures) == 0
}
