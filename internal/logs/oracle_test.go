package logs

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"bascule/internal/lang"
	"bascule/internal/rule"
)

// facts is a log format whose values fill a Record; the formats under test
// stand behind it in the same line, so that haproxy writes both of one request.
const facts = "%ci %cp %fi %fp %Ts%ms %tr %TR %Tw %Tc %Tr %Ta %Th %Ti %Tt %ST %B %U %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %b %s %pid %rt %lc %ID %si %sp %bi %bp"

// compared are formats that must give what haproxy gives.
var compared = []string{
	httpLogText, tcpLogText,
	"%HM %HP %HPO %HQ %HU %HV", "%{+Q}HM %{+Q}HU %{+Q}b %{+Q}s", "%{+E}HU %{+Q,+E}r", "%r",
	"%T %t %trg %Tl %trl %ms %Ts", "%Tq %Td %Tt %Ta", "%{+X}ci:%{+X}cp %{+X}fi:%{+X}fp", "a%%b %hr%hs %hr x", "   lead   and   gaps   %hs   %hr   end",
	"%f %ft %b/%s %ST %ts %tsc", "%H %U %B",
	clfLogText[len("%{+Q}o "):] + "|", "%{+Q}CC %{+Q}hrl %{-M}CC %{-M}sslv %{-M}[str()]|", "%{+Q}ID %{+Q}sslc %{-M}si|",
	`%[src] %{+Q}[src] %{+X}[src_port] %[str("a\"b#c")] %{+Q,+E}[str("a]b")] %[str()] %{+Q}[str()] %[var(txn.none)] %[capture.req.hdr(0)] %{+Q,+E}[capture.req.hdr(1)]`,
	"%{+Q}o %HU %HM %{-Q}HV %hr %b", // last, since its flags would stay
}

// everyTag is each tag under each flag. Replays are our own, the others differ
// between two processes.
func everyTag() []string {
	var list []string
	for _, t := range tagTable {
		if t.name == "rp" || t.name == "Tu" { // haproxy's Tu follows the clock within its millisecond
			continue
		}
		one := "|"
		for _, flags := range []string{"", "{+Q}", "{+X}", "{+E}", "{+Q,+E}", "{-M}", "{+Q,-M}", "{+Q,+X,+E}"} {
			one += "%" + flags + t.name + "|"
		}
		list = append(list, one)
	}
	return list
}

const separator = " @@ "

func startLoggingHAProxy(t *testing.T, log string) string {
	t.Helper()
	path, err := exec.LookPath("haproxy")
	if err != nil {
		t.Fatal("this test compares with Debian's haproxy, which is not installed: `make deps` does that")
	}
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
	format := facts
	for _, f := range append(everyTag(), compared...) {
		format += separator + f
	}
	// blanks of a format merge; haproxy keeps them out of the separators
	text := fmt.Sprintf(`defaults
 mode http
 timeout connect 1m
 timeout client 1m
 timeout server 1m
 timeout http-request 1m
 retries 0
frontend f
 bind fd@3
 log %s len 65535 format raw local0
 unique-id-format %%ci:%%rt
 log-format '%s'
 capture cookie c len 20
 capture request header User-Agent len 40
 capture request header X-Q len 40
 capture response header Server len 40
 http-request return status 200 content-type text/plain string hello if { path_beg /inside }
 http-request deny if { path_beg /denied }
 default_backend b
backend b
 server s1 127.0.0.1:1
`, log, format)
	cfg := filepath.Join(t.TempDir(), "f.cfg")
	if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-db", "-f", cfg)
	cmd.ExtraFiles = []*os.File{file}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	return addr
}

// sends are requests and what of them the facts do not say.
var sends = []struct {
	name, head     string
	method, target string
	minor          uint8
	bad            bool
	captures       []string
	cookie         string
}{
	{"answered inside", "GET /inside?a=1&b=%22 HTTP/1.1\r\nHost: h\r\nUser-Agent: curl {1}|2\r\nX-Q: a\"b#c\r\nCookie: c=yes\r\n\r\n", "GET", "/inside?a=1&b=%22", 1, false, []string{"curl {1}|2", "a\"b#c"}, ""},
	{"no server", "POST /x HTTP/1.1\r\nHost: h\r\nCookie: c=y\"es\r\nContent-Length: 3\r\n\r\nabc", "POST", "/x", 1, false, []string{"", ""}, "c=y\"es"},
	{"denied, version 1.0", "GET /denied\"<>{}|\\^`]? HTTP/1.0\r\nUser-Agent: \xe9t\xe9\r\n\r\n", "GET", "/denied\"<>{}|\\^`]?", 0, false, []string{"\xe9t\xe9", ""}, ""},
	{"absolute", "GET http://h.example/inside/p?q HTTP/1.1\r\nHost: h.example\r\nX-Q: }\t{\r\n\r\n", "GET", "http://h.example/inside/p?q", 1, false, []string{"", "}\t{"}, ""},
	{"a bad one", "GET /inside HTTP/1.1\r\nHost h\r\n\r\n", "", "", 255, true, nil, ""},
}

