package drill

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"

	activeactive "bascule/examples/active-active"
)

func (l *Lab) start(ctx context.Context, opt LabOptions) error {
	if err := l.prepare(opt); err != nil {
		return err
	}
	for _, srv := range l.servers {
		if err := l.StartServer(ctx, srv.Name); err != nil {
			return err
		}
	}
	return l.startBalancer(ctx)
}

// prepare chooses the executables and addresses, writes the files and starts Redis.
func (l *Lab) prepare(opt LabOptions) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	l.self, l.Balancer, l.redis, l.master = opt.Self, opt.Balancer, opt.Redis, opt.Master
	if l.self == "" {
		l.self = self
	}
	if l.Balancer == "" {
		l.Balancer = l.self
	}
	if l.redis == "" {
		if l.own, err = miniredis.Run(); err != nil {
			return fmt.Errorf("embedded Redis: %w", err)
		}
		l.redis = l.own.Addr()
	}
	addrs, err := freePorts(7)
	if err != nil {
		return err
	}
	for i, want := range []string{opt.HTTP, opt.Stats, opt.HTTPS} {
		if want != "" && isFree(want) {
			addrs[4+i] = want
		}
	}
	l.servers = []*LabServer{
		{Name: "backend-api-1", Backend: APIPool, Addr: addrs[0]},
		{Name: "backend-api-2", Backend: APIPool, Addr: addrs[1]},
		{Name: "stream-server-1", Backend: StreamPool, Addr: addrs[2]},
		{Name: "stream-server-2", Backend: StreamPool, Addr: addrs[3]},
	}
	if opt.Faults {
		if err := l.layCables(); err != nil {
			return err
		}
	}
	l.Site, l.Stats = Site{URL: "http://" + addrs[4]}, "http://"+addrs[5]+"/stats"
	crt := filepath.Join(l.dir, "site.pem")
	l.CA, l.Secure.URL = filepath.Join(l.dir, "ca.pem"), "https://"+addrs[6]
	if l.Secure.TLS, err = certify(crt, l.CA); err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	if opt.TLS {
		l.Site = l.Secure
	}
	l.Runtime = Runtime(filepath.Join(l.dir, "admin.sock"))
	l.Config = filepath.Join(l.dir, "haproxy.cfg")
	l.env = []string{
		"BASCULE_API_1=" + l.servers[0].Addr, "BASCULE_API_2=" + l.servers[1].Addr,
		"BASCULE_STREAM_1=" + addrs[2], "BASCULE_STREAM_2=" + addrs[3],
		"BASCULE_HTTP=" + addrs[4], "BASCULE_STATS=" + addrs[5],
		"BASCULE_HTTPS=" + addrs[6], "BASCULE_CRT=" + crt,
		"BASCULE_SOCKET=" + string(l.Runtime),
		"BASCULE_503=" + filepath.Join(l.dir, "503.http"),
		"BASCULE_LOG=" + filepath.Join(l.dir, "log.sock"),
	}
	if opt.Inter > 0 {
		l.env = append(l.env, fmt.Sprintf("BASCULE_INTER=%dms", opt.Inter.Milliseconds()))
	}
	if opt.Slowstart > 0 {
		l.env = append(l.env, fmt.Sprintf("BASCULE_SLOWSTART=%dms", opt.Slowstart.Milliseconds()))
	}
	return l.write(opt)
}

// cablePort is where a server listens in a network of its own.
const cablePort = "8080"

// layCables gives each API server a network of its own, and a way to Redis that is in
// none. Where that is not possible, the servers stay where they are.
func (l *Lab) layCables() error {
	if l.uncut = cablesPossible(); l.uncut != nil {
		return nil
	}
	for _, srv := range l.servers {
		if srv.Backend != APIPool {
			continue
		}
		c, err := layCable()
		if err != nil {
			l.uncut = err // a kernel or a container without
			continue
		}
		l.cables = append(l.cables, c)
		srv.cable, srv.Addr = c, net.JoinHostPort(c.there, cablePort)
	}
	if len(l.cables) == 0 {
		return nil
	}
	path := filepath.Join(l.dir, "redis.sock")
	door, err := openRedisDoor(path, l.redis)
	if err != nil {
		return err
	}
	l.door, l.redis = door, path
	return nil
}

// write puts the balancer's files in place and listens for its log.
func (l *Lab) write(opt LabOptions) error {
	config, err := configure(activeactive.Config, opt)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"haproxy.cfg": config, "503.http": activeactive.Error503} {
		if err := os.WriteFile(filepath.Join(l.dir, name), data, 0o600); err != nil {
			return err
		}
	}
	addr := &net.UnixAddr{Name: filepath.Join(l.dir, "log.sock"), Net: "unixgram"}
	conn, err := net.ListenUnixgram("unixgram", addr)
	if err != nil {
		return fmt.Errorf("socket for the log: %w", err)
	}
	l.logs = conn
	// Ends when Close closes the socket.
	go l.readLog()
	return nil
}

// local1 is the facility to which the example sends notices and nothing else.
const local1 = 17

// readLog passes the balancer's notices on and drops its traffic log.
func (l *Lab) readLog() {
	defer close(l.notices)
	buffer := make([]byte, 64<<10)
	for {
		n, err := l.logs.Read(buffer)
		if err != nil {
			return
		}
		if text, ok := notice(string(buffer[:n])); ok {
			select {
			case l.notices <- text:
			default: // nobody reads
			}
		}
	}
}

// notice returns the text of a syslog line of the facility local1:
// "<PRI>time program[pid]: text".
func notice(line string) (string, bool) {
	var priority int
	if _, err := fmt.Sscanf(line, "<%d>", &priority); err != nil || priority>>3 != local1 {
		return "", false
	}
	_, text, ok := strings.Cut(line, "]: ")
	return strings.TrimSpace(text), ok
}

// Notices are what the balancer logs about its servers; closed with the lab.
func (l *Lab) Notices() <-chan string { return l.notices }

func (l *Lab) startBalancer(ctx context.Context) error {
	args := []string{"-f", l.Config}
	master := Runtime("")
	if l.master || !l.Own() {
		// A HAProxy needs a master to be reloaded by USR2; bascule does it in its one
		// process. USR2 would end a master that is not ready, hence its socket.
		master = Runtime(filepath.Join(l.dir, "master.sock"))
		args = append(args, "-W", "-S", string(master))
	}
	p, err := l.keeper.start(filepath.Join(l.dir, "balancer.log"), l.Balancer, args, l.env)
	if err != nil {
		return fmt.Errorf("balancer: %w", err)
	}
	l.mu.Lock()
	l.balancer = p
	l.mu.Unlock()
	return await(ctx, "the balancer", p, func() bool {
		_, err := l.Runtime.Do(ctx, "show info")
		if err == nil && master != "" {
			_, err = master.Do(ctx, "show proc")
		}
		return err == nil && accepts(l.Site.Addr())
	})
}

// await polls until a started process is ready, it has ended, or startWait is over.
func await(ctx context.Context, name string, p *process, ready func() bool) error {
	limit := time.NewTimer(startWait)
	defer limit.Stop()
	poll := time.NewTicker(startPoll)
	defer poll.Stop()
	for !ready() {
		select {
		case <-poll.C:
		case <-p.exited:
			return p.failed(name)
		case <-ctx.Done():
			return ctx.Err()
		case <-limit.C:
			return fmt.Errorf("%s does not answer after %v", name, startWait)
		}
	}
	return nil
}

func accepts(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
