package wire

import (
	"strings"
	"testing"
)

var loose = Limits{Relaxed: true}

func TestRelaxedRequests(t *testing.T) {
	for _, c := range []struct {
		name, head string
		why        string // beginning of Fault.Why; empty: accepted
		written    string // a part of what is written of it
	}{
		{"a number sign in the target", line("GET /a#b HTTP/1.1"), "", "GET /a#b HTTP/1.1\r\n"},
		{"bytes from 0x80 in the target", line("GET /caf\xc3\xa9-and-more HTTP/1.1"), "", "GET /caf\xc3\xa9-and-more HTTP/1.1\r\n"},
		{"a target without a slash", line("GET a HTTP/1.1"), "", "GET a HTTP/1.1\r\n"},
		{"an absolute form with another host", line("GET http://b.example/ HTTP/1.1"), "", "GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n"},
		{"CONNECT to another host", line("CONNECT b.example:443 HTTP/1.1"), "", "CONNECT b.example:443 HTTP/1.1\r\n"},
		{"CONNECT without a port", line("CONNECT a.example HTTP/1.1"), "", "CONNECT a.example HTTP/1.1\r\n"},
		{"a name with a slash", get("X/A: b"), "", "\r\nX/A: b\r\n"},
		{"a name with a space", get("X A: b"), "", "\r\nX A: b\r\n"},
		{"a space before the colon", get("X-A : b"), "", "\r\nX-A : b\r\n"},
		{"NUL in a name", get("X\x00: b"), "", "\r\nX\x00: b\r\n"},
		{"bytes from 0x80 in a name", get("X-\xe9: b"), "", "\r\nX-\xe9: b\r\n"},
		{"NUL in a value", get("X-A: b\x00c"), "", "\r\nX-A: b\x00c\r\n"},
		{"control bytes in a value", get("X-A: b\x01\x7fc"), "", "\r\nX-A: b\x01\x7fc\r\n"},
		{"an upgrade to WebSocket without a key", get("Connection: upgrade", "Upgrade: websocket"), "", "\r\n\r\n"},
		{"HTTP/0.9", "GET /x\r\n\r\n", "", "GET /x HTTP/1.1\r\nhost: \r\n"},
		{"another protocol", line("OPTIONS / RTSP/1.0"), "", "OPTIONS / HTTP/1.1\r\n"},
		{"a version of several digits", line("GET / HTTP/01.10"), "", "GET / HTTP/1.1\r\n"},

		{"HTTP/0.9 with another method", "POST /x\r\n\r\n", "character not allowed in a target", ""},
		{"no version but a space, with another method", "POST /x \r\n\r\n", "character not allowed in a version", ""},
		{"a version in lower case", line("GET / http/1.1"), "character not allowed in a version", ""},
		{"a space in the target", line("GET /a b HTTP/1.1"), "character not allowed in a version", ""},
		{"a control byte in the target", line("GET /\x01 HTTP/1.1"), "character not allowed in a target", ""},
		{"an empty name", get(": b"), "empty field name", ""},
		{"no colon", get("X A"), "field without a colon", ""},
		{"a folded line", get("X-A: b", " c"), "folded field line", ""},
		{"a bare LF behind the version", "GET / HTTP/1.1\nHost: a\r\n\r\n", "character not allowed in a version", ""},
		{"a bare LF in a name", get("X\nA: b"), "bare LF", ""},
		{"a bare LF in a loose name", get("X A\nB: b"), "bare LF", ""},
		{"a bare CR in a name", get("X A\rB: b"), "bare CR", ""},
		{"a bare CR in a value", get("X-A: \x01b\rc"), "bare CR", ""},
		{"a bare LF in a value", get("X-A: \x01b\nc"), "bare LF", ""},
		{"a length before a space and its colon", post("Content-Length : 5"), "field name like that", ""},
		{"a coding in quotes", post(`"Transfer-Encoding": chunked`), "field name like that", ""},
		{"a coding behind a zero-width space", post("\xe2\x80\x8bTransfer-Encoding: chunked"), "field name like that", ""},
		{"Host before a space and its colon", get("Host : b"), "field name like that", ""},
		{"a length and chunks", post("Content-Length: 5", "Transfer-Encoding: chunked"), "Transfer-Encoding beside", ""},
		{"two Hosts", get("Host: b"), "Host twice", ""},
		{"CONNECT with a body", line("CONNECT / HTTP/1.1\r\nContent-Length: 5"), "CONNECT with a body", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Request
			for n := range len(c.head) {
				if r.Parse([]byte(c.head[:n]), &loose) == Done {
					t.Fatalf("%d of %d bytes are enough", n, len(c.head))
				}
			}
			got := r.Parse([]byte(c.head), &loose)
			if (got == Done) != (c.why == "") || got == More || !strings.HasPrefix(r.Fault().Why, c.why) {
				t.Fatalf("got %v %q, want %q", got, r.Fault().Why, c.why)
			}
			if got == Done && !strings.Contains(string(r.AppendTo(nil, BodyNone, 0, ConnNone)), c.written) {
				t.Errorf("wrote %q, want %q in it", r.AppendTo(nil, BodyNone, 0, ConnNone), c.written)
			}
			if got == Done && r.Parse([]byte(c.head), nil) == Done {
				t.Error("it is accepted without the option too")
			}
		})
	}
}

