package h1_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bascule/internal/config"
	"bascule/internal/lang"
	"bascule/internal/logs"
	"bascule/internal/rule"
)

// echoes answers each head with a fixed reply, without allocating.
func echoes(reply []byte) script { return echoesBehind("\r\n\r\n", reply) }

// echoesBehind answers whatever ends so with the pieces of a reply.
func echoesBehind(end string, pieces ...[]byte) script {
	return func(_ *bufio.Reader, c net.Conn) {
		buf := make([]byte, 128<<10)
		n := 0
		for {
			k, err := c.Read(buf[n:])
			if err != nil {
				return
			}
			if n += k; !bytes.HasSuffix(buf[:n], []byte(end)) {
				continue
			}
			n = 0
			for _, p := range pieces {
				if _, err := c.Write(p); err != nil {
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
	return costOf(t, cfg, []byte(browserHead), echoes(reply))
}

// costOf sends the same request again and again, to a server whose answer ends
// with an x.
func costOf(t testing.TB, cfg *config.Proxy, req []byte, server script) (request func()) {
	p := start(t, cfg, 1, serve(t, server))
	c, _ := dial(t, p.addr)
	in := make([]byte, 8<<10)
	return func() {
		if _, err := c.Write(req); err != nil {
			t.Fatal(err)
		}
		for n := 0; n == 0 || in[n-1] != 'x'; {
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
	return actionOf(t, rule.HTTPRequest, line)
}

// reaction compiles an http-response line.
func reaction(t testing.TB, line string) *rule.Action {
	t.Helper()
	return actionOf(t, rule.HTTPResponse, line)
}

func actionOf(t testing.TB, set rule.Set, line string) *rule.Action {
	t.Helper()
	var words []lang.Word
	for w := range strings.FieldsSeq(line) {
		words = append(words, lang.Word{Text: w})
	}
	var p lang.Problems
	a := rule.ParseAction(set, words, &rule.ACLs{}, &rule.ParseEnv{}, &p)
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

// TestRulesCapturesAndMapsAllocateNothing is the same with all that rules leave
// at a stream.
func TestRulesCapturesAndMapsAllocateNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts.map")
	if err := os.WriteFile(path, []byte("music.example music\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	format, err := rule.ParseUniqueID("%{+X}o %ci:%cp_%Ts_%rt", nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &config.Proxy{
		Reuse: config.ReuseAlways, ForwardFor: &config.ForwardFor{}, OriginalTo: &config.ForwardFor{},
		Cookie: &config.Cookie{Name: "SERVERID", Insert: true, Indirect: true},
		Logs:   []*logs.Target{silentTarget(t)}, LogFormat: logs.HTTPLog(),
		Captures:      []config.Capture{{Name: "Host", Len: 40}, {Len: 40}, {Name: "Server", Len: 20, Response: true}, {Len: 20, Response: true}},
		CaptureCookie: config.CookieCapture{Name: "session", Len: 32}, UniqueID: format, UniqueIDHeader: "X-Request-ID", SendName: "X-Server",
		HTTPRequest: []*rule.Action{
			action(t, "set-var(txn.site) req.hdr(host),lower,map_str("+path+",none)"),
			action(t, "set-var(txn.hash) path,xxh64,hex"),
			action(t, "set-header X-Site %[var(txn.site)]-%[var(txn.hash)]"),
			action(t, "capture path id 1"),
			action(t, "set-timeout server 7s"),
			action(t, "set-path /v1%[path] if { var(txn.site) -m str music } !{ src 192.0.2.0/24 }"),
			action(t, "deny if { path_beg /private } or { req.hdr(user-agent) -m sub -i evil }"),
		},
		HTTPResponse: []*rule.Action{reaction(t, "set-header X-Site %[var(txn.site)]"), reaction(t, "capture res.hdr(content-type) id 1")},
	}
	cfg.Timeouts.Server = time.Second
	request := costProxy(t, cfg)
	for range 100 {
		request()
	}
	if n := testing.AllocsPerRun(2000, request); n != 0 {
		t.Errorf("%v allocations per request, want 0", n)
	}
}

// bodyEnd is how the bodies of these requests end.
const bodyEnd = "the end"

// put is a PUT of that size.
func put(size int) []byte {
	b := fmt.Appendf(nil, "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size)
	return append(append(b, bytes.Repeat([]byte("x"), size-len(bodyEnd))...), bodyEnd...)
}

// replayed are requests that can be sent again, and replies that wait.
func replayed(t testing.TB, retries int) map[string]func() {
	cfg := func() *config.Proxy { return &config.Proxy{Reuse: config.ReuseAlways, Retries: retries} }
	body := bytes.Repeat([]byte("x"), 100)
	whole := append([]byte(apiReply), body...)
	return map[string]func(){
		"a body of 200 bytes":   costOf(t, cfg(), put(200), echoesBehind(bodyEnd, whole)),
		"a body of 64 KiB":      costOf(t, cfg(), put(64<<10), echoesBehind(bodyEnd, whole)),
		"a reply in two pieces": costOf(t, cfg(), []byte(browserHead), echoesBehind("\r\n\r\n", []byte(apiReply), body)),
	}
}

func TestWhatIsKeptForAReplayAllocatesNothing(t *testing.T) {
	for name, request := range replayed(t, 3) {
		for range 100 {
			request()
		}
		if n := testing.AllocsPerRun(1000, request); n != 0 {
			t.Errorf("%s: %v allocations per request, want 0", name, n)
		}
	}
}

func BenchmarkReplay(b *testing.B) {
	for _, retries := range []int{0, 3} {
		for name, request := range replayed(b, retries) {
			b.Run(fmt.Sprintf("%s, retries %d", name, retries), func(b *testing.B) {
				b.ReportAllocs()
				for range b.N {
					request()
				}
			})
		}
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
