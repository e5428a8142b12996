package logs

import (
	"encoding/json"
	"net/netip"
	"testing"

	"bascule/internal/rule"
)

func TestLinesInJSON(t *testing.T) {
	for _, c := range []struct{ format, want string }{
		{`%{+json}o text %ci %(client)ci:%(port)cp`, `{"client": "192.0.2.7", "port": 40000}`},
		{`%{+json}o %(status)ST %(sent:str)B %(ok:bool)ST`, `{"status": 200, "sent": "1234", "ok": true}`},
		{`%{+json}o %(uri)HU %(request)r`, `{"uri": "/x?y=#22\\", "request": "GET /x?y=#22\\ HTTP/1.1"}`},
		{`%{+json}o %(cookie)CC %(none)CS %(tls)sslv`, `{"cookie": "a\"\u0001é\u00E9", "none": "", "tls": ""}`},
		{`%{+json}o %(date)t %(utc)T %(ms)ms %(hex){+X}cp`, `{"date": "04/Mar/2026:05:06:07.089", "utc": "04/Mar/2026:05:06:07 +0000", "ms": 89, "hex": "9C40"}`},
		{`%{+json}o %(all)hr %(apart)hrl %(reply)hs %(query)HQ`, `{"all": "{a#7Bb|}", "apart": ["a#7Bb", ""], "reply": null, "query": "?y=#22\\"}`},
		{`%{+json}o %(term)ts %(end)tsc %(back)b %(srv)s %(fe)ft %(retries)rc`, `{"term": "--", "end": "--NI", "back": "app", "srv": "<NOSRV>", "fe": "public", "retries": 2}`},
		{`%{+json}o %(n)[src_port] %(n2:str)[src_port] %(b)[bool(true)] %(b2:bool)[int(0)] %(s)[str(1)] %(s2:sint)[str(7x)] %(a)[src] %(miss)[var(txn.x)]`,
			`{"n": 40000, "n2": "40000", "b": true, "b2": false, "s": "1", "s2": 7, "a": "192.0.2.7", "miss": ""}`},
		{`%{+json}o`, `{}`},
		{`%{+json}HU %ci`, `"/x?y=#22\\" 192.0.2.7`},
		{`%(named)ci`, `192.0.2.7`},
	} {
		r := sampleRecord()
		r.Target, r.ReqCookie, r.Server = []byte(`/x?y="\`), []byte("a\"\x01é\xe9"), ""
		r.ReqCaptures = [][]byte{[]byte("a{b"), nil}
		r.Retries, r.Redispatched = 2, true
		r.Ctx = &rule.Ctx{Src: netip.MustParseAddrPort("192.0.2.7:40000")}
		got := string(compileFormat(t, c.format).Append(nil, r))
		if got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.format, got, c.want)
		}
		if c.format[:4] == "%{+j" && c.format != `%{+json}HU %ci` && !json.Valid([]byte(got)) {
			t.Errorf("%s is no JSON", got)
		}
	}
}

func TestEveryTagIsAValueOfJSON(t *testing.T) {
	for _, asap := range []bool{false, true} {
		for _, tag := range tagTable {
			r := sampleRecord()
			r.ASAP, r.Redispatched = asap, true
			for _, flags := range []string{"", "{+X}", "{+Q}", "{+E}", "{-M}"} {
				line := compileFormat(t, "%{+json}o %(a)"+flags+tag.name+" %(b:str)"+tag.name).Append(nil, r)
				if !json.Valid(line) {
					t.Errorf("%%%s%s: %s", flags, tag.name, line)
				}
			}
		}
	}
}

func TestJSONDoesNotAllocate(t *testing.T) {
	r := sampleRecord()
	r.Ctx = &rule.Ctx{Src: r.Client, Frontend: "public"}
	f := compileFormat(t, `%{+json}o %(client)ci %(uri)HU %(date)t %(headers)hr %(port)[src_port] %(name)[fe_name] %(from)[src]`)
	dst := f.Append(make([]byte, 0, 4096), r)
	if n := testing.AllocsPerRun(100, func() { dst = f.Append(dst[:0], r) }); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}
