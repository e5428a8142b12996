package hostile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// next stands behind every request under test. A proxy that has refused what
// came before must not read it; a server that sees it together with a refusal
// has been sent a smuggled request.
const next = "GET /next HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"

// good is sent before the request in the mode "kept".
const good = "GET /good HTTP/1.1\r\nHost: a.example\r\n\r\n"

// A manner is how a request is sent.
type manner int

// Alone on a new connection, behind a good request that was answered, and in
// many small pieces.
const (
	alone manner = iota
	kept
	inPieces
)

// pieces is in how many a request is cut, at most.
const pieces = 64

// probe sends a row's bytes over a lane and says what became of them:
//
//	statuses of the replies | STATUS CODE of the log lines | requests the server saw
//
// It asks until it is as wanted: logs and servers are a little behind.
func (s *site) probe(t *testing.T, sent string, how manner, want string) string {
	t.Helper()
	l := <-s.lanes
	defer func() { s.lanes <- l }()
	l.server.expect("", false)
	return s.exchange(t, l, sent+next, how, want)
}

func (s *site) exchange(t *testing.T, l *lane, sent string, how manner, want string) string {
	t.Helper()
	c, err := net.Dial("tcp", l.front)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s.logs.open(c)
	c.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(c)
	if how == kept {
		if _, err := io.WriteString(c, good); err != nil {
			t.Fatal(err)
		}
		if got := reply(in, "GET"); got != "200" {
			t.Fatalf("a good request is answered with %q", got)
		}
		want = afterGood(want)
	}
	go func() { // ends when all is written or the connection is closed
		send(c, sent, how)
	}()
	replies := []string{}
	if how == kept {
		replies = append(replies, "200")
	}
	method, _, _ := strings.Cut(strings.TrimLeft(sent, "\r\n"), " ")
	for {
		got := reply(in, method)
		if got == "" {
			break
		}
		replies = append(replies, got)
		if !strings.HasPrefix(got, "1") {
			method = "GET"
		}
	}
	got := ""
	for end := time.Now().Add(patience / 3); ; {
		got = fmt.Sprintf("%s | %s | %s", strings.Join(replies, ", "), s.logs.of(c), l.server.requests())
		if slices.ContainsFunc(strings.Split(want, " or "), func(w string) bool { return got == w || strings.HasPrefix(got, w+" | ") }) || time.Now().After(end) {
			l.server.settle()
			return got
		}
		<-time.After(2 * time.Millisecond)
	}
}

// afterGood is what is wanted when a good request came first.
func afterGood(want string) string {
	parts := strings.Split(want, " | ")
	for i, first := range []string{"200", "200 ----", "GET /good HTTP/1.1"} {
		if i < len(parts) && parts[i] != "" {
			first += ", " + parts[i]
		}
		parts[i] = first
	}
	return strings.Join(parts, " | ")
}

// send writes; who is refused may find the connection closed under it.
func send(c net.Conn, sent string, how manner) {
	size := len(sent)
	if how == inPieces {
		size = max(1, len(sent)/pieces)
	}
	for len(sent) > 0 {
		n := min(size, len(sent))
		if _, err := io.WriteString(c, sent[:n]); err != nil {
			return
		}
		sent = sent[n:]
	}
}

// reply reads one reply: its status, with "cut" if its body is not whole, and
// what else a row may be about; "" at the end, "open" if the end does not come.
func reply(in *bufio.Reader, method string) string {
	if _, err := in.Peek(1); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return "open"
		}
		return ""
	}
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		_, _ = io.Copy(io.Discard, in) // until it is closed
		return "no HTTP/1"
	}
	body, err := io.ReadAll(resp.Body)
	got := fmt.Sprint(resp.StatusCode)
	for name, values := range resp.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x") && len(values) == 1 {
			got += fmt.Sprintf(" {%s: %s}", name, values[0])
		}
	}
	if resp.StatusCode == 200 && string(body) != "ok" && method != "HEAD" {
		got += fmt.Sprintf(" [%s]", body)
	}
	for _, name := range slices.Sorted(maps.Keys(resp.Trailer)) {
		got += fmt.Sprintf(" +{%s: %s}", name, resp.Trailer.Get(name))
	}
	if err != nil {
		got += " cut"
	}
	return got
}
