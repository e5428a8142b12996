package hostile

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait: a busy machine shall not make a test fail.
const patience = time.Minute

// A recorder is a server that writes down every request, in whatever shape it
// comes. It is lenient, so that a request that was smuggled to it is seen.
type recorder struct {
	addr   string
	mu     sync.Mutex
	seen   []string // guarded by mu, as is the next
	answer string   // to the first request of a row; "": an ordinary one
	shut   bool     // the connection ends after the answer
	total  int      // requests ever
	judged int      // of them, those that were there when their row was judged
}

const ordinary = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func startRecorder(t *testing.T) *recorder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &recorder{addr: l.Addr().String()}
	go func() { // ends when the listener is closed
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(c) // ends with the connection
		}
	}()
	return r
}

// expect begins a row.
func (r *recorder) expect(answer string, shut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen, r.answer, r.shut = nil, answer, shut
}

// settle ends a row: what comes from now on has come after its client knew that
// nothing would.
func (r *recorder) settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.judged += len(r.seen)
	r.seen = nil
}

// late is how many requests came when no row was under way.
func (r *recorder) late() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total - r.judged
}

// requests are what came since the row began.
func (r *recorder) requests() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.seen, ", ")
}

func (r *recorder) note(request string) (answer string, shut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, request)
	r.total++
	answer, shut = r.answer, r.shut
	r.answer, r.shut = "", false
	if answer == "" {
		answer = ordinary
		if strings.HasPrefix(request, "HEAD ") {
			answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
		}
		if strings.HasPrefix(request, "CONNECT ") {
			answer = "HTTP/1.1 501 No Tunnels\r\nContent-Length: 0\r\n\r\n"
		}
	}
	return answer, shut
}

func (r *recorder) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		c.SetDeadline(time.Now().Add(patience))
		request, err := readRequest(in)
		if request == "" {
			return
		}
		if err != nil {
			return // it broke off: nobody would act on it
		}
		answer, shut := r.note(request)
		if _, err := io.WriteString(c, answer); err != nil || shut {
			return
		}
	}
}

// readRequest gives "METHOD target VERSION", then the size of a body and the
// fields that a row may be about, without a word of its own about what is right.
func readRequest(in *bufio.Reader) (string, error) {
	first, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	got := strings.TrimRight(first, "\r\n")
	fields, err := readFields(in)
	if err != nil {
		return got, err
	}
	var body []byte
	var trailers []string
	length, chunked := "", false
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "content-length":
			length = value
		case "transfer-encoding":
			chunked = strings.HasPrefix(strings.ToLower(value), "chunked")
		}
		if name = strings.ToLower(name); strings.HasPrefix(name, "x") {
			got += " {" + name + ": " + value + "}"
		}
	}
	switch {
	case chunked:
		if body, err = io.ReadAll(httputil.NewChunkedReader(in)); err != nil {
			return got, err
		}
		if trailers, err = readFields(in); err != nil {
			return got, err
		}
	case length != "":
		n, _ := strconv.ParseInt(length, 10, 64) // what is no number is 0 to this server
		if body, err = io.ReadAll(io.LimitReader(in, n)); err != nil || int64(len(body)) < n {
			return got, io.ErrUnexpectedEOF
		}
	}
	if len(body) > 0 {
		got += fmt.Sprintf(" [%s]", body)
	}
	for _, f := range trailers {
		got += " +{" + strings.ToLower(f) + "}"
	}
	return got, nil
}

// readFields reads lines up to the empty one.
func readFields(in *bufio.Reader) (fields []string, err error) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return fields, err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return fields, nil
		}
		fields = append(fields, line)
	}
}
