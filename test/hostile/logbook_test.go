package hostile

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// A logbook receives the log lines of one program and finds them by the ports of
// the connection: two lanes may have clients with the same port.
type logbook struct {
	addr  string
	mu    sync.Mutex
	lines map[string][]string // by the client's port and ours: "STATUS CODE"; guarded by mu
}

func openLogbook(t *testing.T) *logbook {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &logbook{addr: conn.LocalAddr().String(), lines: map[string][]string{}}
	t.Cleanup(func() { conn.Close() })
	go func() { // ends when conn is closed
		buf := make([]byte, 4096)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if words := strings.Fields(string(buf[:n])); len(words) >= 3 {
				words = words[len(words)-3:]
				b.mu.Lock()
				b.lines[words[0]] = append(b.lines[words[0]], words[1]+" "+words[2])
				b.mu.Unlock()
			}
		}
	}()
	return b
}

// open forgets what was logged of an earlier connection with the same ports.
func (b *logbook) open(c net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.lines, ports(c))
}

func ports(c net.Conn) string {
	return fmt.Sprintf("%d:%d", c.LocalAddr().(*net.TCPAddr).Port, c.RemoteAddr().(*net.TCPAddr).Port)
}

// of gives what was logged of a client's connection so far.
func (b *logbook) of(c net.Conn) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.lines[ports(c)], ", ")
}
