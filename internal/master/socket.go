package master

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/admin"
	"bascule/internal/engine"
	"bascule/internal/handover"
	"bascule/internal/listener"
)

// silence is how long a session of the master socket may say nothing: people
// keep it open beside their work, and there is no `stats timeout` for it.
const silence = 10 * time.Minute

// listen opens the master socket (-S).
func (m *Master) listen() error {
	s := m.opt.Socket
	if s == nil {
		return nil
	}
	bind := engine.SocketBind(s)
	l, err := listener.Open(bind, 1, m.opt.Offered.Take(bind))
	if err != nil {
		return fmt.Errorf("master socket: %w", err)
	}
	f := os.NewFile(uintptr(l.Files()[0]), "master socket")
	defer f.Close() // FileListener has its own copy
	socket, err := net.FileListener(f)
	if err != nil {
		return fmt.Errorf("master socket: %w", err)
	}
	m.admin = admin.NewServer(m.commands(), silence, m.log)
	m.admin.Route = m.route
	m.admin.PromptText = m.prompt
	go m.admin.Serve(socket, s.Addr.Text, admin.ParseLevel(s.Level)) // until admin is closed
	return nil
}

func (m *Master) commands() []admin.Command {
	return []admin.Command{
		{Words: "@!<pid>", Text: "send a command to the <pid> process", Run: func(*admin.Call) {}},
		{Words: "@<relative pid>", Text: "send a command to the <relative pid> process", Run: func(*admin.Call) {}},
		{Words: "@master", Text: "send a command to the master process", Run: func(*admin.Call) {}},
		{Words: "reload", Usage: admin.ReloadUsage, Text: "reload the configuration", Level: admin.Admin, Run: func(c *admin.Call) {
			if o, ok := admin.ParseReload(c); ok {
				ok, log := false, ""
				c.Apart(func() { ok, log = m.Reload(o) })
				admin.WriteReload(c, ok, log)
			}
		}},
		{Words: "show cli level", Text: "display the level of the current CLI session", Run: func(c *admin.Call) { fmt.Fprintln(c.Out(), c.CallLevel()) }},
		{Words: "show proc", Text: "show processes status", Run: m.showProc},
		{Words: "show startup-logs", Text: "report what the last start or reload said", Run: m.showLogs},
		{Words: "show version", Text: "show version of the current process", Run: func(c *admin.Call) { c.Say("%s", m.opt.Version) }},
	}
}

func (m *Master) showLogs(c *admin.Call) {
	m.mu.Lock()
	log := m.lastLog
	m.mu.Unlock()
	c.Out().WriteString(log)
}

// showProc lists the master and its worker, in HAProxy's columns.
func (m *Master) showProc(c *admin.Call) {
	crashes := m.crashes()
	m.mu.Lock()
	defer m.mu.Unlock()
	w := c.Out()
	fmt.Fprintf(w, "%-15s %-15s %-15s %-15s %-15s\n", "#<PID>", "<type>", "<reloads>", "<uptime>", "<version>")
	fmt.Fprintf(w, "%-15d %-15s %-15s %-15s %-15s\n", os.Getpid(), "master",
		fmt.Sprintf("%d [failed: %d]", m.done, m.failed), uptime(time.Since(m.began)), m.opt.Version)
	fmt.Fprintln(w, "# workers")
	if m.worker != nil && !m.worker.ended() {
		fmt.Fprintf(w, "%-15d %-15s %-15d %-15s %-15s\n", m.worker.pid, "worker", 0, uptime(time.Since(m.worker.began)), m.opt.Version)
	}
	if m.crashed > 0 {
		fmt.Fprintln(w, "# "+crashes)
	}
	fmt.Fprintln(w, "# programs")
}

func uptime(d time.Duration) string {
	s := int64(d / time.Second)
	return fmt.Sprintf("%dd%02dh%02dm%02ds", s/86400, s/3600%24, s/60%60, s%60)
}

func (m *Master) prompt(route string) string {
	if route != "" {
		return route + "> "
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bad {
		return "master[ReloadFailed]> "
	}
	return "master> "
}

// route sends commands that are meant for the worker there: "@1 CMD",
// "@!PID CMD", and all after "@1" alone.
func (m *Master) route(c *admin.Call, command string) bool {
	to := c.Arg(0)
	if !strings.HasPrefix(to, "@") {
		if c.Route() == "" || to == "quit" || to == "prompt" {
			return false
		}
		m.forward(c, command)
		return true
	}
	rest := strings.TrimSpace(strings.TrimPrefix(command, to))
	if to == "@master" || to == "@0" {
		if rest == "" {
			c.SetRoute("")
			return true
		}
		c.Args = c.Args[1:]
		return false
	}
	pid, ok := m.pid(to)
	switch {
	case !ok:
		fmt.Fprintf(c.Out(), "Can't find the target PID matching the prefix '%s'\n", to)
	case rest == "":
		c.SetRoute(strconv.Itoa(pid))
	default:
		m.forward(c, rest)
	}
	return true
}

// pid is the worker's, if the prefix names it.
func (m *Master) pid(prefix string) (int, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.worker == nil || m.worker.ended() {
		return 0, false
	}
	pid := m.worker.pid
	return pid, prefix == "@1" || prefix == fmt.Sprintf("@!%d", pid)
}

// A sessionArgs goes with opSession.
type sessionArgs struct {
	Level    admin.Level
	Severity string
}

// forward runs a command in the worker and passes its answer on.
func (m *Master) forward(c *admin.Call, command string) {
	if err := m.session(c, command); err != nil {
		c.Fail("Can't connect to the worker: %s", err)
	}
}

// session opens a session of the worker's runtime socket for one command.
func (m *Master) session(c *admin.Call, command string) error {
	m.mu.Lock()
	w := m.worker
	m.mu.Unlock()
	if w == nil || w.ended() {
		return errEnded
	}
	ours, theirs, err := streamPair()
	if err != nil {
		return err
	}
	defer func() { _ = ours.Close() }()
	args, err := json.Marshal(sessionArgs{c.CallLevel(), c.Severity()})
	if err == nil {
		err = w.channel.Send(handover.Message{Op: opSession, Args: args, Files: []int{theirs}})
	}
	unix.Close(theirs)
	if err != nil {
		return err
	}
	if c.Payload != "" {
		command += " <<\n" + c.Payload
	}
	if _, err := io.WriteString(ours, command+"\n"); err != nil {
		return err
	}
	_, err = io.Copy(c.Out(), ours)
	return err
}

func streamPair() (ours *net.UnixConn, theirs int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, err
	}
	f := os.NewFile(uintptr(fds[0]), "session")
	defer f.Close() // FileConn has its own copy
	conn, err := net.FileConn(f)
	if err != nil {
		unix.Close(fds[1])
		return nil, -1, err
	}
	return conn.(*net.UnixConn), fds[1], nil
}
