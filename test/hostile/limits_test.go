package hostile

import (
	"strings"
	"testing"
)

// TestLimits moves the bounds of heads, and of the names in them, and looks at
// both sides.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		options []string
		rows    []row
		answers []answer
	}{
		{name: "smaller buffers", options: []string{"tune.bufsize 8192"}, rows: []row{
			{name: "a head of 7000", send: padded(7000), want: passed("GET / HTTP/1.1")},
			{name: "a head of 8300", send: padded(8300), want: refused},
		}, answers: []answer{
			{name: "a reply's head of 7000", say: paddedReply(7000), want: told("200 []")},
			{name: "a reply's head of 8300", say: paddedReply(8300), want: lied},
		}},
		{name: "larger buffers", options: []string{"tune.bufsize 131072"}, rows: []row{
			{name: "a head of 60000", send: padded(60000), want: passed("GET / HTTP/1.1")},
			{name: "a head of 120000", send: padded(120000), want: passed("GET / HTTP/1.1")},
			{name: "a head of 140000", send: padded(140000), want: refused},
		}, answers: []answer{
			{name: "a reply's head of 120000", say: paddedReply(120000), want: told("200 []")},
			{name: "a reply's head of 140000", say: paddedReply(140000), want: lied},
		}},
		{name: "a reserve of nearly everything is halved", options: []string{"tune.bufsize 16384", "tune.maxrewrite 16000"}, rows: []row{
			{name: "a head of 7000", send: padded(7000), want: passed("GET / HTTP/1.1")},
			{name: "a head of 9000", send: padded(9000), want: refused},
		}},
		{name: "a larger reserve", options: []string{"tune.maxrewrite 8000"}, rows: []row{
			{name: "a head of 7000", send: padded(7000), want: passed("GET / HTTP/1.1")},
			{name: "a head of 9000", send: padded(9000), want: refused},
		}},
		{name: "fewer fields", options: []string{"tune.http.maxhdr 20"}, rows: []row{
			{name: "19 fields", send: get(repeat("A: b", 18)...), want: passed("GET / HTTP/1.1")},
			{name: "20 fields", send: get(repeat("A: b", 19)...), want: refused},
		}, answers: []answer{
			{name: "19 fields of a reply", say: ok(append(repeat("A: b", 18), "Content-Length: 0")...), want: told("200 []")},
			{name: "20 fields of a reply", say: ok(append(repeat("A: b", 19), "Content-Length: 0")...), want: lied},
		}},
		{name: "odd names are left out", options: []string{"option http-restrict-req-hdr-names delete"}, rows: []row{
			{name: "an underscore is left out", send: get("X_A: b", "X-A: c"), want: passed("GET / HTTP/1.1 {x-a: c}")},
			{name: "a length with an underscore is left out", send: post("Content_Length: 5"), want: passed("POST / HTTP/1.1")},
		}},
		{name: "odd names are refused", options: []string{"option http-restrict-req-hdr-names reject"}, rows: []row{
			{name: "an underscore is refused", send: get("X_A: b"), want: "403, 200 | 403 PR--, 200 ---- | GET /next HTTP/1.1"},
			{name: "a dot is refused", send: get("X.A: b"), want: "403, 200 | 403 PR--, 200 ---- | GET /next HTTP/1.1"},
			{name: "letters, digits and a dash pass", send: get("X-A1: b"), want: passed("GET / HTTP/1.1 {x-a1: b}")},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ours, theirs := startSite(t, bascule, c.options...), startSite(t, haproxy(t), c.options...)
			for _, r := range c.rows {
				checkRow(t, ours, theirs, r)
			}
			for _, a := range c.answers {
				checkAnswer(t, ours, theirs, a)
			}
		})
	}
}

// padded is a request whose head has this many bytes.
func padded(size int) string {
	return get("A: " + strings.Repeat("b", size-len(get("A: "))))
}

// paddedReply is a reply whose head has this many bytes.
func paddedReply(size int) string {
	return ok("Content-Length: 0", "A: "+strings.Repeat("b", size-len(ok("Content-Length: 0", "A: "))))
}
