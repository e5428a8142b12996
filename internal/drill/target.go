package drill

import (
	"context"
	"fmt"
	"slices"
	"syscall"

	"bascule/internal/fleet"
)

// A Target is what a drill drives: a site behind a balancer, its runtime socket, and
// the servers of one backend with what can be done to them.
type Target struct {
	// Name tells it from others in the report, such as "bascule" or "haproxy, best options".
	Name string
	// Site is the frontend, the only address that gets traffic.
	Site Site
	// Runtime is the balancer's socket.
	Runtime Runtime
	// Backend is where the faults are; Servers are its servers.
	Backend string
	Servers []*TargetServer
	// Victim is the server that fails where one of several does.
	Victim string
	// Own says that the balancer is bascule.
	Own bool
	// Reload makes the balancer read its configuration again; nil: not possible.
	Reload func(ctx context.Context) error
	// Uncut says why no cable can be cut; nil: it can, or nobody knows.
	Uncut error
	// Without names faults that are left out on purpose.
	Without []string
	// Lab is the lab that this is; nil for a real fleet.
	Lab *Lab
}

// TargetServer is a server and what can be done to it; a nil function is not possible.
// Each may be called when it has been done already, and then does nothing.
type TargetServer struct {
	Name string
	Addr string // empty when unknown
	// Kill ends it at once (kill -9), Stop politely, and both return when it is gone.
	// Start returns when it takes connections.
	Kill, Stop, Start func(ctx context.Context) error
	// Freeze and Thaw are SIGSTOP and SIGCONT.
	Freeze, Thaw func(ctx context.Context) error
	// Cut lets its packets vanish, Join ends that.
	Cut, Join func(ctx context.Context) error
	// Misbehave sets how it treats requests.
	Misbehave func(ctx context.Context, mode fleet.Mode) error
}

// Server finds a server by its name; nil: there is none.
func (t *Target) Server(name string) *TargetServer {
	i := slices.IndexFunc(t.Servers, func(s *TargetServer) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return t.Servers[i]
}

// Target makes the API servers of the lab a target.
func (l *Lab) Target() *Target {
	t := &Target{
		Name: "haproxy", Site: l.Site, Runtime: l.Runtime, Backend: APIPool, Own: l.Own(), Uncut: l.uncut, Lab: l,
		Reload: func(context.Context) error { return l.Reload() },
	}
	if l.Own() {
		t.Name = "bascule"
	}
	for _, srv := range l.Servers() {
		if srv.Backend == APIPool {
			t.Servers = append(t.Servers, l.target(srv))
		}
	}
	t.Victim = t.Servers[0].Name
	return t
}

func (l *Lab) target(srv LabServer) *TargetServer {
	name := srv.Name
	// with acts on the server's process if it runs.
	with := func(act func(p *process) error) func(context.Context) error {
		return func(context.Context) error {
			now, err := l.server(name)
			if err != nil {
				return err
			}
			if _, ok := now.Running(); !ok {
				return nil
			}
			if err := act(now.process); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		}
	}
	made := &TargetServer{
		Name: name, Addr: srv.Addr,
		Kill: with(func(p *process) error { _, err := p.kill(); return err }),
		Stop: with(func(p *process) error { p.stop(stopWait); return nil }),
		Start: func(ctx context.Context) error {
			now, err := l.server(name)
			if err != nil {
				return err
			}
			if _, ok := now.Running(); ok {
				return nil
			}
			return l.StartServer(ctx, name)
		},
		Freeze: with((*process).freeze),
		Thaw:   with(func(p *process) error { return p.signal(syscall.SIGCONT) }),
		Misbehave: func(ctx context.Context, mode fleet.Mode) error {
			return fleet.SetMode(ctx, l.control(name), mode)
		},
	}
	if srv.cable != nil {
		made.Cut = func(context.Context) error { return srv.cable.cut() }
		made.Join = func(context.Context) error { return srv.cable.join() }
	}
	return made
}
