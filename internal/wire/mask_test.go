package wire

import (
	"bytes"
	"testing"
)

func TestMask(t *testing.T) {
	for _, c := range []struct {
		name, give, want string
		keep             int
	}{
		{"what is no secret", "GET /a HTTP/1.1\r\nHost: a.test\r\nX-Y: z\r\n\r\n", "GET /a HTTP/1.1\r\nHost: a.test\r\nX-Y: z\r\n\r\n", -1},
		{"fields", "GET / HTTP/1.1\r\ncookie:a=b; c=d\r\nAuthorization: Basic eDp5\r\nX-Api-Key:\tq\r\nHost: a\r\n\r\n",
			"GET / HTTP/1.1\r\ncookie:**** ***\r\nAuthorization: ***** ****\r\nX-Api-Key:\t*\r\nHost: a\r\n\r\n", -1},
		{"a reply", "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nX:\r\n\r\nbody\r\nmore", "HTTP/1.1 200 OK\r\nSet-Cookie: ***\r\nX:\r\n\r\n****\r\n****", -1},
		{"a query", "GET /a?b=c&d HTTP/1.1\r\n\r\n", "GET /a?***** HTTP/1.1\r\n\r\n", -1},
		{"a query with spaces and no version", "GET /a?b c d\r\n", "GET /a?* * *\r\n", -1},
		{"a user", "GET http://me:pw@a.test/x@y HTTP/1.1\r\n", "GET http://**************@y HTTP/1.1\r\n", -1},
		{"an @ in a path", "GET /x@y HTTP/1.1\r\n", "GET /x@y HTTP/1.1\r\n", -1},
		{"the offending byte", "GET / HTTP/1.1\r\nCookie: a\"b\r\n\r\n", "GET / HTTP/1.1\r\nCookie: *\"*\r\n\r\n", 25},
		{"controls in a secret", "GET / HTTP/1.1\r\nCookie: a\x00\x7f\xff\r\n\r\n", "GET / HTTP/1.1\r\nCookie: *\x00\x7f*\r\n\r\n", -1},
		{"a folded secret", "GET / HTTP/1.1\r\nCookie: a\r\n b\r\nHost: c\r\n", "GET / HTTP/1.1\r\nCookie: *\r\n *\r\nHost: c\r\n", -1},
		{"a secret behind a bare CR", "GET / HTTP/1.1\r\nCookie: a\rb\rHost: c\r\nHost: d\r\n", "GET / HTTP/1.1\r\nCookie: *\r*\r***** *\r\nHost: d\r\n", -1},
		{"a secret field behind a bare CR", "GET / HTTP/1.1\r\nX: a\rCookie: b\r\n", "GET / HTTP/1.1\r\nX: a\rCookie: *\r\n", -1},
		{"lines with bare LF", "GET / HTTP/1.1\nCookie: a\nX: b\n\nbody", "GET / HTTP/1.1\nCookie: *\nX: b\n\n****", -1},
		{"white space before the colon", "GET / HTTP/1.1\r\nCookie : a\r\n", "GET / HTTP/1.1\r\nCookie : *\r\n", -1},
		{"a field without a colon", "GET / HTTP/1.1\r\nCookie a=b\r\n", "GET / HTTP/1.1\r\nCookie ***\r\n", -1},
		{"empty lines first", "\r\n\r\nGET /?a HTTP/1.1\r\n\r\nb", "\r\n\r\nGET /?* HTTP/1.1\r\n\r\n*", -1},
		{"what is no HTTP", "\x16\x03\x01\x02", "\x16\x03\x01\x02", 0},
		{"nothing", "", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := []byte(c.give)
			if Mask(got, c.keep); string(got) != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// What Mask leaves has the same length and the same line ends, and masking it again
// changes nothing.
func FuzzMask(f *testing.F) {
	f.Add([]byte("GET /a?b=c HTTP/1.1\r\nCookie: a\r\n b\rX-Key: c\n\nd"), 3)
	f.Add([]byte("HTTP/1.1 200 OK\nSet-Cookie\r\n\r\n"), -1)
	f.Fuzz(func(t *testing.T, give []byte, keep int) {
		got := bytes.Clone(give)
		Mask(got, keep)
		if len(got) != len(give) {
			t.Fatalf("%d bytes became %d", len(give), len(got))
		}
		for i, c := range got {
			if c != give[i] && (c != '*' || give[i] <= ' ' || i == keep) {
				t.Fatalf("byte %d became %q in %q", i, c, got)
			}
		}
		again := bytes.Clone(got)
		if Mask(again, keep); !bytes.Equal(again, got) {
			t.Fatalf("%q became %q", got, again)
		}
	})
}
