package drill

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
)

// logTally counts the lines of option httplog by status and termination code.
type logTally struct {
	conn *net.UDPConn
	done chan struct{}
	mu   sync.Mutex // guards the field below
	seen map[string]int
}

func newLogTally() (*logTally, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(8 << 20) // as much of it as the system allows
	t := &logTally{conn: conn, done: make(chan struct{}), seen: map[string]int{}}
	// Ends by close.
	go t.read()
	return t, nil
}

func (t *logTally) addr() string { return t.conn.LocalAddr().String() }

func (t *logTally) close() {
	_ = t.conn.Close()
	<-t.done
}

func (t *logTally) read() {
	defer close(t.done)
	buffer := make([]byte, 64<<10)
	for {
		n, err := t.conn.Read(buffer)
		if err != nil {
			return
		}
		if code, ok := codeOf(string(buffer[:n])); ok {
			t.mu.Lock()
			t.seen[code]++
			t.mu.Unlock()
		}
	}
}

// codeOf returns "STATUS TERM" of a line in the format of option httplog, such as
// "408 cR--", and false for other lines.
func codeOf(line string) (string, bool) {
	// ... [date] frontend backend/server Tq/Tw/Tc/Tr/Ta status bytes - - TERM conns queues "request"
	_, rest, ok := strings.Cut(line, "] ")
	if !ok {
		return "", false
	}
	f := strings.Fields(rest)
	if len(f) < 8 || strings.Count(f[2], "/") != 4 || len(f[7]) != 4 {
		return "", false
	}
	return f[3] + " " + f[7], true
}

// counts is a copy of what has been seen so far.
func (t *logTally) counts() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := make(map[string]int, len(t.seen))
	for code, n := range t.seen {
		now[code] = n
	}
	return now
}

// since says by how much each code has grown.
func (t *logTally) since(before map[string]int) codes {
	grown := codes{}
	for code, n := range t.counts() {
		if n > before[code] {
			grown[code] = n - before[code]
		}
	}
	return grown
}

// codes counts lines by "STATUS TERM".
type codes map[string]int

// with counts the lines of a status, "" for any, whose first two termination
// characters are term.
func (c codes) with(status, term string) (n int) {
	for code, k := range c {
		s, t, _ := strings.Cut(code, " ")
		if (status == "" || s == status) && strings.HasPrefix(t, term) {
			n += k
		}
	}
	return n
}

// String lists the codes, the most frequent first.
func (c codes) String() string {
	var list []string
	for code := range c {
		list = append(list, code)
	}
	slices.SortFunc(list, func(a, b string) int {
		if d := c[b] - c[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for i, code := range list {
		list[i] = fmt.Sprintf("%d × %s", c[code], code)
	}
	return strings.Join(list, ", ")
}
