package live

import (
	"context"
	"slices"
	"time"

	"bascule/internal/config"
	"bascule/internal/events"
	"bascule/internal/stream"
)

const (
	// patience is how long a reader that takes nothing keeps its place, and at
	// most holds up a soft stop.
	patience = 10 * time.Second
	// leastPause lies between two frames, however much happens.
	leastPause = 100 * time.Millisecond
	// again is what a browser waits before it connects again.
	again = "retry: 400\n\n"
)

// follow answers with the stream of frames: one a second, and one at once when
// something happens. It ends with the process, and with the configuration: the
// browser comes again, and what it may see is looked at anew.
func (p *Page) follow(w answerer, r *stream.Asked, cfg *config.Stats, user string) {
	b := p.Board
	if !b.join() {
		refuse(w, 503, "too many pages follow this process", "Retry-After: 5\r\n")
		return
	}
	defer b.leave()
	defer b.src.Events.Follow()()
	if sw, ok := w.(*stream.Writer); ok {
		sw.Patience = patience
	}
	w.Head(200, "Content-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f := &feed{board: b, w: w, page: cfg, now: b.fleet(cfg)}
	happened := f.listen(ctx)
	_, _ = w.Write([]byte(again))
	_, _ = w.Write(message("world", b.world(f.now, cfg, user, r.Admin)))
	for {
		turned := b.next() // before the frame: a turn meanwhile is not missed
		if !f.send() {
			return
		}
		if f.pause(turned, happened) {
			_, _ = w.Write(message("bye", "stop"))
			return
		}
		switch fresh := b.fleet(cfg); {
		case fresh.cfg != f.now.cfg:
			_, _ = w.Write(message("bye", "reload"))
			return
		case !fresh.same(f.now):
			f.now = fresh
			_, _ = w.Write(message("world", b.world(f.now, cfg, user, r.Admin)))
		}
	}
}

// A feed is what one page has been sent.
type feed struct {
	board *Board
	w     answerer
	page  *config.Stats
	now   *fleet
	last  uint64 // of the events
}

// listen tells of events. Its goroutine ends with ctx.
func (f *feed) listen(ctx context.Context) <-chan struct{} {
	ring, happened := f.board.src.Events, make(chan struct{}, 1)
	if ring == nil {
		return happened
	}
	since := ring.Last()
	go func() { // until ctx ends
		for range ring.Subscribe(ctx, since) {
			select {
			case happened <- struct{}{}:
			default: // one is due already
			}
		}
	}()
	return happened
}

// send writes a frame and says whether the client took it.
func (f *feed) send() bool {
	var news []events.Event
	if ring := f.board.src.Events; ring != nil {
		if news = ring.Since(f.last); len(news) > 0 {
			f.last = news[len(news)-1].ID
			news = slices.DeleteFunc(news, func(e events.Event) bool { return e.Proxy != "" && !f.page.Shows(e.Proxy) })
		}
	}
	if _, err := f.w.Write(message("frame", f.board.frame(f.now, news))); err != nil {
		return false
	}
	return f.w.Flush() == nil
}

// pause waits for something to send; ending: the process stops.
func (f *feed) pause(turned, happened <-chan struct{}) (ending bool) {
	select {
	case <-f.board.ending:
		return true
	case <-turned:
		return false
	case <-happened:
	}
	least := time.NewTimer(leastPause)
	defer least.Stop()
	select {
	case <-f.board.ending:
		return true
	case <-least.C:
		return false
	}
}
