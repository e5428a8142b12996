package wire

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRequestAppendTo(t *testing.T) {
	for _, c := range []struct {
		name   string
		head   string
		edit   func(*Request)
		body   Body
		length int64
		conn   Conn
		want   string
	}{
		{name: "untouched fields stay byte for byte", head: get("x-A:  b \t", "ACCEPT:*/*"), want: get("x-A:  b \t", "ACCEPT:*/*")},
		{name: "lengths are written anew", head: post("Content-Length: 007", "X-A: b"), body: BodyLength, length: 7, want: post("X-A: b", "content-length: 7")},
		{name: "a body can leave in chunks", head: post("Content-Length: 7"), body: BodyChunked, want: post("transfer-encoding: chunked")},
		{name: "fields of the connection are left out", head: get("Connection: close", "Keep-Alive: 5", "X-A: b", "Proxy-Connection: x", "TE: trailers", "Upgrade: foo", "HTTP2-Settings: AA"), want: get("X-A: b")},
		{name: "fields that Connection names are left out", head: get("X-A: b", "Connection: x-b, X-C", "X-B: c", "x-c: d", "X-D: e"), want: get("X-A: b", "X-D: e")},
		{name: "Connection cannot strip what decides routing and trust", head: get("Connection: host, cookie, authorization, x-forwarded-for, x-forwarded-proto, forwarded", "Cookie: a=b", "Authorization: c", "X-Forwarded-For: d", "X-Forwarded-Proto: e", "Forwarded: f"), want: get("Cookie: a=b", "Authorization: c", "X-Forwarded-For: d", "X-Forwarded-Proto: e", "Forwarded: f")},
		{name: "an upgrade keeps the Upgrade field", head: get("Connection: upgrade", "Upgrade: chat", "X-A: b"), conn: ConnUpgrade, want: get("Upgrade: chat", "X-A: b", "connection: upgrade")},
		{name: "close is written", head: get(), conn: ConnClose, want: get("connection: close")},
		{name: "keep-alive is written", head: get(), conn: ConnKeepAlive, want: get("connection: keep-alive")},
		{name: "HTTP/1.0 leaves as HTTP/1.1 with an empty Host", head: "GET / HTTP/1.0\r\nX-A: b\r\n\r\n", want: "GET / HTTP/1.1\r\nX-A: b\r\nhost: \r\n\r\n"},
		{name: "HTTP/1.0 leaves with the Host of its target", head: "GET http://b.example/x HTTP/1.0\r\n\r\n", want: "GET http://b.example/x HTTP/1.1\r\nhost: b.example\r\n\r\n"},
		{name: "HTTP/1.0 cannot wait for 100", head: "POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", want: "POST / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{name: "empty lines before the request are left out", head: "\r\n\r\n" + get(), want: get()},
		{name: "a deleted field leaves its neighbours", head: get("X-A: 1", "X-B: 2", "X-C: 3"), edit: func(r *Request) { r.DeleteName([]byte("x-b")) }, want: get("X-A: 1", "X-C: 3")},
		{name: "added fields stand behind", head: get("X-A: 1"), edit: func(r *Request) { r.AddString("X-B", "2"); r.AddString("X-C", "3") }, want: get("X-A: 1", "X-B: 2", "X-C: 3")},
		{name: "an added field can be deleted", head: get("X-A: 1"), edit: func(r *Request) { r.AddString("X-B", "2"); r.DeleteName([]byte("X-B")) }, want: get("X-A: 1")},
		{name: "added framing is not written", head: get(), edit: func(r *Request) { r.AddString("Content-Length", "2"); r.AddString("Connection", "x") }, want: get()},
		{name: "a Host can be replaced", head: get(), edit: func(r *Request) { r.DeleteID(FieldHost); r.AddString("Host", "b.example") }, want: "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n"},
		{name: "a target can be replaced", head: get(), edit: func(r *Request) { r.SetTarget([]byte("/x?y")) }, want: "GET /x?y HTTP/1.1\r\nHost: a.example\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := parseRequest(t, c.head)
			if c.edit != nil {
				c.edit(r)
			}
			if got := string(r.AppendTo([]byte("before"), c.body, c.length, c.conn)); got != "before"+c.want {
				t.Errorf("got  %q\nwant %q", got, "before"+c.want)
			}
		})
	}
}

