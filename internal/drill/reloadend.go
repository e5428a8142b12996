package drill

import (
	"context"
	"fmt"
)

// finish ends the load and adds up what it found.
func (r *reloading) finish(ctx context.Context) {
	for _, chat := range r.chats() {
		status := chat.Status()
		if n := status.Connects - 1; n > 0 {
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
	for _, rule := range []struct {
		broken bool
		what   string
	}{
		{res.Cut > 0, fmt.Sprintf("%d WebSockets were cut", res.Cut)},
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
		{res.Reloads != r.opt.Reloads, fmt.Sprintf("%d of %d reloads were done", res.Reloads, r.opt.Reloads)},
	} {
		if rule.broken {
			r.fail(rule.what)
		}
	}
	res.Passed = len(res.Failures) == 0
}
