package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"bascule/test/loopback"
)

// A rig is a running balancer before servers of this process, under a light load.
type rig struct {
	dir     string
	file    string
	process *exec.Cmd
	log     *os.File
	servers map[string]*server
	web     string // address of the frontend
	stats   string // where the page is
	cancel  context.CancelFunc
	load    sync.WaitGroup
}

// A server answers every request with a few bytes, and WebSockets with what they send.
type server struct {
	addr string
	http *http.Server
}

func listen(addr string) (*server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &server{addr: l.Addr().String()}
	s.http = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			echo(w, r)
			return
		}
		fmt.Fprintln(w, "well")
	})}
	go func() { _ = s.http.Serve(l) }() // until kill
	return s, nil
}

func echo(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	for {
		kind, text, err := conn.Read(r.Context())
		if err != nil || conn.Write(r.Context(), kind, text) != nil {
			return
		}
	}
}

// kill ends a server as kill -9 does: its connections are reset, new ones refused.
func (r *rig) kill(name string) { _ = r.servers[name].http.Close() }

// revive starts it again.
func (r *rig) revive(name string) error {
	s, err := listen(r.servers[name].addr)
	if err == nil {
		r.servers[name] = s
	}
	return err
}

// A plan says which balancer a rig runs.
type plan struct {
	binary   string // bascule
	backends []backends
	stats    []string // lines of the statistics' frontend
	load     int      // requests a second
	sockets  int
}

type backends struct {
	name    string
	lines   []string
	servers []string // names, with what stands behind the address: "s1 weight 2"
}

// build starts servers, balancer and load.
func build(p plan) (r *rig, err error) {
	dir, err := os.MkdirTemp("", "page")
	if err != nil {
		return nil, err
	}
	r = &rig{dir: dir, servers: map[string]*server{}}
	defer func() {
		if err != nil {
			r.end()
		}
	}()
	ip := loopback.Address()
	r.web, r.stats = ip+":8000", ip+":8001"
	text := "global\n\tmaxconn 4000\ndefaults\n\tmode http\n\ttimeout connect 20s\n\ttimeout check 20s\n\ttimeout client 60s\n\ttimeout server 60s\n\ttimeout tunnel 1h\n"
	text += "frontend web\n\tbind " + r.web + "\n"
	for i, be := range p.backends[1:] {
		text += fmt.Sprintf("\tuse_backend %s if { path_beg /%d }\n", be.name, i+1)
	}
	text += "\tdefault_backend " + p.backends[0].name + "\n"
	text += "frontend stats\n\tbind " + r.stats + "\n\t" + strings.Join(p.stats, "\n\t") + "\n"
	for _, be := range p.backends {
		text += "backend " + be.name + "\n\t" + strings.Join(be.lines, "\n\t") + "\n"
		for i, words := range be.servers {
			name, more, _ := strings.Cut(words, " ")
			s, err := listen(loopback.Address() + ":8080") // of its own, so that it is free when the server comes back
			if err != nil {
				return nil, err
			}
			r.servers[name] = s
			text += fmt.Sprintf("\tserver %s %s id %d check %s\n", name, s.addr, i+1, more)
		}
	}
	r.file = filepath.Join(dir, "page.cfg")
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if err := r.run(p.binary); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.load.Go(func() { r.ask(ctx, p.load, len(p.backends)) })
	for range p.sockets {
		r.load.Go(func() { r.chat(ctx) })
	}
	return r, nil
}

// run starts the balancer and waits until the page answers.
func (r *rig) run(binary string) (err error) {
	if r.log, err = os.Create(filepath.Join(r.dir, "log")); err != nil {
		return err
	}
	r.process = exec.Command(binary, "-f", r.file)
	r.process.Stdout, r.process.Stderr = r.log, r.log
	if err := r.process.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(startTime); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", r.stats); err == nil {
			return conn.Close()
		}
	}
	text, _ := os.ReadFile(r.log.Name())
	return errors.New("the balancer does not start: " + string(text))
}

// end stops all of it.
func (r *rig) end() {
	if r.cancel != nil {
		r.cancel()
	}
	if r.process != nil && r.process.Process != nil {
		_ = r.process.Process.Signal(syscall.SIGTERM)
		_ = r.process.Wait()
	}
	r.load.Wait()
	for _, s := range r.servers {
		_ = s.http.Close()
	}
	if r.log != nil {
		_ = r.log.Close()
	}
	_ = os.RemoveAll(r.dir)
}

// ask asks for something of each backend, so many times a second.
func (r *rig) ask(ctx context.Context, rate, backends int) {
	if rate == 0 {
		return
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: startTime}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// The first backend gets most of it.
		path := max(n%(backends+3)-3, 0)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/%d/%d/part", r.web, path, n%977), nil)
		if err != nil {
			return
		}
		if res, err := client.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	}
}

// chat holds a WebSocket, and opens another one when it ends.
func (r *rig) chat(ctx context.Context) {
	for ctx.Err() == nil {
		conn, _, err := websocket.Dial(ctx, "ws://"+r.web+"/chat", nil) //nolint:bodyclose // Dial says that it need not be closed
		if err == nil {
			_, _, _ = conn.Read(ctx)
			_ = conn.CloseNow()
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}
