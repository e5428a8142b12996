package rule

import (
	"strings"
	"testing"

	"bascule/internal/wire"
)

const replyHead = "HTTP/1.1 404 Not Found\r\nServer: nginx/1.2\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nVia: x, y\r\nContent-Length: 7\r\n\r\n"

func parseReply(t testing.TB, x *Ctx, head string) {
	t.Helper()
	x.Res = new(wire.Reply)
	if res := x.Res.Parse([]byte(head), &wire.Limits{}, wire.MethodGet); res != wire.Done {
		t.Fatal(x.Res.Fault())
	}
}

func dumpReply(x *Ctx) string {
	return string(x.Res.AppendTo(nil, 1, x.Res.Body, x.Res.Length, wire.ConnNone))
}

func TestReplyRules(t *testing.T) {
	for _, c := range []struct{ name, lines, want string }{
		{"set-header replaces", "http-response set-header Server %[res.ver]-%[status]", "Server: 1.1-404\r\n"},
		{"del-header deletes all", "http-response del-header set-cookie", "\r\nVia:"},
		{"add-header adds", "http-response add-header Via z", "Via: x, y\r\nVia: z\r\n"},
		{"hdr is the reply's", "http-response set-header X %[hdr(server)]", "X: nginx/1.2\r\n"},
		{"the request's method is kept", "http-response set-header X y if METH_GET", "X: y\r\n"},
		{"the request's path is gone", "http-response set-header X y unless { path /a }", "X: y\r\n"},
		{"a status matches", "http-response set-header X y if { status 400:499 }", "X: y\r\n"},
		{"cookies that are set", "http-response set-header X %[res.cook(b)]-%[res.cook_cnt] if { res.cook(a) 1 }", "X: 2-2\r\n"},
		{"set-status has a reason", "http-response set-status 503 reason 'Not now'", "HTTP/1.1 503 Not now\r\n"},
		{"set-status finds its reason", "http-after-response set-status 299", "HTTP/1.1 299 Success\r\n"},
		{"replace-value", "http-after-response replace-value Via ^x$ z", "Via: z, y\r\n"},
		{"variables live on", "http-response set-var(txn.s) status\nhttp-after-response set-header X %[var(txn.s),add(1)]", "X: 405\r\n"},
		{"the server's name", "http-response set-header X-Server %s", "X-Server: s1\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := parseRequest(t, "GET /a HTTP/1.1\r\nHost: h\r\nServer: wrong\r\n\r\n")
			parseReply(t, x, replyHead)
			x.Server = "s1"
			var out Outcome
			Run(compileLines(t, c.lines), x, &out)
			if got := dumpReply(x); !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q in it", got, c.want)
			}
			if out.Verdict != Allow {
				t.Errorf("verdict %v", out.Verdict)
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name, lines string
		want        Outcome
	}{
		{"nothing matches", "http-request deny if FALSE", Outcome{}},
		{"deny", "http-request deny", Outcome{Verdict: Deny, Status: 403}},
		{"deny of a reply", "http-response deny", Outcome{Verdict: Deny, Status: 502}},
		{"tarpit", "http-request tarpit", Outcome{Verdict: Tarpit, Status: 500}},
		{"tarpit with status", "http-request tarpit deny_status 429", Outcome{Verdict: Tarpit, Status: 429}},
		{"reject", "http-request reject", Outcome{Verdict: Reject}},
		{"allow ends the list", "http-request allow\nhttp-request deny", Outcome{}},
		{"a service", "http-request use-service prometheus-exporter if { path /a }", Outcome{Verdict: Serve, Service: "prometheus-exporter"}},
		{"silent", "http-request set-log-level silent", Outcome{Silent: true}},
		{"a level", "http-request set-log-level err", Outcome{LogLevel: 4}},
		{"the level stays with a deny", "http-request set-log-level emerg\nhttp-request deny", Outcome{Verdict: Deny, Status: 403, LogLevel: 1}},
		{"the first final one wins", "http-request deny deny_status 404\nhttp-request deny", Outcome{Verdict: Deny, Status: 404}},
		{"a method that is none", "http-request set-method 'A B'", Outcome{Verdict: Deny, Status: 500}},
		{"a method that is none, tolerated", "http-request strict-mode off\nhttp-request set-method 'A B'", Outcome{Lenient: true}},
		{"return of an error file", "http-request return status 503 default-errorfiles", Outcome{Verdict: Return, Status: 503}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := parseRequest(t, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
			out := Outcome{Verdict: Reject, Status: 1, Answer: &Answer{}, Service: "old", Silent: true, LogLevel: 9}
			Run(compileLines(t, c.lines), x, &out)
			got := Outcome{Verdict: out.Verdict, Status: out.Status, Service: out.Service, Silent: out.Silent, LogLevel: out.LogLevel}
			c.want.Lenient = false
			if !sameOutcome(got, c.want) || out.Answer != nil {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func sameOutcome(a, b Outcome) bool {
	return a.Verdict == b.Verdict && a.Status == b.Status && a.Service == b.Service && a.Silent == b.Silent && a.LogLevel == b.LogLevel
}

func TestFinalActionsKnowIt(t *testing.T) {
	for line, want := range map[string]bool{
		"http-request deny": true, "http-request deny if TRUE": false, "http-request set-header X y": false, "http-request allow": true,
	} {
		if got := compileLines(t, line)[0].Final(); got != want {
			t.Errorf("%s: final %v, want %v", line, got, want)
		}
	}
}

func TestACLFilesAndAlternatives(t *testing.T) {
	files := map[string]string{"list": "# comment\n /a \n\n/b\r\n/c\n", "bad": "10.0.0.1\nnonsense\n"}
	acls := &ACLs{ReadFile: func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, errNotThere
	}}
	compileLine(t, "acl listed path -f list", acls)
	compileLine(t, "acl listed path -i /D", acls)
	c := ParseCond(split(t, "if listed"), acls, nil)
	for path, want := range map[string]bool{"/a": true, "/b": true, "/c": true, "/d": true, "/D": true, "/A": false, "/e": false} {
		if got := c.Match(parseRequest(t, "GET "+path+" HTTP/1.1\r\nHost: h\r\n\r\n")); got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
	_, p := compileLine(t, "acl x src -f bad", acls)
	if len(p.List) != 1 || !strings.Contains(p.List[0].Text, "line 2 of file 'bad'") {
		t.Errorf("got %v", p.List)
	}
}

type notThere struct{}

func (notThere) Error() string { return "not there" }

var errNotThere = notThere{}

func TestVariablesOfARequestAreForgotten(t *testing.T) {
	x := parseRequest(t, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
	Run(compileLines(t, "http-request set-var(sess.a) path\nhttp-request set-var(txn.b) src\nhttp-request set-var(req.c) int(1)"), x, new(Outcome))
	x.Vars.ResetStream()
	for name, want := range map[string]bool{"sess.a": true, "txn.b": false, "req.c": false} {
		if got := x.Vars.find(name) != nil; got != want {
			t.Errorf("%s is there: %v, want %v", name, got, want)
		}
	}
	x.Vars.Reset()
	if x.Vars.find("sess.a") != nil {
		t.Error("sess.a outlived its session")
	}
}

func TestVariablesAreBounded(t *testing.T) {
	var v Vars
	for i := range 2 * MaxVars {
		v.set("txn."+strings.Repeat("x", i), &Sample{Kind: KindInt, Int: int64(i)})
	}
	if len(v.list) != MaxVars {
		t.Errorf("got %d variables, want %d", len(v.list), MaxVars)
	}
}

func TestCaptureKeepsAValue(t *testing.T) {
	x := parseRequest(t, "GET /abcdefgh HTTP/1.1\r\nHost: h\r\n\r\n")
	x.Captures = make([][]byte, 1)
	Run(compileLines(t, "http-request capture path len 4\nhttp-request set-header X %[capture.req.hdr(0)]"), x, new(Outcome))
	if got := string(x.Captures[0]); got != "/abc" {
		t.Errorf("got %q", got)
	}
	if i := x.Req.Find([]byte("x"), 0); i < 0 || string(x.Req.Value(&x.Req.Fields[i])) != "/abc" {
		t.Error("the captured value is not seen by later rules")
	}
}