func TestReplyAppendTo(t *testing.T) {
	for _, c := range []struct {
		name   string
		head   string
		method Method
		minor  uint8
		body   Body
		length int64
		conn   Conn
		want   string
	}{
		{"lengths are written anew", ok("Content-Length: 7", "Server: s"), MethodGet, 1, BodyLength, 7, ConnNone, ok("Server: s", "content-length: 7")},
		{"a body without a length leaves in chunks", ok("Server: s"), MethodGet, 1, BodyChunked, 0, ConnNone, ok("Server: s", "transfer-encoding: chunked")},
		{"HTTP/1.0 gets no chunks", ok("Server: s"), MethodGet, 0, BodyChunked, 0, ConnClose, ok("Server: s", "connection: close")},
		{"HTTP/1.0 is answered as HTTP/1.1", "HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\n", MethodGet, 0, BodyLength, 7, ConnKeepAlive, ok("content-length: 7", "connection: keep-alive")},
		{"the reply to HEAD keeps the server's length", ok("Content-Length: 7"), MethodHead, 1, BodyNone, 0, ConnNone, ok("content-length: 7")},
		{"304 keeps the server's length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", MethodGet, 1, BodyNone, 0, ConnNone, "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n"},
		{"204 has no length", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", MethodGet, 1, BodyNone, 0, ConnNone, "HTTP/1.1 204 No Content\r\n\r\n"},
		{"a missing reason leaves as an empty one", "HTTP/1.1 204\r\n\r\n", MethodGet, 1, BodyNone, 0, ConnNone, "HTTP/1.1 204 \r\n\r\n"},
		{"101 keeps Upgrade", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: b\r\n\r\n", MethodGet, 1, BodyTunnel, 0, ConnUpgrade, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX-A: b\r\nconnection: upgrade\r\n\r\n"},
		{"CONNECT answered names no protocol", ok("Upgrade: x"), MethodConnect, 1, BodyTunnel, 0, ConnUpgrade, ok()},
		{"white space before a colon is not passed on", ok("X-A \t: b", "X-B: c"), MethodGet, 1, BodyClose, 0, ConnClose, ok("X-A: b", "X-B: c", "connection: close")},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := parseReply(t, c.head, c.method)
			if got := string(p.AppendTo(nil, c.minor, c.body, c.length, c.conn)); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// Any edits to any fields: what is written parses to exactly the fields that
// were left, in their order.
func TestEditsAreWrittenAndReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"X-A", "x-b", "Cookie", "Accept", "Connection", "Keep-Alive", "Upgrade", "TE", "X-Forwarded-For"}
		name := rapid.SampledFrom(names)
		value := rapid.StringMatching(`([!-~]([ -~]{0,20}[!-~])?)?`)
		head := "GET /x HTTP/1.1\r\nHost: a\r\n"
		var want []string
		written := func(name string) bool {
			return name != "Connection" && name != "Keep-Alive" && name != "Upgrade" && name != "TE"
		}
		for range rapid.IntRange(0, 8).Draw(t, "fields") {
			n, v := name.Draw(t, "name"), value.Draw(t, "value")
			if n == "Connection" {
				v = "close"
			}
			head += n + ": " + v + "\r\n"
			want = append(want, n+": "+v)
		}
		var r Request
		if r.Parse([]byte(head+"\r\n"), nil) != Done {
			t.Fatal(r.Fault().Why)
		}
		for range rapid.IntRange(0, 6).Draw(t, "edits") {
			n := name.Draw(t, "name")
			if rapid.Bool().Draw(t, "delete") {
				r.DeleteName([]byte(n))
				want = without(want, n)
			} else {
				v := value.Draw(t, "value")
				r.AddString(n, v)
				want = append(want, n+": "+v)
			}
		}
		var again Request
		if again.Parse(r.AppendTo(nil, BodyNone, 0, ConnNone), nil) != Done {
			t.Fatal(again.Fault().Why)
		}
		var left []string
		for _, w := range want {
			if n, _, _ := strings.Cut(w, ":"); written(n) {
				left = append(left, w)
			}
		}
		if got := listFields(&again.Head)[1:]; strings.Join(got, "\n") != strings.Join(left, "\n") {
			t.Fatalf("got  %q\nwant %q", got, left)
		}
	})
}

func without(lines []string, name string) (left []string) {
	for _, l := range lines {
		if n, _, _ := strings.Cut(l, ":"); !strings.EqualFold(n, name) {
			left = append(left, l)
		}
	}
	return left
}

// listFields gives the live fields as lines.
func listFields(h *Head) (lines []string) {
	for i := range h.Fields {
		if f := &h.Fields[i]; !f.Deleted {
			lines = append(lines, fmt.Sprintf("%s: %s", h.Name(f), h.Value(f)))
		}
	}
	return lines
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	var r Request
	var p Reply
	var c Chunks
	var f Frames
	dst := make([]byte, 0, 4096)
	name, value, srv := []byte("X-Forwarded-For"), []byte("192.0.2.1"), []byte("SRV")
	body := []byte("5\r\nhello\r\n3;a=b\r\nyou\r\n" + LastChunk)
	scratch := make([]byte, len(body))
	message := appendFrame(nil, true, OpText, make([]byte, 64), true)
	one := func() {
		r.Parse(browserHead, nil)
		CookieValue(&r.Head, srv)
		r.RemoveCookie(srv)
		r.Add(name, value)
		r.DeleteName(name)
		r.SetTarget(value)
		dst = r.AppendTo(dst[:0], BodyLength, 1234567, ConnKeepAlive)
		p.Parse(serverHead, nil, MethodGet)
		p.AddString("Set-Cookie", "SRV=s1; path=/")
		p.SetStatus(200, "Fine")
		dst = p.AppendTo(dst[:0], 1, p.Body, p.Length, ConnNone)
		copy(scratch, body)
		c.Reset()
		Compact(&c, scratch)
		dst = AppendChunkHead(dst, 4711)
		f.Feed(message)
	}
	one()
	if n := testing.AllocsPerRun(200, one); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}
