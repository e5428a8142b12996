package live

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/events"
	"bascule/internal/stats"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const fleetConfig = `defaults
	mode http
	timeout connect 1s
	timeout client 1s
	timeout server 1s
frontend web
	bind 127.0.0.1:8080
	use_backend cache if { path_beg /cache }
	default_backend app
frontend stats
	bind 127.0.0.1:9100
	stats uri /stats
	stats auth ops:secret
	stats admin if TRUE
frontend classic
	bind 127.0.0.1:9101
	stats uri /stats
	stats live off
backend app
	server s1 127.0.0.1:9001 check
	server s2 127.0.0.1:9002 weight 3
	server s3 127.0.0.1:9003 backup
backend cache
	balance uri
	hash-type consistent
	server c1 127.0.0.1:9011
	server c2 127.0.0.1:9012
`

// testPatience bounds every wait of these tests.
const testPatience = time.Minute

// A world is what engine makes of a configuration, without its traffic.
type fleetWorld struct {
	*Page
	t   *testing.T
	mu  sync.Mutex // guards cfg
	cfg *config.Config
	bes map[string]*backend.Backend
	log bytes.Buffer
}

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load([]string{file}, config.Env{Hostname: "lab"})
	if cfg == nil {
		t.Fatalf("the configuration does not load: %v", problems.List)
	}
	return cfg
}

func newWorld(t *testing.T, text string) *fleetWorld {
	t.Helper()
	w := &fleetWorld{t: t, cfg: load(t, text), bes: map[string]*backend.Backend{}}
	quiet := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	var fes []*stream.Frontend
	var bes []*backend.Backend
	for _, px := range w.cfg.Proxies {
		if px.Backend {
			b := backend.New(px, backend.Env{Loops: 1, Log: quiet})
			wg.Go(func() { b.Run(ctx) })
			bes, w.bes[px.Name] = append(bes, b), b
		}
		if px.Frontend {
			f := stream.NewFrontend(px.Name, &stream.Env{Loops: 1, Log: quiet})
			f.Apply(&stream.Rules{Cfg: px})
			fes = append(fes, f)
		}
	}
	src := &stats.Source{
		Config:    w.config,
		Frontends: func() []*stream.Frontend { return fes },
		Backends:  func() []*backend.Backend { return bes },
		Process:   func() stats.Process { return stats.Process{Version: "3.2.0", Node: "lab", Pid: 42, Start: time.Now()} },
		Events:    events.New(0),
	}
	stats.NewSampler(src)
	board := NewBoard(src, slog.New(slog.NewTextHandler(&w.log, nil)))
	w.Page = &Page{Board: board, Classic: stats.Page{Source: src, Audit: board.Audit}}
	return w
}

func (w *fleetWorld) config() *config.Config {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cfg
}

func (w *fleetWorld) reload(text string) {
	cfg := load(w.t, text)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cfg = cfg
}

// An answer is what a page made; gone makes its client leave.
type answer struct {
	mu     sync.Mutex // guards the fields below
	status int
	fields string
	text   strings.Builder
	gone   bool
}

func (a *answer) Head(status int, fields string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.fields = status, fields
}

func (a *answer) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.text.Write(p)
}

func (a *answer) Flush() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return stream.ErrGone
	}
	return nil
}

func (a *answer) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = true
}

func (a *answer) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.text.String()
}

const ops = "Authorization: Basic b3BzOnNlY3JldA=="

// asked makes a request to a frontend; admin is what stats admin says.
func asked(t *testing.T, frontend, line, body string, admin bool, fields ...string) *stream.Asked {
	t.Helper()
	r := &stream.Asked{Frontend: frontend, Admin: admin, Whole: true, Body: []byte(body), From: netip.MustParseAddrPort("192.0.2.7:4711")}
	head := line + " HTTP/1.1\r\nHost: lab:9100\r\n"
	for _, f := range fields {
		head += f + "\r\n"
	}
	if r.Req.Parse([]byte(head+"\r\n"), nil) != wire.Done {
		t.Fatalf("%q is no request: %v", head, r.Req.Fault())
	}
	return r
}

func (w *fleetWorld) get(frontend, target string, fields ...string) *answer {
	w.t.Helper()
	a := &answer{}
	w.answer(a, asked(w.t, frontend, "GET "+target, "", true, fields...))
	return a
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(testPatience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

func basic(s string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(s))
}
