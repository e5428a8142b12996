package rule

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bascule/internal/wire"
)

// criteria are conditions that a running haproxy must judge as we do.
var criteria = []string{
	"path /a/b/c.html", "path -i /A/B/C.HTML", "path_beg /a /x", "path_end .html", "path_sub b/c", "path_dir b", "path_dir /b/", "path_dir a/b",
	"path_dir b/c", "path_dir c", "path_dom html", "path_dom c.html", "path_dom -i HTML b", "path_reg ^/a.*l$", "path_reg -i ^/A", "path_len 1", "path_len gt 5", "path_len 2:14",
	"url_beg /a", "url *", "url_sub x=1", "url_dom example", "url_dir p", "url_end n", "url_len lt 5", "url_reg b.c", "base_beg www.Example.org:8080/a", "base_sub example", "base_dom example",
	"hdr(h) a", "hdr(h) b", "hdr(h) c", "hdr(h) -i D", "hdr(h) -m found", "hdr(nope) -m found", "hdr_cnt(h) 7", "hdr_cnt(h) gt 1", "hdr_sub(h) e,f", "hdr_beg(host) www.",
	"hdr_dom(host) -i example.org", "hdr_dom(host) example", "hdr_end(host) :8080", "hdr_len(h) 1", "hdr_reg(h) ^[a-c]$", "hdr(h,1) a", "hdr(h,1) b", "hdr(h,-1) g", "req.hdr(h,2) b",
	"hdr_ip(ip) 1.2.3.4", "hdr_ip(ip) 1.2.0.0/16", "hdr_ip(ip) 2001:db8::/32", "hdr_ip(ip) 10.0.0.0/255.0.0.0", "hdr_val(v) 12", "hdr_val(v) 10:12", "hdr_val(v) ge 13 le 12", "hdr_val(n) lt 0",
	"req.cook(c) 1", "req.cook(c) 3", "req.cook(c) 4", "req.cook(c) 9", "req.cook(y) 6", "req.cook(q) -m sub a;b", "req.cook 5", "cook_beg(c) 4", "req.cook_cnt(c) 3", "req.cook_cnt gt 3",
	"urlp(x) 4", "urlp(x) 1", "urlp(y) 2", "urlp(z) 3", "urlp(n) -m found", "urlp(e) -m found", "urlp_len(x) 1", "urlp_val(x) gt 3", "urlp 3", "url_param(x) -m str 4",
	"method GET", "method POST PUT", "method get", "method -i get", "METH_GET", "src 127.0.0.1", "src 127.0.0.0/8", "src 10.0.0.0/8", "src ::1", "LOCALHOST", "dst 127.0.0.1", "src_port gt 1023",
	"req.ver 1.1", "HTTP_1.0", "HTTP_1.1", "HTTP_URL_STAR", "HTTP_URL_SLASH", "HTTP_URL_ABS", "HTTP_CONTENT", "TRUE", "FALSE", "HTTP", "WAIT_END", "http_first_req",
	"always_true", "always_false", "bool(true)", "int(5) 5", "int(5) gt 4", "int(5) -m bool", "int(0) -m bool", "str(abc) abc", "str(1) -m int 1", "str(10) -m int gt 9", "str(1.2.3.4) -m ip 1.0.0.0/8",
	"src -m str 127.0.0.1", "src -m beg 127.", "src_port -m sub 1", "method -m len 3", "str(a) -m bin 61", "path -m bool", "hdr_val(n) -m bool", "path -- -x", "path,lower -m beg /a/b", "path,length gt 5",
	"req.hdr(h),upper -m str B", "req.hdr(ip),length gt 5", "var(txn.v) -m str vAl", "var(txn.v) -i -m str val", "var(txn.none) -m found", "fe_name f", "be_name f", "query -m found", "query -m len 0", "req.proto_http",
	"path_beg /b || path_beg /a", // not an or: patterns
	"hdr(host) -m dom example", "hdr(x-data) -m sub GVs", "req.fhdr(h) -m end g", "req.fhdr(h,1) a,\\ b\\ ,c", "status 200", "res.hdr(x) y",
}

