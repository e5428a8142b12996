// Package script runs bascule as a whole: each file of testdata is a session of
// somebody who starts, asks, reloads and stops it.
package script

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
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"bascule/internal/cli"
	"bascule/test/loopback"
)

// patience bounds every wait: nothing here takes more than a moment, and a
// busy machine shall not make a test fail.
const patience = time.Minute

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"bascule": func() { os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup:         setup,
		Condition:     condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ask": ask, "get": get, "signal": signal, "start": start, "ended": ended,
			"await": await, "hold": hold, "held": held, "listener": inherit, "pids": pids,
		},
	})
}

func condition(name string) (bool, error) {
	if name == "root" {
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// A world is what a script has running.
type world struct {
	procs map[string]*proc
	conns map[string]net.Conn
	files []*os.File
}

// A proc is a process that a script started.
type proc struct {
	cmd  *exec.Cmd
	out  string // file of its output
	done chan struct{}
}

type worldKey struct{}

// ports is how many ports of $IP a script has names for: $PORT1 and so on.
const ports = 4

// setup gives a script an address of its own with free ports, two servers that
// tell their name, and a short directory for sockets.
func setup(env *testscript.Env) error {
	w := &world{procs: map[string]*proc{}, conns: map[string]net.Conn{}}
	env.Values[worldKey{}] = w
	env.Setenv("IP", loopback.Address())
	for i := range ports {
		env.Setenv(fmt.Sprintf("PORT%d", i+1), strconv.Itoa(8001+i))
	}
	for _, name := range []string{"one", "two"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		env.Setenv("SERVER_"+name, "127.0.0.1:"+port(l))
		srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, name) }), ReadHeaderTimeout: patience}
		go srv.Serve(l) // until Close
		env.Defer(func() { srv.Close() })
	}
	// A socket's path has 108 bytes; a script's directory is longer.
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	env.Setenv("RUN", dir)
	env.Defer(func() { w.end(); os.RemoveAll(dir) })
	return nil
}

func port(l net.Listener) string { return strconv.Itoa(l.Addr().(*net.TCPAddr).Port) }

func (w *world) end() {
	for _, p := range w.procs {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // its group: a worker too
		<-p.done
	}
	for _, c := range w.conns {
		c.Close()
	}
	for _, f := range w.files {
		f.Close()
	}
}

// show logs what the processes said.
func (w *world) show(ts *testscript.TestScript) {
	for name, p := range w.procs {
		out, _ := os.ReadFile(p.out)
		ts.Logf("%s said:\n%s", name, out)
	}
}

func of(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// start NAME COMMAND… starts a process in the background; its output is in
// the file NAME.log.
func start(ts *testscript.TestScript, _ bool, args []string) {
	w := of(ts)
	p := &proc{out: ts.MkAbs(args[0] + ".log"), done: make(chan struct{})}
	f, err := os.Create(p.out)
	ts.Check(err)
	defer f.Close()
	path := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, args[1])); err == nil && path == "" {
			path = filepath.Join(dir, args[1])
		}
	}
	p.cmd = &exec.Cmd{
		Path: path, Args: args[1:], Dir: ts.MkAbs("."), Stdout: f, Stderr: f, ExtraFiles: w.files,
		Env: environment(ts), SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	ts.Check(p.cmd.Start())
	go func() { // ends with the process
		_ = p.cmd.Wait() // its state is what counts
		close(p.done)
	}()
	w.procs[args[0]] = p
	ts.Setenv("PID_"+args[0], strconv.Itoa(p.cmd.Process.Pid))
}

