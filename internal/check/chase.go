package check

import (
	"context"
	"sync"
	"time"

	"bascule/internal/backend"
)

// mostChased is how many checks of a suspected server may be under way at once:
// as many as fall usually asks for; more would only fill a slow server's backlog.
const mostChased = 8

// chase checks one server at a fast pace when its traffic asks for it (option
// fast-detect), beside its checks at their own pace: one of those may be
// waiting for a frozen server just then. It ends with ctx.
func (c *Checker) chase(ctx context.Context, s *backend.Server) {
	defer c.done.Done()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.Chase():
			c.hunt(ctx, s)
		}
	}
}

// hunt makes checks for as long as the state asks for them. They overlap while
// the server is suspected: each may take much longer than the pace.
func (c *Checker) hunt(ctx context.Context, s *backend.Server) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	free := make(chan struct{}, mostChased)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		pace := s.State().Fast(time.Now())
		switch pace {
		case 0:
			return
		case backend.FastPace:
			select {
			case free <- struct{}{}:
				all.Go(func() { // ends with ctx, or its limit
					c.pursue(ctx, s)
					<-free
				})
			default: // enough are under way
			}
		default:
			all.Wait()
			c.pursue(ctx, s)
		}
		timer.Reset(pace)
	}
}

// pursue makes one check and tells the backend.
func (c *Checker) pursue(ctx context.Context, s *backend.Server) {
	at := s.Addr()
	r, fault := c.probe(ctx, s, true)
	switch {
	case ctx.Err() != nil:
	case fault != nil:
		c.complain(s, fault)
	default:
		s.Backend().Do(backend.ChaseResult{Srv: s, Result: r, At: at})
	}
}
