package plane

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A peer is one end of a connection, on either side of the proxy, and notes
// what it read. The end of a connection where a script expects more ends the
// script by a panic, which is also noted.
type peer struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	srv  bool          // a server's end: how its connection ends is nobody's matter
	gone chan struct{} // of a server: closed once the proxy has ended
	mu   sync.Mutex
	said []string // guarded by mu
}

type ended struct{}

func newPeer(t *testing.T, conn net.Conn) *peer {
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &peer{t: t, conn: conn, r: bufio.NewReaderSize(conn, 1<<20)}
}

func (p *peer) note(s string) {
	p.mu.Lock()
	p.said = append(p.said, s)
	p.mu.Unlock()
}

func (p *peer) noted() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.said)
}

// hold does nothing until the proxy has ended.
func (p *peer) hold() { <-p.gone }

// later lets so many milliseconds pass, as a peer does that is slow.
func (p *peer) later(ms int) {
	select {
	case <-p.gone:
	case <-time.After(time.Duration(ms) * time.Millisecond):
	}
}

// over notes how reading ended, and ends the script.
func (p *peer) over(err error) {
	switch {
	case p.srv:
	case errors.Is(err, syscall.ECONNRESET):
		p.note("RST")
	case errors.Is(err, io.EOF):
		p.note("EOF")
	case errors.Is(err, net.ErrClosed):
	default:
		p.note(err.Error())
	}
	panic(ended{})
}

func (p *peer) send(s string) {
	if _, err := io.WriteString(p.conn, s); err != nil {
		panic(ended{})
	}
}

// head reads a head; names in small letters, fields sorted, so that two
// proxies that write them in another order agree.
func (p *peer) head() string {
	var lines []string
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			if all := strings.Join(append(lines, line), ""); all != "" {
				p.note("partial " + all)
			}
			p.over(err)
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" && len(lines) > 0 {
			break
		}
		if len(lines) > 0 {
			name, value, _ := strings.Cut(line, ":")
			line = strings.ToLower(name) + ":" + value
		}
		lines = append(lines, line)
	}
	slices.Sort(lines[1:])
	h := strings.Join(lines, "\n")
	p.note(h)
	return h
}

// value is the value of a field of a head.
func value(head, name string) (string, bool) {
	for _, line := range strings.Split(head, "\n") {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

// body reads the body that belongs to a head; none of a reply means all until the end.
func (p *peer) body(head string) {
	if _, ok := value(head, "transfer-encoding"); ok {
		p.chunks()
		return
	}
	if v, ok := value(head, "content-length"); ok {
		n, _ := strconv.Atoi(v)
		p.exactly(n)
	}
}

// chunks reads a chunked body; how it is cut is no difference.
func (p *peer) chunks() {
	var b strings.Builder
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			p.note(fmt.Sprintf("cut chunks %q", b.String()))
			p.over(err)
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseInt(size, 16, 32)
		if err != nil {
			p.note(fmt.Sprintf("chunks %q, then %q", b.String(), line))
			panic(ended{})
		}
		if n == 0 {
			break
		}
		if _, err := io.CopyN(&b, p.r, n); err != nil {
			p.note(fmt.Sprintf("cut chunks %q", b.String()))
			p.over(err)
		}
		_, _ = p.r.Discard(2)
	}
	trailers := ""
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			p.note(fmt.Sprintf("chunks without end %q", b.String()))
			p.over(err)
		}
		if line == "\r\n" {
			break
		}
		trailers += strings.ToLower(line)
	}
	p.note(fmt.Sprintf("chunks %q trailers %q", b.String(), trailers))
}

func (p *peer) exactly(n int) {
	b := make([]byte, n)
	k, err := io.ReadFull(p.r, b)
	if err != nil {
		p.note(fmt.Sprintf("cut body %q", b[:k]))
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		p.over(err)
	}
	p.note(fmt.Sprintf("body %q", b))
}

// reply reads a whole reply: interim ones, the final one and its body.
func (p *peer) reply(method string) string {
	for {
		h := p.head()
		status := strings.Fields(h)[1]
		if status[0] == '1' && status != "101" {
			continue
		}
		if method != "HEAD" && status != "204" && status != "304" && status != "101" {
			_, length := value(h, "content-length")
			_, coded := value(h, "transfer-encoding")
			if !length && !coded {
				p.rest()
			}
			p.body(h)
		}
		return h
	}
}

// request reads a whole request.
func (p *peer) request() string {
	h := p.head()
	p.body(h)
	return h
}

// rest reads to the end of the connection, and ends the script.
func (p *peer) rest() {
	b, err := io.ReadAll(p.r)
	if len(b) > 0 {
		p.note(fmt.Sprintf("rest %q", b))
	}
	if err == nil {
		err = io.EOF
	}
	p.over(err)
}

func (p *peer) closeWrite() { _ = p.conn.(*net.TCPConn).CloseWrite() }

func (p *peer) reset() {
	_ = p.conn.(*net.TCPConn).SetLinger(0)
	p.conn.Close()
	panic(ended{})
}