func TestLinesAreHAProxys(t *testing.T) {
	log, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	addr := startLoggingHAProxy(t, log.LocalAddr().String())
	var p lang.Problems
	var formats []*Format
	compared := append(everyTag(), compared...)
	for _, f := range compared {
		formats = append(formats, ParseFormat(f, httpPlace, lang.Word{}, &p))
	}
	if len(p.List) > 0 {
		t.Fatal(p.List)
	}
	for _, c := range sends {
		t.Run(c.name, func(t *testing.T) {
			exchange(t, addr, c.head)
			line := receive(t, log)
			parts := strings.Split(strings.TrimSuffix(line, "\n"), separator)
			if len(parts) != 1+len(compared) {
				t.Fatalf("haproxy wrote %q", line)
			}
			r := record(t, strings.Fields(parts[0]))
			r.Method, r.Target, r.Minor, r.BadRequest = []byte(c.method), []byte(c.target), c.minor, c.bad
			for _, v := range c.captures {
				r.ReqCaptures = append(r.ReqCaptures, []byte(v))
			}
			if !c.bad { // without a request haproxy has no slots
				r.ResCaptures = [][]byte{nil}
			}
			r.ReqCookie = []byte(c.cookie)
			r.Ctx = contextOf(r)
			for i, f := range formats {
				if got, want := string(f.Append(nil, r)), parts[1+i]; got != want {
					t.Errorf("%s\nwe      %q\nhaproxy %q", compared[i], got, want)
				}
			}
		})
	}
}

func exchange(t *testing.T, addr, head string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	if n, err := c.Read(buf); n == 0 {
		t.Fatal(err)
	}
}

func receive(t *testing.T, log net.PacketConn) string {
	t.Helper()
	log.SetReadDeadline(time.Now().Add(time.Minute))
	buf := make([]byte, 64<<10)
	n, _, err := log.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// contextOf is what the expressions under test see.
func contextOf(r *Record) *rule.Ctx {
	return &rule.Ctx{Src: r.Client, Dst: r.FrontAddr, Frontend: r.Frontend, Captures: r.ReqCaptures}
}

// record fills a Record with the values of facts.
func record(t *testing.T, v []string) *Record {
	t.Helper()
	if len(v) != len(strings.Fields(facts)) {
		t.Fatalf("facts are %q", v)
	}
	at := -1
	next := func() string { at++; return v[at] }
	number := func() int {
		n, err := strconv.Atoi(strings.TrimPrefix(next(), "+"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	endpoint := func() netip.AddrPort {
		host, port := next(), next()
		if host == "-" {
			return netip.AddrPort{}
		}
		return netip.MustParseAddrPort(host + ":" + port)
	}
	r := &Record{Frontend: "f", Client: endpoint(), FrontAddr: endpoint()}
	r.Accept = time.UnixMilli(int64(number()))
	start, err := time.ParseInLocation("02/Jan/2006:15:04:05.000", next(), time.Local)
	if err != nil {
		t.Fatal(err)
	}
	r.Start = start
	r.TR, r.Tw, r.Tc, r.Tr, r.Ta, r.Th, r.Ti, r.Tt = number(), number(), number(), number(), number(), number(), number(), number()
	r.Status, r.BytesRead, r.BytesUploaded = number(), int64(number()), int64(number())
	copy(r.Term[:], next())
	r.ActConn, r.FeConn, r.BeConn, r.SrvConn, r.Retries, r.SrvQueue, r.BeQueue = number(), number(), number(), number(), number(), number(), number()
	next() // the cookies are compared, not taken
	next()
	r.Backend = next()
	if r.Server = next(); r.Server == "<NOSRV>" {
		r.Server = ""
	}
	ownPID = int64(number()) // as if the line were of the same process
	r.Number, r.Count = uint64(number()), uint64(number())
	if id := next(); id != "-" {
		r.UniqueID = []byte(id)
	}
	r.Remote, r.Local = endpoint(), endpoint()
	return r
}
