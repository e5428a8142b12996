package wire

import "testing"

func parseRequest(t testing.TB, head string) *Request {
	t.Helper()
	r := new(Request)
	if got := r.Parse([]byte(head), nil); got != Done {
		t.Fatalf("got %v: %s\n%q", got, r.Fault().Why, head)
	}
	return r
}

func TestRequestFraming(t *testing.T) {
	for _, c := range []struct {
		name, head             string
		method                 Method
		minor                  uint8
		body                   Body
		length                 int64
		close, upgrade, expect bool
	}{
		{name: "a GET has no body", head: get(), method: MethodGet, minor: 1},
		{name: "a POST without a length has none", head: post(), method: MethodPost, minor: 1},
		{name: "a length is read", head: post("Content-Length: 0012"), method: MethodPost, minor: 1, body: BodyLength, length: 12},
		{name: "the longest length is read", head: post("Content-Length: 999999999999999999"), method: MethodPost, minor: 1, body: BodyLength, length: 999999999999999999},
		{name: "chunked is read", head: post("Transfer-Encoding: Chunked"), method: MethodPost, minor: 1, body: BodyChunked},
		{name: "close is seen", head: get("Connection: Close"), method: MethodGet, minor: 1, close: true},
		{name: "close wins over keep-alive", head: get("Connection: keep-alive", "Connection: x, close"), method: MethodGet, minor: 1, close: true},
		{name: "keep-alive changes nothing in HTTP/1.1", head: get("Connection: Keep-Alive"), method: MethodGet, minor: 1},
		{name: "HTTP/1.0 closes", head: "HEAD / HTTP/1.0\r\n\r\n", method: MethodHead, close: true},
		{name: "HTTP/1.0 with keep-alive stays", head: "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", method: MethodHead},
		{name: "an upgrade is seen", head: get("Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), method: MethodGet, minor: 1, upgrade: true},
		{name: "an upgrade needs the Upgrade field", head: get("Connection: upgrade"), method: MethodGet, minor: 1},
		{name: "an upgrade needs Connection to say so", head: get("Upgrade: websocket"), method: MethodGet, minor: 1},
		{name: "an upgrade with a body is none", head: post("Connection: upgrade", "Upgrade: websocket", "Content-Length: 3"), method: MethodPost, minor: 1, body: BodyLength, length: 3},
		{name: "an upgrade to h2c is none", head: get("Connection: upgrade, http2-settings", "Upgrade: h2c", "HTTP2-Settings: AA"), method: MethodGet, minor: 1},
		{name: "an upgrade to h2c in a list is none", head: get("Connection: upgrade", "Upgrade: websocket, H2C"), method: MethodGet, minor: 1},
		{name: "an upgrade of HTTP/1.0 is none", head: "GET / HTTP/1.0\r\nConnection: upgrade, keep-alive\r\nUpgrade: websocket\r\n\r\n", method: MethodGet},
		{name: "a wait for 100 is seen", head: post("Content-Length: 3", "Expect: 100-Continue"), method: MethodPost, minor: 1, body: BodyLength, length: 3, expect: true},
		{name: "a wait for 100 is ignored in HTTP/1.0", head: "POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", method: MethodPost, close: true},
		{name: "another expectation is not a wait", head: get("Expect: patience"), method: MethodGet, minor: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := parseRequest(t, c.head)
			if r.Method != c.method || r.Minor != c.minor || r.Body != c.body || r.Length != c.length {
				t.Errorf("got method %d minor %d body %d length %d", r.Method, r.Minor, r.Body, r.Length)
			}
			if r.Close != c.close || r.Upgrade != c.upgrade || r.Expect100 != c.expect {
				t.Errorf("got close %v upgrade %v expect %v", r.Close, r.Upgrade, r.Expect100)
			}
		})
	}
}

func TestMethodsAreKnown(t *testing.T) {
	for m, want := range map[string]Method{
		"GET": MethodGet, "HEAD": MethodHead, "POST": MethodPost, "PUT": MethodPut, "DELETE": MethodDelete,
		"OPTIONS": MethodOptions, "PATCH": MethodPatch, "TRACE": MethodTrace, "get": MethodOther, "PURGE": MethodOther,
	} {
		r := parseRequest(t, line(m+" / HTTP/1.1"))
		if r.Method != want || string(r.MethodBytes()) != m {
			t.Errorf("%s: got %d %q", m, r.Method, r.MethodBytes())
		}
	}
}

func TestTarget(t *testing.T) {
	for _, c := range []struct{ name, first, host, path, query string }{
		{"a path", "GET /a/b HTTP/1.1", "", "/a/b", ""},
		{"a path and a query", "GET /a?b=c?d HTTP/1.1", "", "/a", "b=c?d"},
		{"an empty query", "GET /a? HTTP/1.1", "", "/a", ""},
		{"a path that holds a URI", "GET /a://b/c HTTP/1.1", "", "/a://b/c", ""},
		{"an absolute form", "GET http://b.example:8080/x/y?z HTTP/1.0", "b.example:8080", "/x/y", "z"},
		{"an absolute form without a path", "GET http://b.example HTTP/1.0", "b.example", "", ""},
		{"an absolute form with a query only", "GET http://b.example?q HTTP/1.0", "b.example", "", "q"},
		{"the asterisk", "OPTIONS * HTTP/1.0", "", "", ""},
		{"an authority", "CONNECT b.example:443 HTTP/1.0", "b.example:443", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := new(Request)
			head := c.first + "\r\n\r\n"
			if c.host == "" {
				head = line(c.first)
				c.host = "a.example"
			}
			if got := r.Parse([]byte(head), nil); got != Done {
				t.Fatalf("got %v: %s", got, r.Fault().Why)
			}
			if string(r.Path()) != c.path || string(r.Query()) != c.query || string(r.Host()) != c.host {
				t.Errorf("got path %q query %q host %q", r.Path(), r.Query(), r.Host())
			}
		})
	}
}

