package logs

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bascule/internal/lang"
	"bascule/internal/rule"
)

func sampleRecord() *Record {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC)
	return &Record{
		Client: netip.MustParseAddrPort("192.0.2.7:40000"), FrontAddr: netip.MustParseAddrPort("192.0.2.1:80"),
		Frontend: "public", Backend: "app", Server: "a1", Accept: at, Start: at,
		TR: 0, Tw: 0, Tc: 1, Tr: 3, Ta: 5, Tt: 5, Status: 200, BytesRead: 1234, BytesUploaded: 321,
		Method: []byte("GET"), Target: []byte("/x?y=1"), Minor: 1, Term: [4]byte{'-', '-', 'N', 'I'},
		ActConn: 3, FeConn: 2, BeConn: 1, SrvConn: 1,
	}
}

var httpPlace = Place{Keyword: "log-format", HTTP: true}

func compileFormat(t testing.TB, text string) *Format {
	t.Helper()
	var p lang.Problems
	f := ParseFormat(text, httpPlace, lang.Word{}, &p)
	if f == nil {
		t.Fatal(p.List)
	}
	return f
}

func TestLines(t *testing.T) {
	for _, c := range []struct {
		name string
		f    *Format
		edit func(*Record)
		want string
	}{
		{"http", HTTPLog(), nil, `192.0.2.7:40000 [04/Mar/2026:05:06:07.089] public app/a1 0/0/1/3/5 200 1234 - - --NI 3/2/1/1/0 0/0 "GET /x?y=1 HTTP/1.1"`},
		{"tcp", TCPLog(), nil, `192.0.2.7:40000 [04/Mar/2026:05:06:07.089] public app/a1 0/1/5 1234 -- 3/2/1/1/0 0/0`},
		{"neither", DefaultLog(), nil, `Connect from 192.0.2.7:40000 to 192.0.2.1:80 (public/HTTP)`},
		{"neither, tcp", DefaultLog(), func(r *Record) { r.TCP = true }, `Connect from 192.0.2.7:40000 to 192.0.2.1:80 (public/TCP)`},
		{"encrypted", compileFormat(t, "%ft"), func(r *Record) { r.TLS = true }, "public~"},
		{"redispatched", compileFormat(t, "%rc"), func(r *Record) { r.Retries, r.Redispatched = 2, true }, "+2"},
		{"not replayed", compileFormat(t, "%rp"), nil, "-"},
		{"replayed", compileFormat(t, "%rp"), func(r *Record) { r.Replay = ReplayRace | ReplayUnsent | ReplaySent | ReplayError }, "RUSE"},
		{"replay refused", compileFormat(t, "%rp"), func(r *Record) { r.Replay = ReplayRefused | ReplayTooLarge | ReplayNowhere }, "bkn"},
		{"before the end", compileFormat(t, "%Ta %Tt %B %U"), func(r *Record) { r.ASAP = true }, "+5 +5 +1234 +321"},
		{"no backend and server", compileFormat(t, "%b/%s"), func(r *Record) { r.Backend, r.Server = "", "" }, "public/<NOSRV>"},
		{"no status", compileFormat(t, "%ST"), func(r *Record) { r.Status = 0 }, "-1"},
		{"an IPv6 client", compileFormat(t, "%ci:%cp"), func(r *Record) { r.Client = netip.MustParseAddrPort("[2001:db8::1]:5") }, "2001:db8::1:5"},
		{"a unix client", compileFormat(t, "%ci"), func(r *Record) { r.Client = netip.AddrPort{} }, "-"},
		{"cookies", compileFormat(t, "%CC %CS"), func(r *Record) { r.ReqCookie, r.ResCookie = []byte("a=\n1"), []byte("b=2") }, "a=#0A1 b=2"},
		{"an expression without a context", compileFormat(t, "%[src] %[var(txn.x)]"), nil, "- -"},
		{"expressions", compileFormat(t, "%[src] %[src_port,add(1)] %{+Q}[fe_name] %[var(txn.x)]"),
			func(r *Record) {
				r.Ctx = &rule.Ctx{Src: r.Client, Frontend: "public"}
			}, `192.0.2.7 40001 "public" -`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := sampleRecord()
			if c.edit != nil {
				c.edit(r)
			}
			if got := string(c.f.Append(nil, r)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestFormatProblems(t *testing.T) {
	for text, want := range map[string]string{
		"%foo":            "no such format variable 'foo'",
		"%":               "truncated line after '%'",
		"%[path]":         "sample fetch <path> may not be reliably used here because it needs 'HTTP request headers' which is not available here",
		"%[nope]":         "failed to parse sample expression <nope> : unknown fetch method 'nope'",
		"%[src":           "missing ']' after 'src'",
		"%{+Q":            "truncated line after '+Q'",
		"%[src,lowr]":     "unknown converter 'lowr'",
		"%[src_is_local]": "fetch 'src_is_local' is known but not supported yet",
		"%[src] %pida":    "no such format variable 'pida'",
	} {
		var p lang.Problems
		f := ParseFormat(text, httpPlace, lang.Word{}, &p)
		if f != nil || p.Alerts() != 1 || !strings.HasPrefix(p.List[0].Text, "failed to parse log-format : ") || !strings.Contains(p.List[0].Text, want) {
			t.Errorf("%s: got %v, want %q", text, p.List, want)
		}
	}
}

func TestEveryTagFormats(t *testing.T) {
	for _, k := range Tags() {
		if k.Text == "" {
			t.Errorf("%s has no text", k.Name)
		}
		r := sampleRecord()
		r.ReqCaptures, r.ResCaptures = [][]byte{[]byte("a")}, [][]byte{[]byte("b")}
		if got := compileFormat(t, k.Name).Append(nil, r); len(got) == 0 {
			t.Errorf("%s wrote nothing", k.Name)
		}
	}
}

func TestTimesThatWereNotReached(t *testing.T) {
	r := sampleRecord()
	r.TR, r.Tw, r.Tc, r.Tr, r.Th, r.Ti = -1, -1, -1, -1, 0, 7
	if got := string(compileFormat(t, "%Tq %Td %Ti").Append(nil, r)); got != "-1 -1 7" {
		t.Errorf("got %q", got)
	}
	r.TR, r.Tr, r.Tw, r.Tc, r.Tt = 2, 3, 0, 0, 20
	if got := string(compileFormat(t, "%Tq %Td").Append(nil, r)); got != "9 8" {
		t.Errorf("got %q", got)
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	r := sampleRecord()
	r.ReqCaptures = [][]byte{[]byte("curl"), []byte("{x}")}
	dst := make([]byte, 0, 4096)
	for name, f := range map[string]*Format{"http": HTTPLog(), "tcp": TCPLog(), "default": DefaultLog(), "custom": compileFormat(t, "%{+Q}HU %T %Tl %{+X}ci %HPO %HQ %pid %H")} {
		if n := testing.AllocsPerRun(100, func() { dst = f.Append(dst[:0], r) }); n != 0 {
			t.Errorf("%s: %v allocations a line", name, n)
		}
	}
}

func BenchmarkHTTPLog(b *testing.B) {
	r := sampleRecord()
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		dst = HTTPLog().Append(dst[:0], r)
	}
}

// FuzzFormat compiles formats; lines never hold a control byte.
func FuzzFormat(f *testing.F) {
	for _, text := range compared {
		f.Add(text, "/x?y")
	}
	f.Add(facts, "/\x00\n\"{}")
	f.Add("%[src,lower]%%", "*")
	f.Add("%{+json}o %(a)HU %(b:str)CC %(c)[src] %(d)hrl", "\xff\\\"/")
	f.Add("%{+E,+Q}HU %{-M}[src] %{+X}cp", "]")
	f.Fuzz(func(t *testing.T, text, target string) {
		var p lang.Problems
		format := ParseFormat(text, httpPlace, lang.Word{}, &p)
		if (format == nil) != (p.Alerts() > 0) {
			t.Fatal(p.List)
		}
		if format == nil || strings.ContainsFunc(text, isControl) {
			return
		}
		r := sampleRecord()
		r.Target, r.Method, r.ReqCookie = []byte(target), []byte(target), []byte(target)
		r.ReqCaptures = [][]byte{[]byte(target)}
		r.Ctx = &rule.Ctx{Src: r.Client}
		line := string(format.Append(nil, r))
		if format.json && !json.Valid([]byte(line)) {
			t.Fatalf("%q of %q gave %q", text, target, line)
		}
		if strings.ContainsFunc(line, isControl) {
			t.Fatalf("%q of %q gave %q", text, target, line)
		}
	})
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
