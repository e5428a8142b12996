package real

import (
	"net"
	"os"
	"strings"
	"sync"
	"testing"
)

// A journal keeps the datagrams that a log socket received.
type journal struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

// syslogSocket listens on a unix datagram socket, as journald does on /dev/log.
func syslogSocket(t *testing.T, path string) *journal {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(path) })
	// Who logs there is not root.
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	return keep(t, conn)
}

// syslogUDP listens for syslog over UDP and returns its address.
func syslogUDP(t *testing.T) (*journal, string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", address()+":514")
	if err != nil {
		t.Fatal(err)
	}
	return keep(t, conn), conn.LocalAddr().String()
}

func keep(t *testing.T, conn net.PacketConn) *journal {
	j := &journal{}
	ended := make(chan struct{})
	go func() { // ends when the socket is closed, below
		defer close(ended)
		buffer := make([]byte, 64<<10)
		for {
			n, _, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			j.mu.Lock()
			j.lines = append(j.lines, string(buffer[:n]))
			j.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	return j
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.lines...)
}

// line waits for a line that contains the text.
func (j *journal) line(t *testing.T, text string) string {
	t.Helper()
	found := ""
	await(t, "a log line with "+text, func() bool {
		for _, line := range j.all() {
			if strings.Contains(line, text) {
				found = line
				return true
			}
		}
		return false
	})
	return found
}
