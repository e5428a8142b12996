package drill

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"bascule/internal/fleet"
)

const (
	// silence is how long nothing must come for a server to count as silent.
	silence = 300 * time.Millisecond
	// patience is how long one that speaks may take, on a busy machine too.
	patience = 20 * time.Second
)

// health asks a server directly, on a new connection, and returns all that it says within
// a time, and how the connection ended; nil for FIN.
func health(addr string, within time.Duration) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, within)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(within))
	if _, err := io.WriteString(conn, "GET /api/v1/health HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	text, err := io.ReadAll(conn)
	return string(text), err
}

func isWell(text string, err error) bool {
	return err == nil && strings.HasPrefix(text, "HTTP/1.1 200 ") && strings.HasSuffix(text, "}\n")
}

// brokenSays is what a server answers while each fault of the catalogue lasts.
var brokenSays = map[string]func(text string, err error) bool{
	"kill":         func(_ string, err error) bool { return errors.Is(err, syscall.ECONNREFUSED) },
	"stop":         func(_ string, err error) bool { return errors.Is(err, syscall.ECONNREFUSED) },
	"restart":      isWell,
	"freeze":       func(text string, err error) bool { return text == "" && errors.Is(err, os.ErrDeadlineExceeded) },
	"cut":          func(_ string, err error) bool { var n net.Error; return errors.As(err, &n) && n.Timeout() },
	"refused":      func(_ string, err error) bool { return errors.Is(err, syscall.ECONNREFUSED) },
	"reset":        func(text string, err error) bool { return text == "" && errors.Is(err, syscall.ECONNRESET) },
	"reset-midway": func(text string, err error) bool { return text != "" && errors.Is(err, syscall.ECONNRESET) },
	"truncated": func(text string, err error) bool {
		return err == nil && strings.HasPrefix(text, "HTTP/1.1 200 ") && !strings.HasSuffix(text, "}\n")
	},
	"garbage":   func(text string, err error) bool { return err == nil && text != "" && !strings.Contains(text, "HTTP") },
	"errors":    func(text string, err error) bool { return err == nil && strings.HasPrefix(text, "HTTP/1.1 500 ") },
	"slow":      isWell,
	"lies":      isWell,
	"both-dead": func(_ string, err error) bool { return errors.Is(err, syscall.ECONNREFUSED) },
	"blip":      func(_ string, err error) bool { return errors.Is(err, syscall.ECONNREFUSED) },
	"drain":     isWell,
	"reload":    isWell,
}

func TestEachFaultBreaksWhatItSaysAndIsMended(t *testing.T) {
	opt := quick(t)
	opt.Faults = true
	target := startLab(t, opt).Target()
	for _, fault := range Faults(target) {
		if err := fault.Needs(target); err != nil {
			if fault.Name != "cut" || os.Geteuid() == 0 {
				t.Errorf("%s cannot run: %v", fault.Name, err)
			}
			continue
		}
		if err := fault.Inject(t.Context(), target); err != nil {
			t.Errorf("%s: %v", fault.Name, err)
		}
		for _, name := range fault.Victims(target) {
			if fault.Name == "flapping" {
				wellAndNot(t, target.Server(name).Addr)
				continue
			}
			limit := patience
			if fault.Name == "freeze" || fault.Name == "cut" {
				limit = silence
			}
			if text, err := health(target.Server(name).Addr, limit); !brokenSays[fault.Name](text, err) {
				t.Errorf("%s of %s: got %q, %v", fault.Name, name, text, err)
			}
		}
		for range 2 {
			if err := fault.Mend(t.Context(), target); err != nil {
				t.Errorf("%s: not mended: %v", fault.Name, err)
			}
		}
		for _, srv := range target.Servers {
			within(t, srv.Name+" is well after "+fault.Name, func() bool { return isWell(health(srv.Addr, patience)) })
		}
	}
}

func wellAndNot(t *testing.T, addr string) {
	t.Helper()
	for range 2 {
		within(t, "a flapping server refuses", func() bool { _, err := health(addr, patience); return errors.Is(err, syscall.ECONNREFUSED) })
		within(t, "a flapping server is well", func() bool { return isWell(health(addr, patience)) })
	}
}

func TestInterruptedFaultIsMended(t *testing.T) {
	opt := quick(t)
	opt.Faults = true
	target := startLab(t, opt).Target()
	for _, name := range []string{"kill", "freeze", "refused", "flapping", "both-dead"} {
		fault := named(t, target, name)
		ctx, interrupt := context.WithCancel(t.Context())
		inject := fault.Inject
		fault.Inject = func(ctx context.Context, t *Target) error {
			defer interrupt()
			return inject(ctx, t)
		}
		if _, err := fault.Do(ctx, target); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want the interrupt", name, err)
		}
		for _, srv := range target.Servers {
			if text, err := health(srv.Addr, patience); !isWell(text, err) {
				t.Errorf("%s: after the interrupt %s says %q, %v", name, srv.Name, text, err)
			}
		}
	}
}

func TestHalfDoneFaultIsMended(t *testing.T) {
	opt := quick(t)
	opt.Faults = true
	target := startLab(t, opt).Target()
	target.Servers[1].Misbehave = func(_ context.Context, m fleet.Mode) error {
		if m == fleet.Well {
			return nil
		}
		return errors.New("no")
	}
	fault := named(t, target, "blip")
	if _, err := fault.Do(t.Context(), target); err == nil || !strings.Contains(err.Error(), "backend-api-2: no") {
		t.Errorf("got %v, want why it failed", err)
	}
	if text, err := health(target.Servers[0].Addr, patience); !isWell(text, err) {
		t.Errorf("the half that was done is not mended: %q, %v", text, err)
	}
}

func TestFaultThatCannotRunSaysWhy(t *testing.T) {
	target := &Target{Backend: "b", Victim: "s1", Servers: []*TargetServer{{Name: "s1"}}, Uncut: errors.New("not root")}
	for _, fault := range Faults(target) {
		err := fault.Needs(target)
		if err == nil || !strings.Contains(err.Error(), "s1: no way is given to") &&
			!strings.Contains(err.Error(), "reload") && !strings.Contains(err.Error(), "runtime socket") && !errors.Is(err, target.Uncut) {
			t.Errorf("%s: %v, want what is missing", fault.Name, err)
		}
	}
}

func named(t *testing.T, target *Target, name string) Fault {
	t.Helper()
	for _, fault := range Faults(target) {
		if fault.Name == name {
			return fault
		}
	}
	t.Fatalf("no fault is named %s", name)
	return Fault{}
}
