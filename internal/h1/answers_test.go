package h1_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"bascule/internal/config"
	"bascule/internal/lang"
	"bascule/internal/rule"
)

func TestErrorsAndMonitorsAnswerAsConfigured(t *testing.T) {
	words := []lang.Word{{Text: "status"}, {Text: "403"}, {Text: "content-type"}, {Text: "text/plain"}, {Text: "lf-string"}, {Text: "no %[path]"}}
	var p lang.Problems
	_, forbidden := rule.ParseErrorReply(words, &rule.ParseEnv{}, &p)
	broken := rule.ParseCond([]lang.Word{{Text: "if"}, {Text: "{"}, {Text: "req.hdr(x-broken)"}, {Text: "-m"}, {Text: "found"}, {Text: "}"}}, &rule.ACLs{}, &p)
	if p.Alerts() > 0 {
		t.Fatal(p.List)
	}
	cfg := &config.Proxy{MonitorURI: "/up", MonitorFail: []*rule.Cond{broken}, Errors: map[int]*rule.Answer{403: forbidden},
		HTTPRequest: []*rule.Action{action(t, "deny if { path /secret }")}}
	addr := start(t, cfg, 1, serve(t, always(hello))).addr
	for _, tt := range []struct{ request, begins, ends string }{
		{"GET /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 ", "</html>\n"},
		{"GET /up HTTP/1.1\r\nHost: a\r\nX-Broken: 1\r\nConnection: close\r\n\r\n", "HTTP/1.1 503 ", "</html>\n"},
		{"GET /secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 403 ", "\r\n\r\nno /secret"},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 ", "hello"},
	} {
		if got := talk(t, addr, tt.request); !strings.HasPrefix(got, tt.begins) || !strings.HasSuffix(got, tt.ends) {
			t.Errorf("%q: got %q", tt.request, got)
		}
	}
}

func TestAServerIsToldItsNameAndTheNumberOfTheRequest(t *testing.T) {
	format, err := rule.ParseUniqueID("id-%[path]", nil)
	if err != nil {
		t.Fatal(err)
	}
	heads := make(chan string, 1)
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		h, _ := head(r)
		heads <- h
		_, _ = io.WriteString(c, hello)
	})
	cfg := &config.Proxy{SendName: "X-Server", UniqueID: format, UniqueIDHeader: "X-Request-ID"}
	talk(t, start(t, cfg, 1, srv).addr, "GET /n HTTP/1.1\r\nHost: a\r\nX-Server: forged\r\nConnection: close\r\n\r\n")
	got := strings.ToLower(<-heads)
	if strings.Contains(got, "forged") || !strings.Contains(got, "x-request-id: id-/n\r\n") || strings.Count(got, "x-server: ") != 1 {
		t.Errorf("the server read %q", got)
	}
}
