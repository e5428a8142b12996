package h1_test

import (
	"bufio"
	"bytes"
	"net"
	"strings"
	"testing"

	"bascule/internal/config"
	"bascule/internal/lang"
	"bascule/internal/logs"
	"bascule/internal/rule"
)

// echoes answers each head with a fixed reply, without allocating.
func echoes(reply []byte) script {
	return func(_ *bufio.Reader, c net.Conn) {
		buf := make([]byte, 64<<10)
		n := 0
		for {
			k, err := c.Read(buf[n:])
			if err != nil {
				return
			}
			n += k
			if bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
				n = 0
				if _, err := c.Write(reply); err != nil {
					return
				}
			}
		}
	}
}

const browserHead = "GET /api/v1/tracks?limit=20 HTTP/1.1\r\nHost: music.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101\r\nAccept: application/json\r\nAccept-Language: en\r\nAccept-Encoding: gzip, deflate, br\r\nCookie: session=0123456789abcdef; SERVERID=s1\r\nReferer: https://music.example/\r\n\r\n"

const apiReply = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nServer: api\r\nContent-Length: 100\r\n\r\n"

func costProxy(t testing.TB, cfg *config.Proxy) (request func()) {
	reply := append([]byte(apiReply), bytes.Repeat([]byte("x"), 100)...)
	p := start(t, cfg, 1, serve(t, echoes(reply)))
	c, _ := dial(t, p.addr)
	in, req := make([]byte, 8<<10), []byte(browserHead)
	return func() {
		if _, err := c.Write(req); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < 100; {
			k, err := c.Read(in)
			if err != nil {
				t.Fatal(err)
			}
			n += k
		}
	}
}

// action compiles an http-request line.
func action(t testing.TB, line string) *rule.Action {
	t.Helper()
	var words []lang.Word
	for w := range strings.FieldsSeq(line) {
		words = append(words, lang.Word{Text: w})
	}
	var p lang.Problems
	a := rule.ParseAction(rule.HTTPRequest, words, &rule.ACLs{}, &rule.ParseEnv{}, &p)
	if p.Alerts() > 0 {
		t.Fatal(p.List)
	}
	return a
}

// silentTarget is a syslog socket whose datagrams nobody looks at.
func silentTarget(t testing.TB) *logs.Target {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &logs.Target{Addr: c.LocalAddr().String(), Len: 1024, Facility: 16, MinLevel: 7}
}

func TestARequestAllocatesNothing(t *testing.T) {
	request := costProxy(t, &config.Proxy{
		Reuse: config.ReuseAlways, ForwardFor: &config.ForwardFor{},
		Cookie: &config.Cookie{Name: "SERVERID", Insert: true, Indirect: true},
		Logs:   []*logs.Target{silentTarget(t)}, LogFormat: logs.HTTPLog(),
		HTTPRequest: []*rule.Action{
			action(t, "set-header X-Forwarded-Proto http"),
			action(t, "deny if { path_beg /private }"),
		},
	})
	for range 100 {
		request() // buffers grow to their size
	}
	if n := testing.AllocsPerRun(2000, request); n != 0 {
		t.Errorf("%v allocations per request, want 0", n)
	}
}

func BenchmarkRequest(b *testing.B) {
	request := costProxy(b, &config.Proxy{Reuse: config.ReuseAlways, ForwardFor: &config.ForwardFor{}})
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		request()
	}
}
