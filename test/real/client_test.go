package real

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A reply is what a client saw.
type reply struct {
	status int
	body   string
	header http.Header
}

// get makes a request on a connection of its own.
func get(url string, header ...string) (reply, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return reply{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, string(body), resp.Header}, err
}

// mustGet makes a request that is answered with the status.
func mustGet(t *testing.T, url string, status int, header ...string) reply {
	t.Helper()
	r, err := get(url, header...)
	if err != nil {
		t.Fatal(err)
	}
	if r.status != status {
		t.Fatalf("GET %s: status %d, want %d; body %q", url, r.status, status, r.body)
	}
	return r
}

// awaitGet waits until a URL is answered with the status.
func awaitGet(t *testing.T, url string, status int) {
	t.Helper()
	await(t, fmt.Sprintf("%s with %d", url, status), func() bool {
		r, err := get(url)
		return err == nil && r.status == status
	})
}

// ask sends a command to a runtime socket and returns the answer.
func ask(socket, command string) (string, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

func mustAsk(t *testing.T, socket, command string) string {
	t.Helper()
	answer, err := ask(socket, command)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return answer
}

// serving waits until a runtime socket answers.
func serving(t *testing.T, socket string) {
	t.Helper()
	await(t, "show info on "+socket, func() bool {
		answer, err := ask(socket, "show info")
		return err == nil && strings.Contains(answer, "\nPid: ")
	})
}

// infoField returns a line of `show info`.
func infoField(t *testing.T, socket, name string) string {
	t.Helper()
	for line := range strings.Lines(mustAsk(t, socket, "show info")) {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("show info has no %s", name)
	return ""
}

// A csvRow is one line of `show stat` by the names of its columns.
type csvRow map[string]string

// parseStat reads `show stat`: rows by "proxy/server".
func parseStat(t *testing.T, text string) map[string]csvRow {
	t.Helper()
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if !strings.HasPrefix(lines[0], "# ") {
		t.Fatalf("show stat begins with %q", lines[0])
	}
	columns := strings.Split(strings.TrimPrefix(lines[0], "# "), ",")
	rows := map[string]csvRow{}
	for _, line := range lines[1:] {
		values := strings.Split(line, ",")
		if len(values) != len(columns) {
			t.Fatalf("%d values for %d columns: %q", len(values), len(columns), line)
		}
		row := csvRow{}
		for i, name := range columns {
			row[name] = values[i]
		}
		rows[row["pxname"]+"/"+row["svname"]] = row
	}
	return rows
}

func stat(t *testing.T, socket string) map[string]csvRow {
	t.Helper()
	return parseStat(t, mustAsk(t, socket, "show stat"))
}

// names starts servers that say their name, and returns their addresses.
func names(t *testing.T, list ...string) []string {
	t.Helper()
	var addrs []string
	for _, name := range list {
		addrs = append(addrs, server(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })))
	}
	return addrs
}

// server serves until the test ends and returns its address.
func server(t *testing.T, handler http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", address()+":8080")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: patience}
	ended := make(chan struct{})
	go func() { // ends by Close, below
		defer close(ended)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-ended
	})
	return l.Addr().String()
}

// A persistent is a client's connection that stays open.
type persistent struct {
	conn net.Conn
	in   *bufio.Reader
}

// dial connects until the test ends.
func dial(t *testing.T, addr string) *persistent {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(2 * patience))
	return &persistent{conn, bufio.NewReader(conn)}
}

// get makes a request that is answered with 200, and returns the body.
func (c *persistent) get(t *testing.T, path string) string {
	t.Helper()
	body, err := c.tryGet(path)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return body
}

func (c *persistent) tryGet(path string) (string, error) {
	if _, err := fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path); err != nil {
		return "", err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", resp.StatusCode)
	}
	return string(body), err
}
