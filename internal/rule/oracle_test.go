package rule

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bascule/internal/wire"
)

// startHAProxy runs haproxy with a frontend of these lines and gives its address.
func startHAProxy(t *testing.T, lines string) string {
	t.Helper()
	path := lookHAProxy(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	defer file.Close()
	text := "defaults\n mode http\n timeout connect 2s\n timeout client 5s\n timeout server 5s\n" +
		"frontend f\n bind fd@3\n" + lines
	cfg := filepath.Join(t.TempDir(), "f.cfg")
	if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-db", "-f", cfg)
	cmd.ExtraFiles = []*os.File{file}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() && strings.Contains(out.String(), "ALERT") {
			t.Log(out.String())
		}
	})
	return addr
}

// ask sends a request and gives the answer and the client's own address.
func ask(t *testing.T, addr, request string) (*http.Response, string, net.Addr) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%v in answer to %q", err, request)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body), c.LocalAddr()
}

// parseRequest gives a Ctx with this request.
func parseRequest(t testing.TB, request string) *Ctx {
	t.Helper()
	r := new(wire.Request)
	if res := r.Parse([]byte(request), &wire.Limits{}); res != wire.Done {
		t.Fatalf("parse %q: %v %v", request, res, r.Fault())
	}
	return &Ctx{Req: r, Frontend: "f", Now: time.Now(), First: true}
}

