package main

import (
	"bufio"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"
)

// readHead reads to the empty line.
func readHead(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" || line == "\n" {
			return b.String(), err
		}
	}
}

// plainHead puts a head into a form in which two proxies' can be compared:
// names in lower case, fields sorted by name and in their order within it.
func plainHead(head string) string {
	lines := strings.Split(strings.TrimRight(head, "\r\n"), "\r\n")
	fields := lines[1:]
	for i, f := range fields {
		name, value, _ := strings.Cut(f, ":")
		fields[i] = strings.ToLower(name) + ": " + strings.Trim(value, " \t")
	}
	slices.SortStableFunc(fields, func(a, b string) int {
		a, _, _ = strings.Cut(a, ":")
		b, _, _ = strings.Cut(b, ":")
		return strings.Compare(a, b)
	})
	return lines[0] + "\n" + strings.Join(fields, "\n")
}

// value is that of the first field of a name in lower case, or "".
func value(head, name string) string {
	for line := range strings.SplitSeq(head, "\r\n") {
		if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			return strings.Trim(v, " \t")
		}
	}
	return ""
}

// readChunked reads a chunked body and its trailers.
func readChunked(r *bufio.Reader) (body []byte, trailers string, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return body, "", err
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseInt(strings.TrimSpace(size), 16, 32)
		if err != nil {
			return body, "", err
		}
		if n == 0 {
			trailers, err = readHead(r)
			return body, strings.ToLower(strings.TrimSpace(trailers)), err
		}
		p := make([]byte, n+2)
		k, err := io.ReadFull(r, p)
		body = append(body, p[:min(int64(k), n)]...)
		if err != nil {
			return body, "", err
		}
	}
}

func sum(p []byte) uint32 {
	h := fnv.New32a()
	_, _ = h.Write(p) // never fails
	return h.Sum32()
}

// theEnd is what is read of a connection that closes without a reply.
const theEnd = "the end"

// readReply reads one final reply with the interim ones before it, and returns
// it in a form to compare; last says that nothing follows on this connection.
// The first 100 is what a body that is expected waits for.
func readReply(in *bufio.Reader, r request, out io.Writer) (said string, last bool, err error) {
	var b strings.Builder
	for waits := r.expect; ; {
		head, err := readHead(in)
		if err != nil {
			if head != "" || !errors.Is(err, io.EOF) {
				fmt.Fprintf(&b, "broken head %q", head)
			}
			return b.String() + theEnd, true, err
		}
		status := statusOf(head)
		if status >= 100 && status < 200 {
			fmt.Fprintf(&b, "%s\n\n", plainHead(head))
			if waits && status == 100 {
				waits = false
				go func() { _, _ = io.WriteString(out, r.body) }() // ends with the connection
			}
			continue
		}
		body, ended, err := readBody(in, head, r.method, status)
		plain := plainHead(head)
		fmt.Fprintf(&b, "%s\n%s", plain, body)
		if err != nil {
			b.WriteString(" cut")
		}
		last = ended || err != nil || waits || strings.Contains(plain, "\nconnection: close")
		return b.String(), last, err
	}
}

func statusOf(head string) int {
	f := strings.Fields(head)
	if len(f) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(f[1])
	return n
}

// readBody reads a reply's body, RFC 9112 §6.3, and describes it.
func readBody(r *bufio.Reader, head, method string, status int) (said string, ended bool, err error) {
	if method == "HEAD" || status == 204 || status == 304 {
		return "", false, nil
	}
	var p []byte
	trailers := ""
	n, e := strconv.Atoi(value(head, "content-length"))
	switch {
	case strings.EqualFold(value(head, "transfer-encoding"), "chunked"):
		p, trailers, err = readChunked(r)
	case e == nil:
		p = make([]byte, n)
		n, err = io.ReadFull(r, p)
		p = p[:n]
	default:
		p, err = io.ReadAll(r)
		ended = true
	}
	return fmt.Sprintf("[%d %x] %s", len(p), sum(p), trailers), ended, err
}
