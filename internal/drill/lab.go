package drill

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
)

const (
	// startWait bounds the start of a server or of the balancer.
	startWait = 15 * time.Second
	// stopWait is a little more than a server of the fleet needs to stop politely.
	stopWait = 10 * time.Second
	// startPoll is how often a starting process is looked at.
	startPoll = 10 * time.Millisecond
	// maxNotices bounds the balancer's notices that nobody has read yet.
	maxNotices = 256
)

// Servers of the lab, in the order of the configuration, and their backends.
const (
	APIPool    = "api_pool"
	StreamPool = "stream_pool"
)

// LabOptions say what to start; the zero value is the example as it stands on free
// ports with this executable as the balancer.
type LabOptions struct {
	// Balancer is the path of another HAProxy to start; empty: this executable.
	Balancer string
	// Self is the executable that knows `fleet`; empty: this one.
	Self string
	// Master starts the balancer with -W, as another HAProxy always is.
	Master bool
	// HTTP, HTTPS and Stats are addresses to use if they are free; a free port otherwise.
	HTTP, HTTPS, Stats string
	// TLS makes https the lab's site.
	TLS bool
	// Redis is an address; empty: an embedded one, in this process.
	Redis string
	// Inter and Slowstart replace the configuration's 5 s and 30 s; 0 does not.
	Inter, Slowstart time.Duration
	// Faults makes it a lab for the catalogue of faults: each API server behind a cable
	// of its own where that is possible, and timeouts of a few seconds.
	Faults bool
	// Best gives a HAProxy its best options against dying servers.
	Best bool
}

// Lab is the active/active deployment on loopback: two API servers, two stream servers
// and the balancer, each a process, and Redis.
type Lab struct {
	Site     Site    // where clients go: the frontend, in clear or over TLS
	Secure   Site    // the frontend over TLS, with a certificate that the lab made
	CA       string  // path of the authority's certificate, for curl --cacert
	Stats    string  // URL of the stats page
	Config   string  // path of the configuration, which may be edited before a reload
	Runtime  Runtime // socket of the balancer
	Balancer string  // path of its executable

	dir     string
	env     []string
	self    string
	redis   string
	master  bool
	own     *miniredis.Miniredis // nil with a Redis of the caller
	door    *redisDoor           // nil without cables
	cables  []*cable
	uncut   error // why there are no cables
	keeper  *keeper
	logs    *net.UnixConn
	notices chan string

	mu       sync.Mutex
	servers  []*LabServer // guarded by mu: their processes change
	balancer *process
}

// LabServer is one server of the lab.
type LabServer struct {
	Name    string
	Backend string
	Addr    string

	process *process // the last one started
	cable   *cable   // nil: it runs in the network of the drill
}

// control is the path of a server's control socket.
func (l *Lab) control(name string) string { return filepath.Join(l.dir, name+".ctl") }

// StartLab starts everything and returns when all servers listen and the balancer
// answers. The caller closes the lab.
func StartLab(ctx context.Context, opt LabOptions) (*Lab, error) {
	dir, err := os.MkdirTemp("", "bascule-")
	if err != nil {
		return nil, err
	}
	l := &Lab{dir: dir, keeper: newKeeper(), notices: make(chan string, maxNotices)}
	if err := l.start(ctx, opt); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Servers returns the servers in the order of the configuration.
func (l *Lab) Servers() []LabServer {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]LabServer, len(l.servers))
	for i, srv := range l.servers {
		list[i] = *srv
	}
	return list
}

// Running says whether the server's process runs, and its number.
func (s LabServer) Running() (pid int, ok bool) {
	if s.process == nil || !s.process.running() {
		return 0, false
	}
	return s.process.cmd.Process.Pid, true
}

func (l *Lab) server(name string) (LabServer, error) {
	for _, srv := range l.Servers() {
		if srv.Name == name {
			return srv, nil
		}
	}
	return LabServer{}, fmt.Errorf("no server is named %q", name)
}

// StartServer starts a server that does not run, on its old address, and returns when
// it listens.
func (l *Lab) StartServer(ctx context.Context, name string) error {
	srv, err := l.server(name)
	if err != nil {
		return err
	}
	if _, ok := srv.Running(); ok {
		return fmt.Errorf("%s runs already", name)
	}
	args := []string{"fleet", "api", "--addr", srv.Addr, "--name", name, "--redis", l.redis}
	if srv.Backend == StreamPool {
		args = []string{"fleet", "stream", "--addr", srv.Addr, "--name", name}
	}
	args = append(args, "--control", l.control(name))
	p, err := l.keeper.startAt(srv.cable, filepath.Join(l.dir, name+".log"), l.self, args, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	l.mu.Lock()
	for _, srv := range l.servers {
		if srv.Name == name {
			srv.process = p
		}
	}
	l.mu.Unlock()
	return await(ctx, name, p, func() bool { return accepts(srv.Addr) })
}

// Kill ends a server with SIGKILL. It returns when the process is gone and when that
// was: a request sent later cannot have reached it.
func (l *Lab) Kill(name string) (time.Time, error) {
	srv, err := l.server(name)
	if err != nil {
		return time.Time{}, err
	}
	if _, ok := srv.Running(); !ok {
		return time.Time{}, fmt.Errorf("%s does not run", name)
	}
	return srv.process.kill()
}

// SetState sets a server's administrative state: ready, drain or maint.
func (l *Lab) SetState(ctx context.Context, name, state string) error {
	srv, err := l.server(name)
	if err != nil {
		return err
	}
	return l.Runtime.Set(ctx, fmt.Sprintf("set server %s/%s state %s", srv.Backend, name, state))
}

// Reload tells the balancer to read Config again.
func (l *Lab) Reload() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.balancer.signal(syscall.SIGUSR2)
}

// Lost is closed when the balancer has ended.
func (l *Lab) Lost() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.balancer.exited
}

// LostError says how the balancer ended, after Lost.
func (l *Lab) LostError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.balancer.failed("the balancer")
}

// Close stops all processes, the balancer first, and removes the lab's files.
func (l *Lab) Close() error {
	l.mu.Lock()
	balancer := l.balancer
	l.mu.Unlock()
	if balancer != nil {
		balancer.stop(stopWait)
	}
	var all sync.WaitGroup
	for _, srv := range l.Servers() {
		if srv.process != nil {
			all.Go(func() { srv.process.stop(stopWait) })
		}
	}
	all.Wait()
	l.keeper.close()
	if l.logs != nil {
		_ = l.logs.Close()
	}
	if l.door != nil {
		l.door.close()
	}
	if l.own != nil {
		l.own.Close()
	}
	var err error
	for _, c := range l.cables {
		err = errors.Join(err, c.remove())
	}
	return errors.Join(err, os.RemoveAll(l.dir))
}