// requests look at what fetches and converters have to cope with.
var requests = []string{
	"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /a/b/c.html?x=1&y=2;z=3&x=4&e=&n HTTP/1.1\r\nHost: www.Example.org:8080\r\nH: a, b ,c\r\nH: d,\"e,f\", ,g\r\n" +
		"Cookie: c=1; d=2; c=3\r\nCookie: c=4;x=5, y=6; q=\"a;b\"\r\nV: 12,13\r\nIp: 1.2.3.4:80, 2001:db8::1\r\nN: -7\r\n\r\n",
	"POST http://abs.example/p/q?r=s?t HTTP/1.1\r\nHost: abs.example\r\nContent-Length: 0\r\nIp: 192.0.2.300\r\nH: \r\nX-Data: aGVsbG8=\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: h:99\r\nIp: [2001:db8::2]\r\nH: one\r\n\r\n",
	"GET /%41+b%2?a+b=%20c HTTP/1.0\r\nHost: [::1]:80\r\nIp: 1.2.3.4:99999\r\nV: 9999999999999999999999\r\nX-Data: ####\r\n\r\n",
	"GET /x/y// HTTP/1.1\r\nHost: h\r\nCookie: c=\r\n\r\n",
	"PUT //a//b///c?;x=1 HTTP/1.1\r\nHost: UPPER.example\r\nIp: 010.1.2.3\r\nH: ,\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}

var expressions = strings.Fields(`
	method path pathq query url base baseq req.ver src http_first_req dst
	req.hdr(h) req.hdr(h,1) req.hdr(h,2) req.hdr(h,-1) req.hdr(h,-2) req.hdr(h,-9) req.hdr(h,99) req.hdr(nope)
	req.fhdr(h) req.fhdr(h,1) req.fhdr(h,-2) req.fhdr(H) req.hdr_cnt(h) req.fhdr_cnt(h) req.hdr_cnt(nope)
	req.hdr_val(v) req.hdr_val(v,1) req.hdr_val(n) req.hdr_ip(ip) req.hdr_ip(ip,1) req.hdr_names hdr(host)
	req.cook(c) req.cook(x) req.cook(q) req.cook(y) req.cook req.cook_cnt(c) req.cook_cnt req.cook_val(d) req.cook(nope)
	urlp(x) urlp(y) urlp(z) urlp(e) urlp(n) urlp urlp(nope) urlp(x,;) urlp_val(y) urlp(e),length urlp(nope),length
	query,length path,length req.hdr(h),length
	path,lower path,upper req.hdr(host),lower path,length path,hex path,base64 req.hdr(x-data),b64dec
	path,bytes(1) path,bytes(1,3) path,bytes(0,0) path,bytes(99) path,bytes(2,99)
	path,field(1,/) path,field(2,/) path,field(3,/) path,field(9,/) path,field(-1,/) path,field(-2,/) path,field(2,/,2) path,field(-1,/,2) path,field(2,/,0) path,field(-2,/,0)
	path,word(1,/) path,word(2,/) path,word(9,/) path,word(-1,/) path,word(-2,/) path,word(2,/,2) path,word(-1,/,2) path,word(1,/,0) path,word(-2,/,0)
	path,field(9,/),length path,word(9,/),length
	req.hdr(host),host_only req.hdr(host),port_only
	path,url_dec url,url_dec query,url_dec query,url_dec(1) urlp(e),url_dec
	path,ltrim(/) path,rtrim(/l) path,rtrim(c/) path,cut_crlf
	req.hdr(n),add(5) req.hdr(v,1),mul(3) req.hdr(n),sub(1) req.hdr(n),div(2) req.hdr(n),mod(4) req.hdr(n),neg req.hdr(n),odd req.hdr(n),even req.hdr(n),bool req.hdr(n),not
	int(9223372036854775807),add(1) int(-9223372036854775807),sub(5) int(7),div(0) int(7),mod(0) int(9223372036854775807),mul(2) int(6),and(3) int(6),or(1) int(6),xor(3) int(6),cpl
	str(12abc),add(1) str(abc),add(1) str(-5),add(1) str(+5),add(1) bool(true) bool(false) bool(1) int(-3) str(x) str
	src,ipmask(8) src,ipmask(255.0.0.0) req.hdr_ip(ip),ipmask(24,64)
	path,concat(-) path,concat(-,txn.v,-) path,concat(,txn.v) path,concat(,txn.none,x) var(txn.v) var(txn.v),upper var(txn.none) var(txn.n),add(1) int(1),add(txn.n) int(1),add(txn.none)
	path,regsub(/,-) path,regsub(/,-,g) path,regsub([a-c],<\0>,g) path,regsub(A,x,i) path,regsub(x*,-,g)
	path,strcmp(txn.v) bool(true),iif(a,b) bool(false),iif(a,b) req.hdr(n),iif(a,b)
	src,lower src,length int(5),length int(255),hex src_port,bool
	capture.req.method capture.req.uri capture.req.ver req.proto_http fe_name ssl_fc always_true always_false
	str(%41),url_dec "str('a,b'),length" hdr_cnt(host) var(txn.ip),ipmask(16)
`)

// differing names the expressions that answer otherwise than haproxy 2.6, and why.
var differing = map[string]string{
	"req.cook_cnt(c)":   "haproxy overlooks an empty cookie at the end of the field",
	"req.hdr_val(v)":    "haproxy reads a number beyond 32 bits as another one",
	"req.hdr_val(v,1)":  "haproxy reads a number beyond 32 bits as another one",
	"req.hdr(n),sub(1)": "haproxy 2.6 takes -7-1 for an overflow",
}

func TestFetchesAndConvertersAnswerAsHAProxy(t *testing.T) {
	dir := t.TempDir()
	var file strings.Builder
	for _, e := range expressions {
		e = strings.Trim(e, `"`)
		fmt.Fprintf(&file, "%%[%s]\n", e)
	}
	path := filepath.Join(dir, "body")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	const sets = " http-request set-var(txn.v) str(vAl)\n http-request set-var(txn.n) int(41)\n http-request set-var(txn.ip) str(10.1.2.3)\n"
	addr := startHAProxy(t, sets+" http-request return status 200 content-type text/plain lf-file "+path+"\n")
	set := compileLines(t, sets)
	for _, request := range requests {
		_, body, from := ask(t, addr, request)
		want := strings.Split(body, "\n")
		x := parseRequest(t, request)
		x.Src, x.Dst = from.(*net.TCPAddr).AddrPort(), netAddr(addr)
		Run(set, x, new(Outcome))
		for i, text := range expressions {
			text = strings.Trim(text, `"`)
			f, err := ParseFormat("%["+text+"]", HTTPRequest)
			if err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			got := string(f.eval(x))
			if got != want[i] && differing[text] == "" {
				t.Errorf("%s of %q: we say %q, haproxy %q", text, request[:strings.Index(request, "\r")], got, want[i])
			}
		}
	}
}

func compileLines(t testing.TB, lines string) []*Action {
	t.Helper()
	return compileWith(t, lines, &ACLs{ReadFile: os.ReadFile})
}

func compileWith(t testing.TB, lines string, acls *ACLs) []*Action {
	t.Helper()
	var list []*Action
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		a, p := compileLine(t, line, acls)
		if p.Alerts() > 0 {
			t.Fatalf("%s: %v", line, p.List)
		}
		if a != nil {
			list = append(list, a)
		}
	}
	return list
}

func netAddr(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }
