package engine

import (
	"fmt"
	"strings"
	"testing"
)

// TestKeysOfWholeRequestsAreHAProxys sends requests whose key stands in the
// query, in a form's body or in a header through both, and compares the servers.
func TestKeysOfWholeRequestsAreHAProxys(t *testing.T) {
	w := &witness{}
	text := cookieConfig
	for i, line := range []string{"url_param id check_post", "hdr(x-key)", "hdr(host) use_domain_only", "source", "uri whole"} {
		for k, kind := range []string{"map-based", "consistent djb2 avalanche"} {
			text += fmt.Sprintf("listen h%d%d\n    bind unix@$DIR/h%d%d\n    balance %s\n    hash-type %s\n", i, k, i, k, line, kind)
			for s := range 5 {
				text += fmt.Sprintf("    server s%d %s weight %d\n", s, serving(t, w), 10+s)
			}
		}
	}
	theirs, ours := twoSides(t, text)
	for i := range 5 {
		for k := range 2 {
			var sent []string
			for n := range 24 {
				request := fmt.Sprintf("GET /?id=%d HTTP/1.1\r\nHost: www.site%d.test\r\nX-Key: k%d, other\r\nConnection: close\r\n\r\n", n, n, n)
				if n%2 == 1 {
					body := fmt.Sprintf("a=b&id=form%d&c=d", n)
					request = fmt.Sprintf("POST / HTTP/1.1\r\nHost: site%d.test\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", n, len(body), body)
				}
				section := fmt.Sprintf("h%d%d", i, k)
				theirs.send(t, section, request)
				ours.send(t, section, request)
				sent = append(sent, request)
			}
			for _, request := range sent {
				if want, got := theirs.logged(t), ours.logged(t); got != want {
					line, _, _ := strings.Cut(request, "\r\n")
					t.Errorf("h%d%d: %s: logged %q, haproxy %q", i, k, line, got, want)
				}
			}
		}
	}
}