func environment(ts *testscript.TestScript) []string {
	env := os.Environ()
	for _, name := range []string{"IP", "PORT1", "PORT2", "PORT3", "PORT4", "SERVER_one", "SERVER_two", "RUN", "PATH", "NOTIFY_SOCKET", "fe1", "PORT_fe1", "PORT_fe2", "WORK"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// ended NAME CODE waits for the end of a process and compares how: an exit
// code, or 128 and the number of the signal.
func ended(ts *testscript.TestScript, _ bool, args []string) {
	p := of(ts).procs[args[0]]
	select {
	case <-p.done:
	case <-time.After(patience):
		ts.Fatalf("%s is still running", args[0])
	}
	code := p.cmd.ProcessState.ExitCode()
	if s := p.cmd.ProcessState.Sys().(syscall.WaitStatus); s.Signaled() {
		code = 128 + int(s.Signal())
	}
	if strconv.Itoa(code) != args[1] {
		out, _ := os.ReadFile(p.out)
		ts.Fatalf("%s ended with %d, want %s\n%s", args[0], code, args[1], out)
	}
}

// signal SIG PID sends a signal.
func signal(ts *testscript.TestScript, _ bool, args []string) {
	names := map[string]syscall.Signal{
		"USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT,
		"HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL, "TTOU": syscall.SIGTTOU, "TTIN": syscall.SIGTTIN,
	}
	word := strings.TrimSpace(args[1])
	if data, err := os.ReadFile(ts.MkAbs(word)); err == nil {
		word = strings.TrimSpace(string(data))
	}
	pid, err := strconv.Atoi(word)
	ts.Check(err)
	ts.Check(syscall.Kill(pid, names[args[0]]))
}

// ask SOCKET COMMAND… runs a command on a runtime socket; the answer is
// standard output.
func ask(ts *testscript.TestScript, neg bool, args []string) {
	answer, err := runtime(ts.MkAbs(args[0]), strings.Join(args[1:], " "))
	if neg != (err != nil) {
		ts.Fatalf("ask: %v", err)
	}
	fmt.Fprint(ts.Stdout(), answer)
}

func runtime(socket, command string) (string, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, strings.ReplaceAll(command, `\n`, "\n")+"\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// get URL: status and body are standard output. A new connection each time.
func get(ts *testscript.TestScript, neg bool, args []string) {
	text, err := fetch(args[0])
	if neg != (err != nil) {
		ts.Fatalf("get %s: %v", args[0], err)
	}
	fmt.Fprint(ts.Stdout(), text)
}

func fetch(url string) (string, error) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return fmt.Sprintf("%d %s", resp.StatusCode, body), err
}

// await WHAT ARG… PATTERN polls until an answer contains the pattern: WHAT is
// get, ask, file or gone (a URL that nobody answers).
func await(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	last := ""
	for {
		ok, text := look(ts, args)
		if ok {
			fmt.Fprint(ts.Stdout(), text)
			return
		}
		last = text
		select {
		case <-ctx.Done():
			of(ts).show(ts)
			ts.Fatalf("await %s: still %q", strings.Join(args, " "), last)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func look(ts *testscript.TestScript, args []string) (bool, string) {
	pattern := args[len(args)-1]
	var text string
	var err error
	switch args[0] {
	case "get":
		text, err = fetch(args[1])
	case "gone":
		text, err = fetch(args[1])
		return err != nil, text
	case "ask":
		text, err = runtime(ts.MkAbs(args[1]), strings.Join(args[2:len(args)-1], " "))
	case "file":
		var data []byte
		data, err = os.ReadFile(ts.MkAbs(args[1]))
		text = string(data)
	default:
		ts.Fatalf("await: unknown %q", args[0])
	}
	if err != nil {
		return false, err.Error()
	}
	return strings.Contains(text, pattern), text
}

// hold NAME ADDRESS opens a connection and makes one request on it; held NAME
// makes another on the same, or with ! finds it closed.
func hold(ts *testscript.TestScript, _ bool, args []string) {
	conn, err := net.Dial("tcp", args[1])
	ts.Check(err)
	of(ts).conns[args[0]] = conn
	ts.Check(request(conn))
}

func held(ts *testscript.TestScript, neg bool, args []string) {
	err := request(of(ts).conns[args[0]])
	if neg != (err != nil) {
		ts.Fatalf("held %s: %v", args[0], err)
	}
}

// request makes a request and reads a reply that its server sends in one piece.
func request(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return err
	}
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	if err == nil && !strings.HasPrefix(string(b[:n]), "HTTP/1.1 200") {
		err = errors.New(string(b[:n]))
	}
	return err
}

// listener NAME opens a socket that later processes inherit, with its number
// in the variable NAME and its port in PORT_NAME.
func inherit(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	ts.Check(err)
	w := of(ts)
	w.files = append(w.files, f)
	ts.Setenv(args[0], strconv.Itoa(2+len(w.files)))
	ts.Setenv("PORT_"+args[0], port(l))
}

// pids SOCKET VARIABLE asks a runtime socket for its process.
func pids(ts *testscript.TestScript, _ bool, args []string) {
	answer, err := runtime(ts.MkAbs(args[0]), "show info")
	ts.Check(err)
	_, rest, _ := strings.Cut(answer, "\nPid: ")
	pid, _, _ := strings.Cut(rest, "\n")
	ts.Setenv(args[1], pid)
}
