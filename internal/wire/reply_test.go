package wire

import "testing"

func parseReply(t testing.TB, head string, method Method) *Reply {
	t.Helper()
	p := new(Reply)
	if got := p.Parse([]byte(head), nil, method); got != Done {
		t.Fatalf("got %v: %s\n%q", got, p.Fault().Why, head)
	}
	return p
}

func TestReplyFraming(t *testing.T) {
	for _, c := range []struct {
		name, head string
		method     Method
		status     int
		body       Body
		length     int64
		close      bool
	}{
		{"a length", ok("Content-Length: 7"), MethodGet, 200, BodyLength, 7, false},
		{"a length and close", ok("Content-Length: 7", "Connection: close"), MethodGet, 200, BodyLength, 7, true},
		{"chunks", ok("Transfer-Encoding: chunked"), MethodGet, 200, BodyChunked, 0, false},
		{"neither ends with the connection", ok(), MethodGet, 200, BodyClose, 0, true},
		{"neither ends with the connection in spite of keep-alive", ok("Connection: keep-alive"), MethodGet, 200, BodyClose, 0, true},
		{"HTTP/1.0 with a length closes", "HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\n", MethodGet, 200, BodyLength, 7, true},
		{"HTTP/1.0 with keep-alive stays", "HTTP/1.0 200 OK\r\nContent-Length: 7\r\nConnection: keep-alive\r\n\r\n", MethodGet, 200, BodyLength, 7, false},
		{"HEAD has no body", ok("Content-Length: 7"), MethodHead, 200, BodyNone, 7, false},
		{"HEAD of chunks has no body", ok("Transfer-Encoding: chunked"), MethodHead, 200, BodyNone, 0, false},
		{"HEAD without a length stays", ok(), MethodHead, 200, BodyNone, 0, false},
		{"100 has no body", "HTTP/1.1 100 Continue\r\n\r\n", MethodPost, 100, BodyNone, 0, false},
		{"101 is a tunnel", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", MethodGet, 101, BodyTunnel, 0, false},
		{"204 has no body", "HTTP/1.1 204 No Content\r\n\r\n", MethodGet, 204, BodyNone, 0, false},
		{"204 with a length of zero stays", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", MethodGet, 204, BodyNone, 0, false},
		{"204 that announces a body is the connection's last", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", MethodGet, 204, BodyNone, 0, true},
		{"304 has no body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", MethodGet, 304, BodyNone, 7, false},
		{"CONNECT answered is a tunnel", ok("Content-Length: 7"), MethodConnect, 200, BodyTunnel, 7, false},
		{"CONNECT refused has a body", "HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\n", MethodConnect, 403, BodyLength, 7, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := parseReply(t, c.head, c.method)
			if p.Status != c.status || p.Body != c.body || p.Length != c.length || p.Close != c.close {
				t.Errorf("got status %d body %d length %d close %v", p.Status, p.Body, p.Length, p.Close)
			}
		})
	}
}

func TestReasonAndSetStatus(t *testing.T) {
	p := parseReply(t, "HTTP/1.1 404 Not here\r\nContent-Length: 0\r\n\r\n", MethodGet)
	if string(p.Reason()) != "Not here" {
		t.Errorf("got %q", p.Reason())
	}
	p.SetStatus(503, "Busy\r\nX-A: b")
	want := "HTTP/1.1 503 Busy  X-A: b\r\ncontent-length: 0\r\n\r\n"
	if got := string(p.AppendTo(nil, 1, p.Body, p.Length, ConnNone)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if p.Parse([]byte("HTTP/1.1 200\r\n\r\n"), nil, MethodGet); len(p.Reason()) != 0 || p.Status != 200 {
		t.Errorf("got %d %q after the next Parse", p.Status, p.Reason())
	}
}
