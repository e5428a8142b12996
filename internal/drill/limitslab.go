package drill

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The timeouts of the drill's configuration that are tried, of heads, of readers and of
// the silent server, are as short as they may be; the others are never to be reached, by
// the other users and the checks of a busy machine either. fall is more than the checks
// at the fast pace that can fail before a suspicion is over: the servers share the drill's
// process with those who flood, and may be late, but one failed check is seen.
const limitsConfig = `global
    stats socket %[1]s level admin
    log %[2]s local0 info
    log %[3]s local0 info
    maxconn 6000
    nbthread 2

defaults
    mode http
    log global
    option httplog
    timeout connect 10s
    timeout http-request 4s
    timeout client 6s
    timeout server 30s
    timeout queue 10s
    timeout check 10s

frontend site
    bind %[4]s
    bind %[8]s ssl crt %[9]s
    use_backend silent if { path_beg /never }
    default_backend servers

backend servers
    balance roundrobin
    option httpchk GET /small
    default-server check inter 1s fall 10
    server s1 %[5]s
    server s2 %[6]s

backend silent
    timeout server 4s
    server s3 %[7]s
`

// limitsLab is a balancer, its servers and its log, for the drill of limits.
type limitsLab struct {
	opt      LimitsOptions
	balancer string
	site     string      // address
	secure   string      // address with TLS
	trust    *tls.Config // for clients of secure
	runtime  Runtime
	dir      string
	keep     *keeper
	proxy    *process
	servers  []*http.Server
	log      *logTally
	unread   *net.UnixConn // a log socket that nobody reads
}

func startLimitsLab(ctx context.Context, opt LimitsOptions) (l *limitsLab, err error) {
	l = &limitsLab{opt: opt, keep: newKeeper()}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if l.dir, err = os.MkdirTemp("", "bascule-limits-"); err != nil {
		return l, err
	}
	addrs, err := freePorts(5)
	if err != nil {
		return l, err
	}
	l.site, l.secure = addrs[0], addrs[4]
	l.runtime = Runtime(filepath.Join(l.dir, "admin.sock"))
	for _, addr := range addrs[1:4] {
		if err := l.serve(addr); err != nil {
			return l, err
		}
	}
	if l.log, err = newLogTally(); err != nil {
		return l, err
	}
	dead := filepath.Join(l.dir, "unread.sock")
	if l.unread, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dead, Net: "unixgram"}); err != nil {
		return l, err
	}
	config := filepath.Join(l.dir, "haproxy.cfg")
	pair, trust, err := makeCertificate("drill.test")
	if err != nil {
		return l, err
	}
	l.trust = trust
	crt := filepath.Join(l.dir, "site.pem")
	if err := os.WriteFile(crt, pair, 0o600); err != nil {
		return l, err
	}
	text := fmt.Sprintf(limitsConfig, l.runtime, l.log.addr(), dead, l.site, addrs[1], addrs[2], addrs[3], l.secure, crt)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return l, err
	}
	return l, l.startBalancer(ctx, config)
}

func (l *limitsLab) startBalancer(ctx context.Context, config string) (err error) {
	l.balancer = l.opt.Balancer
	if l.balancer == "" {
		l.balancer = l.opt.Self
	}
	if l.balancer == "" {
		if l.balancer, err = os.Executable(); err != nil {
			return err
		}
	}
	l.proxy, err = l.keep.start(filepath.Join(l.dir, "balancer.log"), l.balancer, []string{"-db", "-f", config}, nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, normalLimit)
	defer cancel()
	for {
		if _, err := l.fresh(ctx); err == nil {
			return nil
		}
		if !l.proxy.running() {
			return l.proxy.failed("the balancer")
		}
		if err := sleep(ctx, statePoll); err != nil {
			return fmt.Errorf("the balancer does not answer: %w", err)
		}
	}
}

// serve starts one server on addr; it ends by close.
func (l *limitsLab) serve(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: limitsServer(), ReadHeaderTimeout: time.Minute}
	srv.ConnState = func(c net.Conn, now http.ConnState) {
		if tcp, ok := c.(*net.TCPConn); ok && now == http.StateNew {
			// The server's share of the system's memory for TCP is not what is looked at.
			_ = tcp.SetWriteBuffer(256 << 10) // fails on no open connection
		}
	}
	l.servers = append(l.servers, srv)
	go func() { _ = srv.Serve(ln) }() // until close
	return nil
}

// limitsServer answers what the parts ask for.
func limitsServer() http.Handler {
	mux := http.NewServeMux()
	block := make([]byte, 256<<10)
	mux.HandleFunc("/small", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(block[:100])
	})
	mux.HandleFunc("/large/", func(w http.ResponseWriter, r *http.Request) {
		size, err := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/large/"), 10, 64)
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		for size > 0 {
			n, err := w.Write(block[:min(size, int64(len(block)))])
			if err != nil {
				return
			}
			size -= int64(n)
		}
	})
	mux.HandleFunc("/upload", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, 256<<10))
		if err != nil {
			return
		}
		fmt.Fprint(w, n)
	})
	mux.HandleFunc("/never", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	return mux
}

func (l *limitsLab) close() (err error) {
	if l.proxy != nil {
		if !l.proxy.running() {
			err = l.proxy.failed("the balancer")
		}
		l.proxy.stop(2 * time.Second)
	}
	for _, srv := range l.servers {
		_ = srv.Close() // its connections are the drill's own
	}
	if l.log != nil {
		l.log.close()
	}
	if l.unread != nil {
		_ = l.unread.Close()
	}
	l.keep.close()
	return errors.Join(err, os.RemoveAll(l.dir))
}

// url is the site without TLS.
func (l *limitsLab) url() string { return "http://" + l.site }

// fresh asks once on a new connection and says how long that took.
func (l *limitsLab) fresh(ctx context.Context) (time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	begun := time.Now()
	err := getSmall(ctx, client, l.url())
	return time.Since(begun), err
}

// rss is the balancer's resident memory in bytes.
func (l *limitsLab) rss() (int64, error) { return residentOf(l.proxy.cmd.Process.Pid) }

// residentOf is the resident memory of a process in bytes.
func residentOf(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("no VmRSS")
}

// descriptors sets the balancer's soft limit of descriptors and returns the one before.
func (l *limitsLab) descriptors(soft uint64) (before uint64, err error) {
	var now unix.Rlimit
	pid := l.proxy.cmd.Process.Pid
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &now); err != nil {
		return 0, fmt.Errorf("descriptor limit of %d: %w", pid, err)
	}
	set := unix.Rlimit{Cur: min(soft, now.Max), Max: now.Max}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &set, nil); err != nil {
		return 0, fmt.Errorf("descriptor limit of %d: %w", pid, err)
	}
	return now.Cur, nil
}

// open counts the balancer's descriptors.
func (l *limitsLab) open() (int, error) {
	dir, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", l.proxy.cmd.Process.Pid))
	return len(dir), err
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
