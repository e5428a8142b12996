package rule

import (
	"math"
	"strings"
	"testing"
)

// evalFresh evaluates with a Ctx that has never been used: no memory of an
// earlier evaluation helps.
func evalFresh(t *testing.T, sets, text string) (string, bool) {
	t.Helper()
	x := parseRequest(t, requests[1])
	Run(compileLines(t, sets), x, new(Outcome))
	x.Scratch = nil
	v, ok := mustExpr(t, text).Eval(x)
	return string(v), ok
}

func TestExpressionsThatWentWrong(t *testing.T) {
	const key = "http-request set-var(txn.key) str(c2VjcmV0c2VjcmV0c2VjcmV0)\nhttp-request set-var(txn.a) str(abcdef)"
	for _, tt := range [...]struct{ expr, want string }{
		{"path,hmac(sha1,txn.key),hex,length", "40"},
		{"var(txn.a),bytes(2),set-var(txn.a)", "cdef"},
		{"var(txn.a),bytes(2),set-var(txn.a),concat(-,txn.a)", "cdef-cdef"},
		{"path,field(2,/,9223372036854775807)", "a/b/c.html"},
		{"path,field(-1,/,9223372036854775807)", "/a/b/c.html"},
		{"path,word(2,/,9223372036854775807)", "b/c.html"},
		{"str(aaab),regsub(^a,x,g)", "xaab"},
	} {
		if got, _ := evalFresh(t, key, tt.expr); got != tt.want {
			t.Errorf("%s is %q, want %q", tt.expr, got, tt.want)
		}
	}
}

func TestPayloadOffsetsBeyondAllNumbersGiveNothing(t *testing.T) {
	const most = math.MaxInt64
	for _, args := range [][]arg{{{num: 1}, {num: most}}, {{num: most}, {num: 1}}, {{num: most}, {num: most}}} {
		x := &Ctx{Payload: []byte("\x00\x05hello")}
		if fetchPayload(x, args, &Sample{}) {
			t.Errorf("payload(%d,%d) is there", args[0].num, args[1].num)
		}
		if fetchPayloadLV(x, []arg{args[0], {num: 4}}, &Sample{}) {
			t.Errorf("payload_lv(%d,4) is there", args[0].num)
		}
	}
	for _, third := range []string{"9223372036854775807", "+9223372036854775807", "-9223372036854775808"} {
		if fetchPayloadLV(&Ctx{Payload: []byte("\x00\x05hello")}, []arg{{}, {num: 2}, {text: third}}, &Sample{}) {
			t.Errorf("payload_lv(0,2,%s) is there", third)
		}
	}
}

func TestBrokenJSONIsNothing(t *testing.T) {
	for _, text := range []string{`{"a":"x\`, `{"a`, `{"a":"\`, `{"a\`, `["\`, `{"a":{"b":"c\`, `{"b":"\`, "{", "[", `{"a":`, strings.Repeat("[", 100)} {
		path, err := parsePath("$.a")
		if err != nil {
			t.Fatal(err)
		}
		b := []byte(text)
		if convJSONQuery(&Ctx{}, []arg{{path: path}}, &Sample{Kind: KindStr, Bytes: b[:len(b):len(b)]}) {
			t.Errorf("%s has an a", text)
		}
	}
}

func TestAVariableDoesNotDoubleForever(t *testing.T) {
	list := compileLines(t, "http-request set-var(sess.s,ifnotexists) str(ab)\nhttp-request set-var(sess.s) var(sess.s),concat(,sess.s)\n"+
		"http-request set-var(proc.doubling,ifnotexists) str(ab)\nhttp-request set-var(proc.doubling) var(proc.doubling),concat(,proc.doubling)")
	x := parseRequest(t, requests[0])
	for range 40 {
		Run(list, x, new(Outcome))
	}
	for _, name := range []string{"sess.s", "proc.doubling"} {
		if n := len(x.Vars.find(name).bytes); n != maxVarBytes {
			t.Errorf("%s has %d bytes", name, n)
		}
	}
}

// An ACL on a parameter must not be asked again and again once there are none left.
func TestAnACLEndsWithTheLastOccurrence(t *testing.T) {
	calls := 0
	for i := range fetchTable {
		if f := &fetchTable[i]; f.name == "urlp" {
			was := f.eval
			f.eval = func(x *Ctx, args []arg, s *Sample) bool { calls++; return was(x, args, s) }
			defer func() { f.eval = was }()
		}
	}
	x := parseRequest(t, "GET /?x=1&y HTTP/1.1\r\nHost: h\r\n\r\n")
	Run(compileLines(t, "http-request deny if { urlp(x) 2 }"), x, new(Outcome))
	if calls < 2 || calls > 3 {
		t.Errorf("the parameter was looked for %d times", calls)
	}
}
