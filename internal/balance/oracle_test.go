package balance

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// oracleServers is the number of origins behind the oracle; sections use the
// first few of them.
const oracleServers = 5

// oracleBatch is how many requests are on the wire before their answers are
// read: enough to keep haproxy busy, few enough to fit its buffers and ours.
const oracleBatch = 64

// An oracle is a running haproxy with one section per question, every one with
// its own unix socket, and origins that answer with their own number.
type oracle struct {
	t   *testing.T
	dir string
	cfg strings.Builder
	n   int
}

func newOracle(t *testing.T) *oracle {
	t.Helper()
	dir, err := os.MkdirTemp("", "oracle") // short: a socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	o := &oracle{t: t, dir: dir}
	fmt.Fprintf(&o.cfg, `global
	nbthread 1
	stats socket %s/admin.sock level admin
defaults
	mode http
	http-reuse always
	timeout connect 5s
	timeout client 30s
	timeout server 30s
`, dir)
	for i := range oracleServers {
		serveNumber(t, o.socket(fmt.Sprintf("origin%d", i)), i)
	}
	return o
}

func (o *oracle) socket(name string) string { return filepath.Join(o.dir, name+".sock") }

// section adds a listen section with these lines and one server line per element
// of servers, which is what follows its address. The result is its name.
func (o *oracle) section(bind string, lines []string, servers []string) string {
	o.n++
	name := fmt.Sprintf("q%d", o.n)
	fmt.Fprintf(&o.cfg, "listen %s\n\tbind unix@%s %s\n", name, o.socket(name), bind)
	for _, line := range lines {
		fmt.Fprintf(&o.cfg, "\t%s\n", line)
	}
	for i, words := range servers {
		fmt.Fprintf(&o.cfg, "\tserver s%d unix@%s %s\n", i, o.socket(fmt.Sprintf("origin%d", i)), words)
	}
	return name
}

// start runs haproxy until the test ends.
func (o *oracle) start() {
	o.t.Helper()
	file := filepath.Join(o.dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(o.cfg.String()), 0o600); err != nil {
		o.t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command("haproxy", "-db", "-f", file)
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		o.t.Fatalf("the oracle of this test is Debian's haproxy (apt-get install haproxy): %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the process, which Cleanup kills
	o.t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	deadline := time.Now().Add(time.Minute)
	for {
		conn, err := net.Dial("unix", o.socket("admin"))
		if err == nil { // an answer: this socket is there before those of the frontends
			_ = conn.SetDeadline(deadline)
			if _, err = conn.Write([]byte("show info\n")); err == nil {
				_, err = conn.Read(make([]byte, 1))
			}
			conn.Close()
		}
		if err == nil {
			return
		}
		select {
		case err := <-ended:
			ended <- err
			o.t.Fatalf("haproxy ended: %v\n%s", err, stderr.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("haproxy does not listen: %v\n%s", err, stderr.String())
		}
	}
}

// command gives haproxy a runtime command and returns its answer.
func (o *oracle) command(line string) string {
	o.t.Helper()
	conn := o.dial("admin")
	defer conn.Close()
	fmt.Fprintf(conn, "%s\n", line)
	answer, err := io.ReadAll(conn)
	if err != nil {
		o.t.Fatalf("%s: %v", line, err)
	}
	return strings.TrimSpace(string(answer))
}

func (o *oracle) dial(section string) net.Conn {
	o.t.Helper()
	conn, err := net.DialTimeout("unix", o.socket(section), 5*time.Second)
	if err != nil {
		o.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(2 * time.Minute))
	return conn
}

// ask sends one request per target over one connection, in order, and returns
// the numbers of the servers that answered.
func (o *oracle) ask(section string, targets []string) []int {
	o.t.Helper()
	conn := o.dial(section)
	defer conn.Close()
	got, err := exchange(conn, targets)
	if err != nil {
		o.t.Fatalf("%s: %v", section, err)
	}
	return got
}

// exchange sends targets in batches; a target in absolute form names its host.
func exchange(conn net.Conn, targets []string) ([]int, error) {
	var out bytes.Buffer
	in := bufio.NewReader(conn)
	var got []int
	for len(got) < len(targets) {
		batch := targets[len(got):min(len(got)+oracleBatch, len(targets))]
		out.Reset()
		for _, target := range batch {
			host := "oracle.test"
			if _, rest, ok := strings.Cut(target, "://"); ok && target[0] != '/' {
				host, _, _ = strings.Cut(rest, "/")
				host, _, _ = strings.Cut(host, "?")
			}
			method := "GET"
			if target == "*" {
				method = "OPTIONS"
			}
			fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, target, host)
		}
		if _, err := conn.Write(out.Bytes()); err != nil {
			return nil, err
		}
		for _, target := range batch {
			n, err := readNumber(in)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", target, err)
			}
			got = append(got, n)
		}
	}
	return got, nil
}

// readNumber reads an answer of serveNumber.
func readNumber(in *bufio.Reader) (int, error) {
	status, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 200 ") {
		return 0, fmt.Errorf("status line %q", status)
	}
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) == 2 {
			break
		}
	}
	digit, err := in.ReadByte()
	return int(digit - '0'), err
}

// serveNumber answers every request on socket with the digit n until the test
// ends.
func serveNumber(t *testing.T, socket string, n int) {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", n)
	var wg sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		wg.Wait()
	})
	wg.Go(func() { // ends when the listener is closed
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { // ends when haproxy does
				defer conn.Close()
				in := bufio.NewReader(conn)
				for {
					line, err := in.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(line) > 2 {
						continue
					}
					if _, err := conn.Write(answer); err != nil {
						return
					}
				}
			})
		}
	})
}
