package drill

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// scaleListeners is how many servers really run: the lines of the file share them, each
// with checks and connections of its own.
const scaleListeners = 8

// scaleConfig ends in the backends. Requests go to all of them in no order.
const scaleConfig = `global
    stats socket %[1]s level admin
    maxconn 8000
    nbthread 2

defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    option httpchk GET /small
    default-server check inter 2s

frontend site
    bind %[2]s
    use_backend pool-%%[rand(%[3]d)]
`

// scaleLab is a balancer with many servers.
type scaleLab struct {
	opt      ScaleOptions
	balancer string
	dir      string
	config   string
	site     string // address
	runtime  Runtime
	addrs    []string // of the servers
	weight   map[[2]int]int
	keep     *keeper
	proxy    *process
	pid      int // of the worker
	started  time.Duration
	servers  []*http.Server
}

func startScaleLab(ctx context.Context, opt ScaleOptions) (l *scaleLab, err error) {
	l = &scaleLab{opt: opt, balancer: opt.Balancer, keep: newKeeper(), weight: map[[2]int]int{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if l.balancer == "" {
		if l.balancer, err = os.Executable(); err != nil {
			return l, err
		}
	}
	if l.dir, err = os.MkdirTemp("", "bascule-scale-"); err != nil {
		return l, err
	}
	l.runtime, l.config = Runtime(filepath.Join(l.dir, "admin.sock")), filepath.Join(l.dir, "haproxy.cfg")
	addrs, err := freePorts(1 + scaleListeners)
	if err != nil {
		return l, err
	}
	l.site, l.addrs = addrs[0], addrs[1:]
	for _, addr := range l.addrs {
		if err := l.serve(addr); err != nil {
			return l, err
		}
	}
	if err := l.write(); err != nil {
		return l, err
	}
	return l, l.start(ctx)
}

// serve starts one server on addr; it ends by close.
func (l *scaleLab) serve(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: limitsServer(), ReadHeaderTimeout: time.Minute}
	l.servers = append(l.servers, srv)
	go func() { _ = srv.Serve(ln) }() // until close
	return nil
}

// text is the file as it is now.
func (l *scaleLab) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, scaleConfig, l.runtime, l.site, l.opt.Backends)
	line := 0
	for i := range l.opt.Backends {
		fmt.Fprintf(&b, "\nbackend pool-%d\n    cookie POOL%d insert indirect nocache\n", i, i)
		for k := range l.opt.Servers {
			fmt.Fprintf(&b, "    server s%d %s cookie s%d weight %d\n", k+1, l.addrs[line%len(l.addrs)], k+1, max(l.weight[[2]int{i, k}], 1))
			line++
		}
	}
	return b.String()
}

// write replaces the file at once, so that nobody reads half of it.
func (l *scaleLab) write() error {
	if err := os.WriteFile(l.config+".new", []byte(l.text()), 0o600); err != nil {
		return err
	}
	return os.Rename(l.config+".new", l.config)
}

// start starts the balancer and waits for its first reply.
func (l *scaleLab) start(ctx context.Context) (err error) {
	args := []string{"-db", "-f", l.config}
	if l.opt.Master {
		args = []string{"-W", "-f", l.config}
	}
	begun := time.Now()
	if l.proxy, err = l.keep.start(filepath.Join(l.dir, "balancer.log"), l.balancer, args, nil); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	err = await(ctx, "the balancer", l.proxy, func() bool { return getSmall(ctx, client, "http://"+l.site) == nil })
	l.started = time.Since(begun)
	if err != nil {
		return err
	}
	info, err := l.runtime.Do(ctx, "show info")
	for line := range strings.Lines(info) {
		if pid, ok := strings.CutPrefix(line, "Pid: "); ok {
			l.pid, err = strconv.Atoi(strings.TrimSpace(pid))
		}
	}
	if err == nil && l.pid == 0 {
		err = errors.New("show info: no Pid")
	}
	return err
}

// allUp waits until the last check of every server was good.
func (l *scaleLab) allUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, scaleFirst)
	defer cancel()
	for {
		rows, err := l.runtime.Stat(ctx)
		up, want := 0, l.opt.Backends*l.opt.Servers
		for _, row := range rows {
			if row["check_status"] == "L7OK" && row["status"] == "UP" {
				up++
			}
		}
		if err == nil && up == want {
			return nil
		}
		if sleep(ctx, between) != nil {
			return errors.Join(fmt.Errorf("%d of %d servers are up", up, want), err, ctx.Err())
		}
	}
}

func (l *scaleLab) close() (err error) {
	if l.proxy != nil {
		if !l.proxy.running() {
			err = l.proxy.failed("the balancer")
		}
		l.proxy.stop(2 * time.Second)
	}
	for _, srv := range l.servers {
		_ = srv.Close() // its connections are the drill's own
	}
	l.keep.close()
	return errors.Join(err, os.RemoveAll(l.dir))
}
