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
	c.SetDeadline(time.Now().Add(time.Minute))
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
	"GET /j HTTP/1.1\r\nHost: h\r\nJ: a\"b\\/c\xc3\xa9\xe2\x82\xac d\r\nAl: da, en-gb;q=0.8, en;q=0.7, fr-CH;q=0.9\r\nAuthorization: Basic dXNlcjpwYXNzOjE=\r\nX-B: Bearer tok\r\n" +
		"Q: {\"a\":\"text\",\"b\":{\"c\":5},\"l\":[1,\"two\",3],\"t\":true,\"n\":null,\"f\":1.5,\"m\":-7,\"s\":\"q\\\"u\\n\\u0041\",\"e\":\"\",\"d.e\":9,\"u\":false,\"x\":1e3}\r\n\r\n",
	"GET /k HTTP/1.1\r\nHost: h\r\nJ: \xff\xc0\xaf\xf0\x9f\x98\x80 z\xe9\r\nAl: fr;q=0, *;q=0.5, nl\r\nAuthorization: Bearer abc.def\r\nQ: {\"a\":12,\"l\":{} , \"b\" : [ ] }\r\n\r\n",
	"GET http://192.0.2.7:81/a?b HTTP/1.1\r\nHost: 192.0.2.7:81\r\nQ: [broken\r\nAl: EN\r\nAuthorization: Basic ####\r\n\r\n",
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
	path,crc32 path,crc32(1) path,crc32c path,crc32c(1) path,djb2 path,djb2(1) path,sdbm path,sdbm(1) path,wt6 path,wt6(1) path,xxh32 path,xxh32(7) path,xxh64 path,xxh64(7) url,xxh64 url,xxh32 req.hdr(host),xxh64
	path,sha1,hex path,sha2,hex path,sha2(224),hex path,sha2(384),hex path,sha2(512),hex path,digest(md5),hex path,digest(sha256),hex path,digest(SHA512),hex path,digest(sha512-256),hex path,hmac(sha256,a2V5),hex path,hmac(sha1,a2V5),hex path,hmac(sha256,txn.key),hex
	int(5),sha1,hex src,sha1,hex src,base64 int(258),base64 src,hex int(-1),hex bool(true),hex
	src,be2dec(.,1) path,be2dec(:,2) path,be2dec(:,2,1) path,be2dec(,3) path,be2hex path,be2hex(:,2) path,be2hex(--,3,1) src,be2hex(:,1) int(5),be2dec(.,4)
	req.hdr(n),hex2i str(ff),hex2i str(0x1F),hex2i str(10fg),hex2i str(),hex2i str(ffffffffffffffff),hex2i str(fffffffffffffffff),hex2i str(f),hex2i str(7fffffffffffffff),hex2i int(16),hex2i
	int(258),htonl,hex int(1700000000),http_date int(1700000000),http_date(3600) int(1700000000123),http_date(0,ms) int(1700000000123456),http_date(0,us) int(0),http_date int(-1),http_date
	int(1700000000),utime(%Y-%m-%d) int(1700000000),utime(%a_%A_%b_%B_%d_%e_%H_%I_%j_%m_%M_%p_%S_%y_%Y_%F_%T_%D_%R_%u_%w_%U_%W_%V_%G_%g_%C_%k_%l_%s_%%_%n_%t_%h_%r_%c_%x_%X_%Z) int(1700000000),utime(%H,3600) int(1704067200),utime(%j_%U_%W_%V_%G_%I_%l_%k) int(1700000000),ltime(%Y%m%d%H%M%S)
	req.hdr(j),json req.hdr(j),json(utf8) req.hdr(j),json(utf8s) req.hdr(j),json(utf8p) req.hdr(j),json(utf8ps) path,json url,json(ascii)
	req.hdr(q),json_query($.a) req.hdr(q),json_query($.b.c) req.hdr(q),json_query($.b) req.hdr(q),json_query($.l[1]) req.hdr(q),json_query($.l) req.hdr(q),json_query($.l[9]) req.hdr(q),json_query($.t) req.hdr(q),json_query($.n) req.hdr(q),json_query($.f) req.hdr(q),json_query($.f,int) req.hdr(q),json_query($.a,int) req.hdr(q),json_query($.m) req.hdr(q),json_query($.s) req.hdr(q),json_query($.nope) req.hdr(q),json_query($.e) req.hdr(q),json_query($.a),add(1) req.hdr(q),json_query($.s,int) req.hdr(q),json_query('$.d\\\\.e') req.hdr(q),json_query($.u) req.hdr(q),json_query($.x)
	req.fhdr(al),language(de;fr;en) req.fhdr(al),language(de;fr;en,xx) req.fhdr(al),language(da;en-gb;en) req.fhdr(al),language(nl,zz) req.fhdr(al),language(fr-ch;en)
	path,url_enc url,url_enc req.hdr(j),url_enc str("!#$%&*+/:;<=>?@[]^_{|}~-."),url_enc
	path,ub64enc req.hdr(x-data),ub64dec path,ub64enc,ub64dec str(aGVsbG8),b64dec str(aGVsbG8=),ub64dec
	str(vAl),secure_memcmp(txn.v) str(val),secure_memcmp(txn.v) path,secure_memcmp(txn.none) int(41),secure_memcmp(txn.n)
	path,add_item(-,txn.v) str(),add_item(-,txn.v) path,add_item(-,txn.none) path,add_item(-,txn.none,x) path,add_item(-,,x) str(),add_item(-,,x)
	path,set-var(txn.c),length var(txn.c) path,upper,set-var(txn.d,ifnotexists) var(txn.d) path,unset-var(txn.c) var(txn.c)
	base32 base32,hex url32 base32+src,hex url32+src,hex url_ip url_port req.hdrs
	bin(4a4B),hex bin(61) ipv4(1.2.3.4) ipv6(::1) ipv4(1.2.3.4),ipmask(8) env(HOME_OF_TESTS) env(NOPE) hostname nbproc proc,bool fc_src fc_src_port,bool fc_dst fc_dst_port,bool  fc_http_major
	date(0,s),length date(10,ms),length date(0,us),length rand,bool rand(1) uuid,length uuid(4),length fe_id fe_defbe http_auth_user http_auth_pass http_auth_type http_auth_bearer http_auth_bearer(x-b)
	str(%41),url_dec "str('a,b'),length" hdr_cnt(host) var(txn.ip),ipmask(16)
	str(aaab),regsub(^a,x,g) str(aa_ab),regsub(\\ba,x,g) str(a.b),regsub(\\.,\\\\x41) str(aXb),regsub(x,[\0],ig) str(abc),regsub(b*,-,g) str(abc),regsub($,z) str(abc),regsub(c$,z,g)
	str(9223372036854775808),add(0) str(-9223372036854775808),add(0) str(-9223372036854775809),add(0) str(99999999999999999999),add(0) str(0x10),add(0) str(),add(1) str(1e3),add(0) str(--5),add(0)
	int(-9223372036854775808) int(-9223372036854775808),neg int(-9223372036854775808),add(-1) int(-9223372036854775807),add(-2) int(9223372036854775807),sub(-1) int(5),sub(7) int(-7),mod(3)
	int(-7),div(2) int(3),mul(-3) int(-3),mul(-9223372036854775807) int(9223372036854775807),mul(-1) int(1),div(-1) int(5),bool int(-1),bool int(0),bool str(0),bool str(1x),bool str(x),bool str(),bool
	str(true),bool bool(true),add(5) bool(false),not src,bool int(0),not str(a),not int(-1),odd int(-2),even int(-3),odd req.hdr_cnt(h) req.hdr_cnt(v) req.hdr_cnt(cookie) req.fhdr_cnt(cookie)
	req.hdr_cnt(al) req.hdr(al,2) req.hdr(al,-1) req.hdr(cookie) req.hdr(cookie,1) req.hdr(h,-3) req.hdr(h,0) req.fhdr(h,-1) req.hdr_cnt req.hdr(,1) req.hdr(,-1) urlp(x),add(0) urlp(x,?) urlp(a) urlp(b)
	urlp(r) urlp(,;) urlp(z,;) url_param(y) urlp(a+b) urlp(s) path,field(2,/,-1) path,field(-3,/,2) path,field(3,/,99) path,field(-1,/,99) path,word(-3,/) path,word(1,abc) path,field(1,x)
	path,word(1,/,99) str(),field(1,/),length str(),word(1,/),length str(///),word(1,/),length str(///),field(2,/),length str(/%ff%00%7f),url_dec,hex str(%ff%fe),url_dec,base64 str(/w),b64dec,hex
	str(//79),b64dec,hex str(YQ),b64dec str(YQ==YQ==),b64dec str(Y*==),b64dec str(%00),url_dec,length bin(00ff),base64 bin(00ff),length bin(00),hex str(%c3%28),url_dec,json(utf8)
	str(%c3%28),url_dec,json(utf8s) str(%c3%28),url_dec,json(utf8p) str(%ff),url_dec,json str(%ed%a0%80),url_dec,json(utf8) str(%ed%a0%80),url_dec,json(utf8s) str(%f0%9f%98%80),url_dec,json(utf8p)
	str(%c0%80),url_dec,json(utf8ps) str(a%0d%0ab),url_dec,json str(a%0d%0ab),url_dec,cut_crlf path,bytes(-1) path,bytes(0,-1) path,bytes(1,-5) str(abc),bytes(3) str(abc),bytes(3),length
	int(1),bytes(7),hex src,bytes(0,2),hex req.cook(),length req.cook(q),length req.cook(e) req.cook(x),length req.cook_cnt(x) req.cook_cnt(q) str(A\xc3\x89),lower str(abc),strcmp(txn.v)
	int(41),strcmp(txn.n) str(vAl),strcmp(txn.v) str(v),strcmp(txn.v) str(vAlx),strcmp(txn.v) str(1.2.3.4),ipmask(24) str(::ffff:1.2.3.4),ipmask(24) str(::ffff:1.2.3.4),ipmask(24,120)
	str(2001:db8::1),ipmask(24) str(1.2.3),ipmask(8) str(localhost),ipmask(8) int(16909060),ipmask(8) src,ipmask(0) src,ipmask(32) ipv6(::ffff:1.2.3.4) ipv6(::ffff:1.2.3.4),ipmask(24,128)
	ipv6(2001:db8::1),be2dec(.,4) str(www.Example.org:80x),host_only str(:80),host_only str([::1]),port_only str(a:),port_only str(a:65536),port_only str(a:b:1),host_only str(x),concat()
	str(x),concat(,,) str(x),concat(,txn.n,) int(5),concat(,txn.n,) src,concat(:) str(abc),ltrim(abc),length str(abc),rtrim(abc),length str(),ltrim(a),length str(abc),regsub(abc,),length str(-5),hex2i
	str(+5),hex2i req.hdr_val(h) req.hdr_val(n,-1) req.hdr_ip(ip,-1) req.hdr_ip(ip,2) req.hdr_ip(h) req.cook_val(c)
`)

// differing names the expressions that answer otherwise than haproxy 2.6, and why.
var differing = map[string]string{
	"req.cook_cnt(c)":         "haproxy overlooks an empty cookie at the end of the field",
	"req.hdr_val(v)":          "haproxy reads a number beyond 32 bits as another one",
	"req.hdr_val(v,1)":        "haproxy reads a number beyond 32 bits as another one",
	"str(aGVsbG8=),ub64dec":   "haproxy decodes what is not base64url into more bytes than there are",
	"req.hdr(x-data),ub64dec": "the same",
	"int(-1),http_date":       "haproxy takes a time before 1970 for one far away",
	"bin(00ff),length":        "haproxy reads binary as text up to its first zero byte",
	"req.cook_val(c)":         "haproxy overlooks an empty cookie at the end of the field",
	"str(YQ==YQ==),b64dec":    "haproxy decodes what stands in front of what is not base64",
	"req.hdr(n),sub(1)":       "haproxy 2.6 takes -7-1 for an overflow",
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
	const sets = " http-request set-var(txn.v) str(vAl)\n http-request set-var(txn.n) int(41)\n http-request set-var(txn.ip) str(10.1.2.3)\n http-request set-var(txn.key) str(c2VjcmV0)\n"
	addr := startHAProxy(t, sets+" http-request return status 200 content-type text/plain lf-file "+path+"\n")
	set := compileLines(t, sets)
	for _, request := range requests {
		_, body, from := ask(t, addr, request)
		want := strings.Split(body, "\n")
		x := parseRequest(t, request)
		x.Src, x.Dst, x.FrontendID = from.(*net.TCPAddr).AddrPort(), netAddr(addr), 1
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
