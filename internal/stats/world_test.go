package stats

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is what engine makes of a configuration, without its traffic.
type world struct {
	t    *testing.T
	src  *Source
	cfg  *config.Config
	fes  map[string]*stream.Frontend
	bes  map[string]*backend.Backend
	proc Process
}

func newWorld(t *testing.T, text string) *world {
	t.Helper()
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load([]string{file}, config.Env{Hostname: "lab"})
	if cfg == nil {
		t.Fatalf("the configuration does not load: %v", problems.List)
	}
	w := &world{t: t, cfg: cfg, fes: map[string]*stream.Frontend{}, bes: map[string]*backend.Backend{}, proc: Process{
		Version: "3.2.0", ReleaseDate: "2025/05/28", Node: cfg.Global.Node, Description: cfg.Global.Description, Pid: 42,
		Start: time.Now().Add(-90 * time.Second), Threads: 2, MaxConn: 2000, HardMaxConn: 2000, IdlePercent: 100,
	}}
	log := slog.New(slog.DiscardHandler)
	env := &stream.Env{Loops: 1, Log: log}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	var fes []*stream.Frontend
	var bes []*backend.Backend
	for _, px := range cfg.Proxies {
		if px.Backend {
			b := backend.New(px, backend.Env{Loops: 1, Log: log})
			wg.Go(func() { b.Run(ctx) })
			bes, w.bes[px.Name] = append(bes, b), b
		}
		if px.Frontend {
			f := stream.NewFrontend(px.Name, env)
			f.Apply(&stream.Rules{Cfg: px})
			fes, w.fes[px.Name] = append(fes, f), f
			if px.SocketStats {
				var list []stream.Bound
				for _, bind := range px.Binds {
					list = append(list, stream.Bound{Socket: stream.NewSocket(1), Bind: bind})
				}
				f.SetBounds(list)
			}
		}
	}
	backend.Link(bes)
	w.src = &Source{
		Config:    func() *config.Config { return w.cfg },
		Frontends: func() []*stream.Frontend { return fes },
		Backends:  func() []*backend.Backend { return bes },
		Process:   func() Process { return w.proc },
	}
	NewSampler(w.src)
	return w
}

// server finds a server by "backend/server".
func (w *world) server(name string) *backend.Server {
	w.t.Helper()
	be, srv, _ := strings.Cut(name, "/")
	s := w.bes[be].Server(srv)
	if s == nil {
		w.t.Fatalf("no server %s", name)
	}
	return s
}

func (w *world) ask(srv *backend.Server, e backend.Event) {
	w.t.Helper()
	if err := srv.Backend().Ask(e); err != nil {
		w.t.Fatal(err)
	}
}

// check tells that a check of a server ended, n times.
func (w *world) check(name string, n int, r backend.Result) {
	w.t.Helper()
	srv := w.server(name)
	for range n {
		w.ask(srv, backend.CheckResult{Srv: srv, Result: r})
	}
}

func (w *world) order(name string, o backend.Order) {
	w.t.Helper()
	srv := w.server(name)
	w.ask(srv, backend.SetState{Srv: srv, Order: o})
}

// An answer is what a service made.
type answer struct {
	status int
	fields string
	strings.Builder
}

func (a *answer) Head(status int, fields string) { a.status, a.fields = status, fields }

// asked makes a request to a frontend; fields are lines without their end.
func asked(t *testing.T, frontend, line string, fields ...string) *stream.Asked {
	t.Helper()
	r := &stream.Asked{Frontend: frontend}
	head := line + " HTTP/1.1\r\nHost: lab\r\n" + strings.Join(append(fields, "\r\n"), "\r\n")
	if len(fields) == 0 {
		head = line + " HTTP/1.1\r\nHost: lab\r\n\r\n"
	}
	if r.Req.Parse([]byte(head), nil) != wire.Done {
		t.Fatalf("%q is no request: %v", head, r.Req.Fault())
	}
	return r
}
