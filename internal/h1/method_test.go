package h1_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"bascule/internal/config"
)

// frank answers with what it was asked, after a head that comes by itself.
func frank(size int, framing string) script {
	return func(r *bufio.Reader, c net.Conn) {
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body := strings.Repeat(req.Method[:1], size)
			if framing == "chunked" {
				_, err = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX-Asked: %s\r\nTransfer-Encoding: chunked\r\n\r\n", req.Method)
				body = fmt.Sprintf("%x\r\n%s\r\n0\r\nX-Sum: 1\r\n\r\n", size, body)
			} else {
				_, err = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX-Asked: %s\r\nContent-Length: %d\r\n\r\n", req.Method, size)
			}
			if err == nil && req.Method != "HEAD" {
				_, err = io.WriteString(c, body)
			}
			if err != nil {
				return
			}
		}
	}
}

func TestAChangedMethodDoesNotMixUpReplies(t *testing.T) {
	for name, tt := range map[string]struct {
		framing string
		size    int
		from    string
		want    string // the first reply
		body    string // of the second, up to its first bytes
	}{
		"a body that was not asked for":        {"", 5, "HEAD", "content-length: 5\r\n\r\n", "GGGGG"},
		"a chunked one":                        {"chunked", 5, "HEAD", "\r\n\r\n", "5\r\nGGGGG\r\n0\r\nX-Sum: 1\r\n\r\n"},
		"one that is large enough for a pipe":  {"", 300 << 10, "HEAD", "content-length: 307200\r\n\r\n", strings.Repeat("G", 300<<10)},
		"a head alone for who expected a body": {"", 5, "GET", "content-length: 0\r\n\r\n", "PPPPP"},
		"a head alone that would be in chunks": {"chunked", 5, "GET", "content-length: 0\r\n\r\n", "5\r\nPPPPP\r\n0\r\nX-Sum: 1\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := holding(t, "set-method HEAD if { path /changed }", "set-method POST if { path /end }")
			if tt.from == "HEAD" {
				cfg = holding(t, "set-method GET if { method HEAD }")
			}
			cfg.Reuse = config.ReuseAlways
			p := start(t, cfg, 1, serve(t, frank(tt.size, tt.framing)))
			got := talk(t, p.addr, tt.from+" /changed HTTP/1.1\r\nHost: a\r\n\r\nGET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			first, second, _ := strings.Cut(strings.TrimPrefix(got, "HTTP/1.1 "), "HTTP/1.1 200 OK")
			_, body, _ := strings.Cut(second, "\r\n\r\n")
			if !strings.HasSuffix(first, tt.want) || body != tt.body {
				t.Errorf("first %.200q, then %.200q", first, second)
			}
		})
	}
}