func TestSetTargetCannotSplitTheHead(t *testing.T) {
	for _, c := range []struct{ give, want string }{
		{"/x?y", "/x?y"},
		{"", "/"},
		{"/a b\r\nX: y", "/a%20b%0D%0AX:%20y"},
		{"/caf\xc3\xa9#\x7f\x00", "/caf%C3%A9%23%7F%00"},
	} {
		r := parseRequest(t, get())
		r.SetTarget([]byte(c.give))
		if got := string(r.Target()); got != c.want {
			t.Errorf("%q: got %q, want %q", c.give, got, c.want)
		}
		parseRequest(t, string(r.AppendTo(nil, BodyNone, 0, ConnNone)))
	}
}

func TestSetMethod(t *testing.T) {
	r := parseRequest(t, get())
	r.SetMethod([]byte("POST"))
	if r.Method != MethodPost || string(r.MethodBytes()) != "POST" {
		t.Errorf("got %d %q", r.Method, r.MethodBytes())
	}
	r.SetMethod([]byte("GET / HTTP/1.1\r\n"))
	if string(r.MethodBytes()) != "POST" {
		t.Errorf("got %q, want the method before", r.MethodBytes())
	}
	if want := "POST / HTTP/1.1\r\n"; string(r.AppendTo(nil, BodyNone, 0, ConnNone)[:len(want)]) != want {
		t.Error("the method was not written")
	}
}

func TestParseForgetsTheRequestBefore(t *testing.T) {
	r := parseRequest(t, post("Content-Length: 5", "Expect: 100-continue", "Connection: close", "Cookie: a=1; b=2"))
	r.SetTarget([]byte("/x"))
	r.SetMethod([]byte("PUT"))
	r.RemoveCookie([]byte("a"))
	r.AddString("X-A", "b")
	if got := r.Parse([]byte(get("X-B: c")), nil); got != Done {
		t.Fatal(got)
	}
	want := "GET / HTTP/1.1\r\nHost: a.example\r\nX-B: c\r\n\r\n"
	if got := string(r.AppendTo(nil, r.Body, r.Length, ConnNone)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if r.Close || r.Expect100 || r.HasLength || r.FindID(FieldCookie, 0) >= 0 {
		t.Error("something of the request before is left")
	}
}