func TestRelaxedVersions(t *testing.T) {
	for version, minor := range map[string]uint8{"HTTP/1.0": 0, "HTTP/1.1": 1, "HTTP/1.2": 1, "HTTP/2.0": 1, "HTTP/0.9": 0, "HTTP/1.10": 0, "HTTP/": 0, "RTSP/1.0": 0} {
		var r Request
		if r.Parse([]byte("GET / "+version+"\r\nHost: a\r\n\r\n"), &loose) != Done || r.Minor != minor {
			t.Errorf("%s: got HTTP/1.%d %q, want HTTP/1.%d", version, r.Minor, r.Fault().Why, minor)
		}
	}
}

func TestRelaxedReplies(t *testing.T) {
	for _, c := range []struct {
		name, head string
		why        string
		body       Body
	}{
		{"a name with a space", ok("X A: b", "Content-Length: 0"), "", BodyLength},
		{"NUL in a name and a value", ok("X\x00A: b\x00c", "Content-Length: 0"), "", BodyLength},
		{"a version of several digits", "HTTP/01.10 200 OK\r\nContent-Length: 0\r\n\r\n", "", BodyLength},
		{"a version above 1.1", "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", "", BodyLength},
		{"chunked twice", ok("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), "", BodyChunked},
		{"an empty coding", ok("Transfer-Encoding:"), "", BodyClose},
		{"an empty coding and chunked", ok("Transfer-Encoding:", "Transfer-Encoding: chunked"), "", BodyChunked},

		{"a version without a dot", "HTTP/11 200 OK\r\nContent-Length: 0\r\n\r\n", "malformed status line", 0},
		{"a status of letters", "HTTP/1.10 2x0 OK\r\nContent-Length: 0\r\n\r\n", "malformed status line", 0},
		{"chunked and gzip", ok("Transfer-Encoding: chunked", "Transfer-Encoding: gzip"), "Transfer-Encoding twice", 0},
		{"chunked and a length", ok("Transfer-Encoding: chunked", "Content-Length: 5"), "Transfer-Encoding beside", 0},
		{"a length before a space and its colon", ok("Content-Length : 5"), "white space before the colon of a framing field", 0},
		{"a length behind a quote", ok(`"Content-Length": 5`), "field name like that", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Reply
			for n := range len(c.head) {
				if p.Parse([]byte(c.head[:n]), &loose, MethodGet) == Done {
					t.Fatalf("%d of %d bytes are enough", n, len(c.head))
				}
			}
			got := p.Parse([]byte(c.head), &loose, MethodGet)
			if (got == Done) != (c.why == "") || got == More || !strings.HasPrefix(p.Fault().Why, c.why) {
				t.Fatalf("got %v %q, want %q", got, p.Fault().Why, c.why)
			}
			if got == Done && p.Body != c.body {
				t.Errorf("got body %d, want %d", p.Body, c.body)
			}
			if got == Done && p.Parse([]byte(c.head), nil, MethodGet) == Done {
				t.Error("it is accepted without the option too")
			}
		})
	}
}

func TestRelaxedRepliesLoseWhiteSpaceBeforeAColonToo(t *testing.T) {
	var p Reply
	if p.Parse([]byte(ok("X-A \t: b", "Content-Length: 0")), &loose, MethodGet) != Done {
		t.Fatal(p.Fault().Why)
	}
	if got, want := string(p.AppendTo(nil, 1, BodyNone, 0, ConnNone)), "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
