package h1_test

import (
	"io"
	"strings"
	"testing"

	"bascule/internal/config"
)

func TestIdleClientsAtASoftStop(t *testing.T) {
	const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	for name, stays := range map[string]bool{"are closed": false, "have one more answer by option idle-close-on-response": true} {
		t.Run(name, func(t *testing.T) {
			p := start(t, &config.Proxy{IdleCloseOnReply: stays}, 1, serve(t, always(hello)))
			c, r := dial(t, p.addr)
			_, _ = io.WriteString(c, request)
			if _, err := head(r); err != nil {
				t.Fatal(err)
			}
			_, _ = r.Discard(5)
			turn(p.loops[0])
			p.loops[0].Post(p.planes[0].SoftStop)
			turn(p.loops[0])
			if !stays {
				if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
					t.Errorf("read %q, %v; want the end", rest, err)
				}
				return
			}
			_, _ = io.WriteString(c, request)
			rest, err := io.ReadAll(r)
			if got := string(rest); err != nil || !strings.HasPrefix(got, "HTTP/1.1 200 ") || !strings.Contains(got, "\r\nconnection: close\r\n") || !strings.HasSuffix(got, "hello") {
				t.Errorf("read %q, %v; want one answer that closes", got, err)
			}
		})
	}
}
