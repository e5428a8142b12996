package rule

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// steady are rules that a busy frontend has; they must not allocate.
const steady = `http-request set-header X-Forwarded-Proto http
http-request set-header X-Client %[src]:%cp
http-request add-header X-Path %[path,lower]
http-request del-header X-Debug
http-request set-var(txn.host) req.hdr(host),lower
http-request set-header X-Host %[var(txn.host)] if { var(txn.host) -m found }
http-request set-path /v1%[path] if { path_beg /api/ } METH_GET { src 127.0.0.0/8 10.0.0.0/8 }
http-request deny deny_status 429 if { path_reg ^/private/ } or { hdr_ip(x-forwarded-for,-1) 192.0.2.0/24 }
http-request redirect location /new%[path] if { path_end .gone }
http-request return status 200 content-type text/plain lf-string %[path] if { path /ping }
http-request deny if { req.cook(bad) -i yes }
`

const steadyRequest = "GET %s HTTP/1.1\r\nHost: WWW.example\r\nUser-Agent: curl/8\r\nAccept: */*\r\nX-Debug: 1\r\nX-Forwarded-For: 198.51.100.7, 203.0.113.9\r\nCookie: a=1; bad=no\r\n\r\n"

func steadyCtx(t testing.TB, path string) *Ctx {
	x := parseRequest(t, "GET "+path+steadyRequest[len("GET %s"):])
	x.Src = netip.MustParseAddrPort("127.0.0.1:40000")
	return x
}

func TestSteadyRulesDoNotAllocate(t *testing.T) {
	list := compileLines(t, steady)
	for path, want := range map[string]Verdict{"/api/x": Allow, "/private/y": Deny, "/z.gone": Redirect, "/ping": Return} {
		x := steadyCtx(t, path)
		head := append([]byte(nil), x.Req.Buf...)
		var out Outcome
		once := func() {
			x.Req.Parse(head, nil)
			x.Vars.ResetStream()
			Run(list, x, &out)
		}
		x.Vars = new(Vars)
		if n := testing.AllocsPerRun(200, once); n != 0 {
			t.Errorf("%s: %v allocations a run", path, n)
		}
		if out.Verdict != want {
			t.Errorf("%s: verdict %v, want %v", path, out.Verdict, want)
		}
	}
}

func TestNoExpressionAllocates(t *testing.T) {
	allowed := []string{"regsub", "b64dec"} // finding groups and refusing bad input allocate
	for _, text := range expressions {
		text = strings.Trim(text, `"`)
		e := mustFormat(t, "%["+text+"]")
		x := parseRequest(t, requests[1])
		x.Src = netip.MustParseAddrPort("127.0.0.1:40000")
		e.eval(x)
		if n := testing.AllocsPerRun(200, func() { e.eval(x) }); n != 0 && !slices.ContainsFunc(allowed, func(c string) bool { return strings.Contains(text, c) }) {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

func mustFormat(t testing.TB, text string) *Format {
	t.Helper()
	f, err := ParseFormat(text, HTTPRequest)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func BenchmarkRunElevenRules(b *testing.B) {
	list := compileLines(b, steady)
	x := steadyCtx(b, "/api/x")
	x.Vars = new(Vars)
	head := append([]byte(nil), x.Req.Buf...)
	var out Outcome
	b.ReportAllocs()
	for b.Loop() {
		x.Req.Parse(head, nil)
		x.Vars.ResetStream()
		Run(list, x, &out)
	}
}

// BenchmarkRunTwoRules is what the deployment's frontend asks for.
func BenchmarkRunTwoRules(b *testing.B) {
	acls := compiledACLs(b, "acl is_stream path_beg /hls/ /stream/")
	list := compileWith(b, "http-request set-header X-Forwarded-Proto http", acls)
	cond := ParseCond(split(b, "if is_stream"), acls, nil)
	x := steadyCtx(b, "/api/x")
	head := append([]byte(nil), x.Req.Buf...)
	var out Outcome
	b.ReportAllocs()
	for b.Loop() {
		x.Req.Parse(head, nil)
		Run(list, x, &out)
		cond.Match(x)
	}
}

func BenchmarkParseAlone(b *testing.B) {
	x := steadyCtx(b, "/api/x")
	head := append([]byte(nil), x.Req.Buf...)
	for b.Loop() {
		x.Req.Parse(head, nil)
	}
}