func TestConditionsHoldAsInHAProxy(t *testing.T) {
	var cfg strings.Builder
	const sets = " http-request set-var(txn.v) str(vAl)\n"
	cfg.WriteString(sets)
	for i, c := range criteria {
		fmt.Fprintf(&cfg, " http-request set-header r%d 1 if %s\n", i, inBraces(c))
		fmt.Fprintf(&cfg, " http-request set-header u%d 1 unless %s\n", i, inBraces(c))
	}
	addr := startHAProxy(t, " acl twice path /a\n acl twice path_end html\n"+cfg.String()+
		" http-request set-header twice 1 if twice !{ path_beg /z }\n http-request set-header empty 1 if\n http-request set-header emptyu 1 unless\n"+
		" http-request set-header or 1 if or twice || or FALSE\n http-request set-header not 1 if !!twice ! FALSE\n"+
		" http-request return status 200 content-type text/plain lf-string %[req.hdr_names]\n")
	acls := compiledACLs(t, "acl twice path /a", "acl twice path_end html")
	list := compileWith(t, cfg.String()+"http-request set-header twice 1 if twice !{ path_beg /z }\nhttp-request set-header empty 1 if\n"+
		"http-request set-header emptyu 1 unless\nhttp-request set-header or 1 if or twice || or FALSE\nhttp-request set-header not 1 if !!twice ! FALSE\n", acls)
	for _, request := range requests {
		_, body, from := ask(t, addr, request)
		x := parseRequest(t, request)
		x.Src, x.Dst = from.(*net.TCPAddr).AddrPort(), netAddr(addr)
		Run(list, x, new(Outcome))
		ours, _ := mustExpr(t, "req.hdr_names").Eval(x)
		got, want := strings.Split(string(ours), ","), strings.Split(body, ",")
		for i, c := range criteria {
			for _, side := range [...]string{"r", "u"} {
				name := fmt.Sprint(side, i)
				if g, w := slices.Contains(got, name), slices.Contains(want, name); g != w {
					t.Errorf("%s %s of %q: we say %v, haproxy %v", map[string]string{"r": "if", "u": "unless"}[side], c, request[:strings.Index(request, "\r")], g, w)
				}
			}
		}
		for _, name := range [...]string{"twice", "empty", "emptyu", "or", "not"} {
			if g, w := slices.Contains(got, name), slices.Contains(want, name); g != w {
				t.Errorf("%s of %q: we say %v, haproxy %v", name, request[:strings.Index(request, "\r")], g, w)
			}
		}
	}
}

// inBraces makes an anonymous ACL of a criterion; names of predefined ones stay.
func inBraces(c string) string {
	if _, ok := predefined[c]; ok {
		return c
	}
	return "{ " + c + " }"
}

func compiledACLs(t testing.TB, lines ...string) *ACLs {
	acls := &ACLs{ReadFile: os.ReadFile}
	for _, line := range lines {
		if _, p := compileLine(t, line, acls); len(p.List) > 0 {
			t.Fatal(line, p.List)
		}
	}
	return acls
}

