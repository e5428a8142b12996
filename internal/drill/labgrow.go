package drill

import (
	"context"
	"fmt"
	"time"
)

// Own says that the balancer is this project's.
func (l *Lab) Own() bool { return l.Balancer == l.self }

// AddServer starts a further server for a backend, which the configuration does not
// have yet, and returns where it listens. One that runs already is left alone.
func (l *Lab) AddServer(ctx context.Context, name, backend string) (addr string, err error) {
	if srv, err := l.server(name); err == nil {
		if _, ok := srv.Running(); !ok {
			return "", fmt.Errorf("%s does not run any more", name)
		}
		return srv.Addr, nil
	}
	addrs, err := freePorts(1)
	if err != nil {
		return "", err
	}
	l.mu.Lock()
	l.servers = append(l.servers, &LabServer{Name: name, Backend: backend, Addr: addrs[0]})
	l.mu.Unlock()
	return addrs[0], l.StartServer(ctx, name)
}

// until polls until done, and fails with the last state when ctx or the balancer ends
// before. Without a lab (nil) nobody knows of the balancer's end.
func (l *Lab) until(ctx context.Context, every time.Duration, done func() (state string, ok bool)) error {
	poll := time.NewTicker(every)
	defer poll.Stop()
	for {
		state, ok := done()
		if ok {
			return nil
		}
		var lost <-chan struct{}
		if l != nil {
			lost = l.Lost()
		}
		select {
		case <-poll.C:
		case <-lost:
			return l.LostError()
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", state, ctx.Err())
		}
	}
}
