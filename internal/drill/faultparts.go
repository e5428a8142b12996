package drill

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"bascule/internal/fleet"
)

// deed is something that is done to a target.
type deed = func(context.Context, *Target) error

// act chooses what is done to one server; it returns nil where that is not possible.
type act func(*TargetServer) func(context.Context) error

func doKill(s *TargetServer) func(context.Context) error   { return s.Kill }
func doStop(s *TargetServer) func(context.Context) error   { return s.Stop }
func doStart(s *TargetServer) func(context.Context) error  { return s.Start }
func doFreeze(s *TargetServer) func(context.Context) error { return s.Freeze }
func doThaw(s *TargetServer) func(context.Context) error   { return s.Thaw }
func doCut(s *TargetServer) func(context.Context) error    { return s.Cut }
func doJoin(s *TargetServer) func(context.Context) error   { return s.Join }

// toMisbehave is what a server must be able to do for a mode of the fleet.
const toMisbehave = "misbehave"

func mode(m fleet.Mode) act {
	return func(s *TargetServer) func(context.Context) error {
		if s.Misbehave == nil {
			return nil
		}
		return func(ctx context.Context) error { return s.Misbehave(ctx, m) }
	}
}

// on acts on the server of that name.
func on(name string, what act) deed {
	return func(ctx context.Context, t *Target) error {
		srv := t.Server(name)
		if srv == nil {
			return fmt.Errorf("no server is named %q", name)
		}
		if err := what(srv)(ctx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
}

// all acts on all servers at once, also when one of them fails.
func all(what act) deed {
	return func(ctx context.Context, t *Target) error {
		errs := make([]error, len(t.Servers))
		var done sync.WaitGroup
		for i, srv := range t.Servers {
			done.Go(func() { errs[i] = on(srv.Name, what)(ctx, t) })
		}
		done.Wait()
		return errors.Join(errs...)
	}
}

// both does one step and then the other.
func both(first, second deed) deed {
	return func(ctx context.Context, t *Target) error {
		if err := first(ctx, t); err != nil {
			return err
		}
		return second(ctx, t)
	}
}

func doNothing(context.Context, *Target) error { return nil }

// able says for a fault that it cannot run because one of whats is not possible.
func able(name, what string, whats ...act) func(*Target) error {
	return func(t *Target) error {
		srv := t.Server(name)
		if srv == nil {
			return fmt.Errorf("no server is named %q", name)
		}
		for _, a := range whats {
			if a(srv) == nil {
				return fmt.Errorf("%s: no way is given to %s it", name, what)
			}
		}
		return nil
	}
}

func allAble(what string, whats ...act) func(*Target) error {
	return func(t *Target) error {
		for _, srv := range t.Servers {
			if err := able(srv.Name, what, whats...)(t); err != nil {
				return err
			}
		}
		return nil
	}
}

func cuttable(name string) func(*Target) error {
	return func(t *Target) error {
		if t.Uncut != nil {
			return t.Uncut
		}
		return able(name, "cut and join", doCut, doJoin)(t)
	}
}

func doReload(ctx context.Context, t *Target) error { return t.Reload(ctx) }

func reloadable(t *Target) error {
	if t.Reload == nil {
		return errors.New("no way is given to reload the balancer")
	}
	return nil
}

// flapping closes and opens the victim's port until it is mended.
func flapping(t *Target) Fault {
	var halt context.CancelFunc
	var ended chan error
	f := Fault{
		Name: "flapping", Text: "the port of a server is closed and opened twice a second",
		Victim: t.Victim, Lasts: 2 * outageLasts,
		Expect: Expectation{Lost: Plain | Chats, Twice: Idempotent, P99: calmP99, Why: whyPlain},
		Needs:  able(t.Victim, toMisbehave, mode("")),
	}
	f.Inject = func(ctx context.Context, t *Target) error {
		ctx, halt = context.WithCancel(ctx)
		ended = make(chan error, 1)
		// Ends by Mend, or with the drill.
		go func() { ended <- flap(ctx, t) }()
		return nil
	}
	f.Mend = func(ctx context.Context, t *Target) error {
		var err error
		if halt != nil {
			halt()
			err = <-ended
			halt = nil
		}
		return errors.Join(err, on(t.Victim, mode(fleet.Well))(ctx, t))
	}
	return f
}

func flap(ctx context.Context, t *Target) error {
	next := time.NewTicker(flapEvery)
	defer next.Stop()
	for n := 0; ; n++ {
		m := fleet.Refused
		if n%2 == 1 {
			m = fleet.Well
		}
		if err := on(t.Victim, mode(m))(context.WithoutCancel(ctx), t); err != nil { // bounded by itself
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		}
	}
}

const (
	// drainDeadline is short enough for a drill, and long enough for users to move at a
	// pause before it.
	drainDeadline = 3 * time.Second
	drainIdle     = time.Second
)

// draining sends the users of the victim elsewhere and takes it back.
func draining(t *Target) Fault {
	return Fault{
		Name: "drain", Text: "a server is drained, with a deadline where the balancer has one",
		Victim: t.Victim, Lasts: drainDeadline + outageLasts,
		Expect: Expectation{Lost: Chats, P99: calmP99, Why: "WebSockets are closed with 1012 at the deadline"},
		Inject: func(ctx context.Context, t *Target) error {
			drain := fmt.Sprintf("set server %s/%s state drain", t.Backend, t.Victim)
			if t.Own {
				drain += fmt.Sprintf(" deadline %s at-idle %s", drainDeadline, drainIdle)
			}
			return t.Runtime.Set(ctx, drain)
		},
		Mend: func(ctx context.Context, t *Target) error {
			return t.Runtime.Set(ctx, fmt.Sprintf("set server %s/%s state ready", t.Backend, t.Victim))
		},
		Needs: func(t *Target) error {
			if t.Runtime == "" {
				return errors.New("no runtime socket is given")
			}
			return nil
		},
	}
}