func mustExpr(t testing.TB, text string) *Expr {
	t.Helper()
	e, _, err := ParseExpr(split(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// edits are lists of actions, separated by " ; ".
var edits = []string{
	"set-header X new", "set-header x %[req.hdr(x)]-more", "set-header New %[path]:%[src]", "add-header X again", "add-header X %[method]",
	"del-header X", "del-header x", "del-header X- -m beg", "del-header ata -m sub", "del-header A$ -m reg", "del-header A -m end", "del-header Ost -m str",
	"replace-header X one 1", "replace-header X (o)ne \\1\\0", "replace-header X nothing 1", "replace-header H (.*),(.*) \\2,\\1", "replace-value H [a-c] <\\0>", "replace-value H ^.$ z",
	"replace-value H nothing z", "replace-header X .* %[path]", "replace-header X n N", "replace-header X e$ N", "replace-value H [ac] <\\0>", "replace-value X t(.*)e T\\1E", "replace-header Nope .* y",
	"set-method PATCH", "set-method %[method]X", "set-path /new", "set-path /new%[path]", "set-path new", "set-path /a?b", "set-pathq /n?q=1", "set-pathq %[pathq]&z", "set-pathq /only",
	"set-query a=b", "set-query %[query]&more", "set-query ?x", "set-uri /x?y", "set-uri http://other.example/z", "set-uri %[url]", "set-uri *",
	"replace-path (.*) /pre\\1", "replace-path ^/a(/.*)?$ /z\\1", "replace-path nothing x", "replace-pathq (.*)\\?(.*) \\1?\\2&r", "replace-uri (.*) \\1", "replace-uri b/c B", "replace-path [/] -",
	"set-var(txn.q) path,upper ; set-header X %[var(txn.q)]", "set-var(txn.q) str(a) ; set-var(txn.q,ifexists) str(b) ; set-header X %[var(txn.q)]",
	"set-var(txn.q,ifexists) str(b) ; set-header X %[var(txn.q)]", "set-var(txn.q,ifnotexists) str(b) ; set-header X %[var(txn.q)]",
	"set-var(txn.q) str(a) ; set-var(txn.q,ifnotexists) str(b) ; set-header X %[var(txn.q)]", "set-var(txn.q,ifnotempty) req.hdr(x) ; set-header X [%[var(txn.q)]]",
	"set-var(txn.q) str(a) ; unset-var(txn.q) ; set-header X [%[var(txn.q)]]", "set-var(txn.q) req.hdr(nope) ; set-header X [%[var(txn.q)]]",
	"set-var(txn.q) str(a) ; set-var(txn.q) req.hdr(nope) ; set-header X [%[var(txn.q)]]", "set-var-fmt(txn.q) %[path]-%[method] ; set-header X %[var(txn.q)]",
	"set-var(txn.q) int(3) ; set-var(txn.q,ifgt) int(2) ; set-header X %[var(txn.q)]", "set-var(txn.q) int(3) ; set-var(txn.q,iflt) int(2) ; set-header X %[var(txn.q)]",
	"set-header X \"a   b\"", "set-header X %%%[path]%%", "set-header X %{+Q}[path]", "set-header X %{+E}[req.hdr(h)]", "set-header X %{+X}[src]", "set-header X %{+Q,+E}[req.fhdr(h)]", "set-header X \"%{+Q}o %[path] %[method]\"",
	"set-header X %HM-%HP-%HPO-%HQ-%HU-%HV", "set-header X %ci-%fi-%f-%b-%s", "set-header X \"%r\"", "set-header X \"%{+Q}r\"", "set-header X %[path,url_dec]",
	"set-header X a ; del-header X ; add-header X b ; set-header Y %[req.hdr(x)]", "allow ; set-header X never", "strict-mode off ; set-header X y",
}

var editRequests = []string{
	"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /a/b/c?q=1&z=?2 HTTP/1.1\r\nHost: h\r\nX: one\r\nX: two, three\r\nH: a, b ,c\r\nH: \"d,e\"]\r\nX-Data: 1\r\nX-A: 2\r\n\r\n",
	"GET http://abs.example/p?r=s HTTP/1.1\r\nHost: abs.example\r\nX: one\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: h\r\nX: one\r\n\r\n",
	"GET /%41?#HTTP/1.1 HTTP/1.1\r\nHost: h\r\n\r\n"[:9] + " HTTP/1.1\r\nHost: h\r\nX:\r\n\r\n",
}

// differingEdits names what is done otherwise than by haproxy 2.6, and why.
var differingEdits = map[string]string{
	"set-method PATCH":      "haproxy goes on showing the method as it came",
	"set-method %[method]X": "haproxy goes on showing the method as it came",
	"replace-uri b/c B":     "haproxy makes a target without a slash the Host field too",
}

func TestActionsEditAsHAProxy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(path, []byte("%[method] %[url]\n%[req.hdrs]"), 0o600); err != nil {
		t.Fatal(err)
	}
	var cfg strings.Builder
	for i, e := range edits {
		for one := range strings.SplitSeq(e, " ; ") {
			fmt.Fprintf(&cfg, " http-request %s if { req.hdr(case) %d }\n", one, i)
		}
	}
	answer := " http-request return status 200 content-type text/plain lf-file " + path + "\n"
	// allow ends the frontend's rules: the answer is given by the backend's
	addr := startHAProxy(t, cfg.String()+answer+" default_backend b\nbackend b\n"+answer)
	for i, e := range edits {
		list := compileLines(t, " http-request "+strings.ReplaceAll(e, " ; ", "\n http-request "))
		for _, request := range editRequests {
			request = strings.Replace(request, "\r\n", fmt.Sprintf("\r\nCase: %d\r\n", i), 1)
			res, body, from := ask(t, addr, request)
			x := parseRequest(t, request)
			x.Src, x.Dst, x.Backend = from.(*net.TCPAddr).AddrPort(), netAddr(addr), "f"
			var out Outcome
			Run(list, x, &out)
			got, want := dump(x), strings.ReplaceAll(body, "%0D%0A", "\n")
			if out.Verdict == Deny {
				got, want = fmt.Sprint(out.Status), fmt.Sprint(res.StatusCode)
			}
			checkWritten(t, e, x)
			if got != want && differingEdits[e] == "" {
				t.Errorf("%s of %q:\nwe     %q\nhaproxy %q", e, request[:strings.Index(request, "\r")], got, want)
			}
		}
	}
}

// checkWritten writes the edited head and reads it again: it says the same.
func checkWritten(t *testing.T, what string, x *Ctx) {
	t.Helper()
	out := x.Req.AppendTo(nil, x.Req.Body, x.Req.Length, wire.ConnNone)
	var again wire.Request
	if res := again.Parse(out, &wire.Limits{}); res != wire.Done {
		if !bytes.HasPrefix(x.Req.Target(), []byte("/")) {
			return // some edits make targets that no parser takes
		}
		t.Fatalf("%s wrote %q: %v", what, out, again.Fault())
	}
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") } // blanks around values do not count
	if got, want := squeeze(dump(&Ctx{Req: &again})), squeeze(dump(x)); got != want {
		t.Errorf("%s wrote %q, meant %q", what, got, want)
	}
}

// dump shows a request as the oracle's answer does.
func dump(x *Ctx) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", x.Req.MethodBytes(), x.Req.Target())
	for i := range x.Req.Fields {
		if f := &x.Req.Fields[i]; !f.Deleted {
			fmt.Fprintf(&b, "%s: %s\n", strings.ToLower(string(x.Req.Name(f))), x.Req.Value(f))
		}
	}
	return b.String() + "\n"
}

var replies = []string{
	"deny", "deny deny_status 429", "deny status 404 hdr X-A b", "deny status 418 content-type text/plain string teapot", "deny status 503 content-type text/plain lf-string %[path]-%[src]",
	"return", "return status 201 hdr Location /x hdr X-N %[method]", "return status 204", "return status 299 content-type a/b string x", "return content-type text/plain lf-string \"a   b %[path] %%\"",
	"return status 503 default-errorfiles", "return status 503 errorfile testdata/503.http", "return status 404 errorfile testdata/503.http",
	"redirect location /x", "redirect location /x%[path] code 301", "redirect prefix http://p.example", "redirect prefix http://p.example drop-query", "redirect prefix /p drop-query append-slash code 303",
	"redirect prefix / drop-query append-slash code 307", "redirect prefix / code 308", "redirect scheme https", "redirect scheme https drop-query code 301", "redirect scheme https drop-query append-slash",
	"redirect location /x set-cookie A=1", "redirect location /x set-cookie A", "redirect location /x clear-cookie A", "redirect location /x clear-cookie A=", "redirect location %[req.hdr(nope)] ignore-empty ; deny",
	"redirect location %[req.hdr(nope)]", "redirect prefix %[req.hdr(nope)]", "redirect location /%[path,url_dec]",
}

func TestAnswersAreHAProxys(t *testing.T) {
	var cfg strings.Builder
	for i, e := range replies {
		for one := range strings.SplitSeq(e, " ; ") {
			fmt.Fprintf(&cfg, " http-request %s if { req.hdr(case) %d }\n", one, i)
		}
	}
	addr := startHAProxy(t, cfg.String())
	for i, e := range replies {
		list := compileLines(t, " http-request "+strings.ReplaceAll(e, " ; ", "\n http-request "))
		for _, request := range []string{
			"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a/b?q=1&z=?2 HTTP/1.1\r\nHost: h:81\r\n\r\n", "GET /a/b/?q HTTP/1.1\r\nHost: h\r\n\r\n",
			"GET http://abs.example/p?r=s HTTP/1.1\r\nHost: abs.example\r\n\r\n", "GET /a%41 HTTP/1.0\r\n\r\n",
		} {
			request = strings.Replace(request, "\r\n", fmt.Sprintf("\r\nCase: %d\r\n", i), 1)
			res, body, from := ask(t, addr, request)
			x := parseRequest(t, request)
			x.Src, x.Dst = from.(*net.TCPAddr).AddrPort(), netAddr(addr)
			var out Outcome
			Run(list, x, &out)
			compareAnswer(t, e+" of "+request[:strings.Index(request, "\r")], &out, res, body)
		}
	}
}

// compareAnswer checks status, fields and body; texts of default pages are our own.
func compareAnswer(t *testing.T, what string, out *Outcome, res *http.Response, body string) {
	t.Helper()
	a := out.Answer
	if a == nil {
		a = DefaultAnswer(out.Status)
		body = string(a.Body)
	}
	if a.Status != res.StatusCode || !strings.HasSuffix(res.Status, " "+a.Reason) {
		t.Errorf("%s: we answer %d %s, haproxy %s", what, a.Status, a.Reason, res.Status)
	}
	if string(a.Body) != body {
		t.Errorf("%s: our body is %q, haproxy's %q", what, a.Body, body)
	}
	var want []string
	for name, values := range res.Header {
		for _, v := range values {
			if name != "Content-Length" && name != "Connection" {
				want = append(want, strings.ToLower(name)+": "+v)
			}
		}
	}
	var got []string
	for line := range strings.Lines(string(a.Fields)) {
		name, v, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		got = append(got, strings.ToLower(name)+": "+v)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: our fields are %q, haproxy's %q", what, got, want)
	}
}
