package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"bascule/test/loopback"
)

//go:embed proxy.cfg
var proxyConfig string

const (
	// startLimit is how long a proxy may take until it accepts.
	startLimit = 60 * time.Second
	// readLimit bounds the wait for a reply; the proxies' own timeouts are shorter.
	readLimit = 60 * time.Second
	// logLimit bounds the wait for log lines.
	logLimit = 60 * time.Second
	// look is the pause between two looks.
	look = time.Millisecond
)

// A side is one of the two proxies with its servers and its log.
type side struct {
	name    string
	addr    string
	servers recorder
	log     net.PacketConn
	cmd     *exec.Cmd
	dir     string
	out     string // file of its output
	ended   chan struct{}

	mu    sync.Mutex
	lines []string // guarded by mu
}

// start runs program in front of servers of its own, with clients late after so long.
func start(name, program string, late time.Duration) (*side, error) {
	s := &side{name: name, ended: make(chan struct{})}
	err := s.furnish(late)
	if err == nil {
		err = s.launch(program)
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func (s *side) furnish(late time.Duration) (err error) {
	if s.dir, err = os.MkdirTemp("", "differential"); err != nil {
		return err
	}
	if s.log, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		return err
	}
	go s.readLog() // ends when the socket is closed by stop
	s1, err := s.servers.serve("s1")
	if err != nil {
		return err
	}
	s2, err := s.servers.serve("s2")
	if err != nil {
		return err
	}
	s.addr = loopback.Address() + ":8000"
	refusing := loopback.Address() + ":8000"
	cfg := strings.NewReplacer("{SITE}", s.addr, "{S1}", s1, "{S2}", s2, "{REFUSING}", refusing, "{LOG}", s.log.LocalAddr().String(), "{LATE}", fmt.Sprintf("%dms", late.Milliseconds())).Replace(proxyConfig)
	return os.WriteFile(filepath.Join(s.dir, "proxy.cfg"), []byte(cfg), 0o644)
}

func (s *side) launch(program string) error {
	s.out = filepath.Join(s.dir, "out")
	out, err := os.Create(s.out)
	if err != nil {
		return err
	}
	defer out.Close()
	s.cmd = exec.Command(program, "-db", "-f", filepath.Join(s.dir, "proxy.cfg"))
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return err
	}
	go func() { // ends with the process
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	for end := time.Now().Add(startLimit); time.Now().Before(end); time.Sleep(look) {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-s.ended:
			return fmt.Errorf("it ended: %s", s.said())
		default:
		}
	}
	return fmt.Errorf("it does not accept: %s", s.said())
}

func (s *side) said() string {
	p, err := os.ReadFile(s.out)
	if err != nil {
		return err.Error()
	}
	return string(p)
}

func (s *side) stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	s.servers.close()
	if s.log != nil {
		_ = s.log.Close()
	}
	_ = os.RemoveAll(s.dir)
}

func (s *side) readLog() {
	p := make([]byte, 64<<10)
	for {
		n, _, err := s.log.ReadFrom(p)
		if err != nil {
			return
		}
		_, line, _ := strings.Cut(string(p[:n]), "]: ")
		s.mu.Lock()
		s.lines = append(s.lines, strings.TrimRight(line, "\n"))
		s.mu.Unlock()
	}
}

// taken waits for n log lines and returns all that there are.
func (s *side) taken(n int) []string {
	for end := time.Now().Add(logLimit); ; time.Sleep(look) {
		s.mu.Lock()
		if len(s.lines) >= n || time.Now().After(end) {
			l := s.lines
			s.lines = nil
			s.mu.Unlock()
			return l
		}
		s.mu.Unlock()
	}
}

// A seen is what one exchange came to on one side.
type seen struct {
	replies []string
	servers []string
	log     []string
}

// play sends an exchange and gathers what came of it. Every request is played
// to its end: where one proxy closes a connection that the other keeps, the
// rest goes over a new one, so that both have done the same afterwards.
func (s *side) play(e exchange) (seen, error) {
	var got seen
	for rest := e.requests; len(rest) > 0; {
		n, err := s.connection(rest, e.pipeline && len(rest) == len(e.requests), &got)
		if err != nil {
			return got, err
		}
		rest = rest[n:]
	}
	logged := 0
	for _, r := range got.replies {
		if r != theEnd { // haproxy says nothing of those
			logged++
		}
	}
	got.log = s.taken(logged)
	got.servers = s.servers.take()
	return got, nil
}

// connection plays requests over one connection until it closes, and says how
// many were answered.
func (s *side) connection(requests []request, pipeline bool, got *seen) (n int, err error) {
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()                              // what is left unread is not wanted
	_ = c.SetDeadline(time.Now().Add(readLimit)) // fails only on a closed connection
	in := bufio.NewReader(c)
	if pipeline {
		var all strings.Builder
		for _, r := range requests {
			all.WriteString(r.head + r.body)
		}
		go func() { _, _ = io.WriteString(c, all.String()) }() // ends with the connection
	}
	for _, r := range requests {
		if !pipeline {
			go r.send(c) // ends with the connection
		}
		said, last, _ := readReply(in, r, c) // what went wrong is said
		got.replies = append(got.replies, said)
		if n++; last {
			break
		}
	}
	return n, nil
}

// send writes a request, but for a body that waits for 100.
func (r request) send(c net.Conn) {
	text := r.head
	if !r.expect {
		text += r.body
	}
	_, _ = io.WriteString(c, text) // a refused request is not taken whole
}
