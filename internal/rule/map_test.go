package rule

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mapFiles are looked up by every request below.
var mapFiles = map[string]string{
	"texts": "# comment\n\n/a short\n/a/b/c.html  exact with blanks  \n/a/b longer\n/a shadowed\n/ root\nhtml tail\nl letter\nb/c middle\nwww.Example.org:8080 host\n  /x/y//\tindented\n/empty\n",
	"parts": "c.html file\nb dir\n/x/ slashed\nexample name\norg tld\n",
	"regex": "^/a/(.*)/c\\.(.*)$ <\\1|\\2|\\0>\n^/x one\n/ any\n",
	"nums":  "0:79 low\n80 http\n1024: high\n12 twelve\n",
	"nets":  "127.0.0.0/8 loop\n127.0.0.1 self\n10.0.0.0/8 ten\n::1 six\n0.0.0.0/0 rest\n2001:db8::/32 doc\n1.2.3.4 exact\n",
	"ints":  "/a/b/c.html 42\n/ -7\n",
	"addrs": "/a/b/c.html 192.0.2.9\n/ 2001:db8::9\n",
}

var lookups = strings.Fields(`
	path,map(texts) path,map_str(texts) path,map_beg(texts) path,map_end(texts) path,map_sub(texts) path,map_dir(texts) path,map_dom(parts) path,map_dir(parts) req.hdr(host),map_dom(parts)
	req.hdr(host),map(texts) req.hdr(host),map(texts,none) req.hdr(host),lower,map(texts,none) path,map_reg(regex) path,map_regm(regex) path,map_regm(regex,none) path,map_reg(texts,none)
	req.hdr(v,1),map_int(nums) req.hdr(v,1),map_int(nums,none) src_port,map_int(nums) req.hdr(n),map_int(nums,none) src,map_ip(nets) src,map_ip(nets,none) req.hdr_ip(ip),map_ip(nets) req.hdr(ip,1),map_ip(nets,none)
	path,map_str_int(ints) path,map_str_int(ints,5) path,map_str_int(ints),add(1) path,map_str_ip(addrs) path,map_str_ip(addrs,192.0.2.1) path,map_beg_int(ints) path,map_beg_int(ints),mul(2) path,map_beg_ip(addrs)
	path,map(texts,none),upper path,map(texts),length int(80),map_int(nums) str(127.9.9.9),map_ip(nets) str(80x),map_int(nums) int(2130706433),map_ip(nets)
`)

func TestMapsAnswerAsHAProxys(t *testing.T) {
	dir := t.TempDir()
	var body strings.Builder
	var texts []string
	for i, l := range lookups {
		for name, text := range mapFiles { // a file each: haproxy takes map_sub of a file for map_end if that came first
			if !strings.Contains(l, "("+name) {
				continue
			}
			path := filepath.Join(dir, fmt.Sprint(name, i))
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			l = strings.Replace(l, "("+name, "("+path, 1)
		}
		texts = append(texts, l)
		fmt.Fprintf(&body, "%%[%s]\n", l)
	}
	path := filepath.Join(dir, "body")
	if err := os.WriteFile(path, []byte(body.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := startHAProxy(t, " http-request return status 200 content-type text/plain lf-file "+path+"\n")
	for _, request := range requests {
		_, answer, from := ask(t, addr, request)
		want := strings.Split(answer, "\n")
		x := parseRequest(t, request)
		x.Src, x.Dst = from.(*net.TCPAddr).AddrPort(), netAddr(addr)
		for i, text := range texts {
			if got := string(mustFormat(t, "%["+text+"]").eval(x)); got != want[i] {
				t.Errorf("%s of %q: we say %q, haproxy %q", lookups[i], request[:strings.Index(request, "\r")], got, want[i])
			}
		}
	}
}

func TestAMapFileIsReadOnce(t *testing.T) {
	reads := 0
	lib := &Library{ReadFile: func(string) ([]byte, error) { reads++; return []byte("/a b\n"), nil }}
	for range 3 {
		if _, _, err := parseExpr(split(t, "path,map(file)"), lib, ""); err != nil {
			t.Fatal(err)
		}
	}
	if reads != 1 {
		t.Errorf("it was read %d times", reads)
	}
}

// TestALongListCostsNoMoreThanAShortOne looks at what is done, not at the time:
// a lookup in a list of 100,000 visits no pattern of it.
func TestALongListIsNotWalked(t *testing.T) {
	p := patterns{kind: matchStr}
	nets := patterns{kind: matchIP}
	for i := range 100000 {
		if err := p.add(fmt.Sprint("/path/", i), "eq"); err != nil {
			t.Fatal(err)
		}
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if err := nets.add(a.String()+"/32", "eq"); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.texts) != 0 || len(p.lookup.texts) != 100000 || len(nets.lookup.bits4) != 1 {
		t.Errorf("%d texts to walk, %d hashed, %d lengths", len(p.texts), len(p.lookup.texts), len(nets.lookup.bits4))
	}
	x := &Ctx{}
	if n := p.find(x, &Sample{Kind: KindStr, Bytes: []byte("/path/99999")}); n != 99999 {
		t.Errorf("found %d", n)
	}
	if n := nets.find(x, &Sample{Kind: KindAddr, Addr: netip.MustParseAddr("10.1.134.159")}); n != 99999 {
		t.Errorf("found %d", n)
	}
}

func BenchmarkMapOfManyTexts(b *testing.B) {
	var file strings.Builder
	for i := range 100000 {
		fmt.Fprintf(&file, "host%d.example backend%d\n", i, i)
	}
	lib := &Library{ReadFile: func(string) ([]byte, error) { return []byte(file.String()), nil }}
	e, _, err := parseExpr(split(b, "req.hdr(host),lower,map_str(file,none)"), lib, "")
	if err != nil {
		b.Fatal(err)
	}
	x := parseRequest(b, "GET / HTTP/1.1\r\nHost: host77777.example\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if v, ok := e.Eval(x); !ok || string(v) != "backend77777" {
			b.Fatal(string(v))
		}
	}
}
