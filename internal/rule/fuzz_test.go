package rule

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"bascule/internal/lang"
)

// fuzzRequests are what compiled conditions and formats are run on.
var fuzzRequests = requests[:4]

func fuzzWords(text string) []lang.Word {
	words, err := lang.Split(text, lang.Pos{File: "f", Line: 1, Col: 1}, func(string) (string, bool) { return "", false })
	if err != nil {
		return nil
	}
	return words
}

// FuzzCond compiles conditions and runs those that are accepted.
func FuzzCond(f *testing.F) {
	for _, c := range criteria {
		f.Add("if " + inBraces(c))
	}
	f.Add("unless !TRUE || { path /a } or { }")
	f.Add("if { rand(2) 1 } || { int(1),set-var(txn.a) 1 } { var(txn.a) 1 }")
	f.Add("if { hdr(a,-1),lower -m len 1:2 } !{ path -i -- x")
	f.Fuzz(func(t *testing.T, text string) {
		words := fuzzWords(text)
		var p lang.Problems
		c := ParseCond(words, &ACLs{}, &p)
		if (c == nil) != (len(words) == 0 || p.Alerts() > 0) {
			t.Fatalf("condition %v with %d alerts", c, p.Alerts())
		}
		for _, request := range fuzzRequests {
			x := parseRequest(t, request)
			if first := c.Match(x); first != c.Match(x) && !changes(text) {
				t.Fatal("a condition changed its mind")
			}
		}
	})
}

// FuzzFormat compiles formats and runs them: what they give never splits a head.
func FuzzFormat(f *testing.F) {
	for _, e := range expressions {
		f.Add("a%[" + strings.Trim(e, `"`) + "]b")
	}
	f.Add("%{+Q,-X}r %ci:%cp %% %[path,url_dec]")
	f.Add("%[var(txn.a)]%[rand]%[path,set-var(txn.a)]")
	f.Add("%[str('])'),lower] %{+E}HU%o%")
	f.Fuzz(func(t *testing.T, text string) {
		format, err := ParseFormat(text, HTTPRequest)
		if err != nil {
			return
		}
		for _, request := range fuzzRequests {
			x := parseRequest(t, request)
			first := bytes.Clone(format.eval(x))
			if format.pieces != nil && bytes.IndexFunc(first, isControl) >= 0 && strings.IndexFunc(text, isControl) < 0 {
				t.Fatalf("%q gave %q", text, first)
			}
			if again := format.eval(x); !changes(text) && !bytes.Equal(first, again) {
				t.Fatalf("%q gave %q, then %q", text, first, again)
			}
		}
	})
}

// changes says that a text has a fetch whose value is drawn anew each time, or a
// converter that sets what the next evaluation reads.
func changes(text string) bool {
	return strings.Contains(text, "rand") || strings.Contains(text, "uuid") || strings.Contains(text, "set-var")
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// FuzzAction compiles and runs http-request lines.
func FuzzAction(f *testing.F) {
	for _, e := range edits {
		f.Add(strings.Split(e, " ; ")[0])
	}
	for _, e := range replies {
		f.Add(strings.Split(e, " ; ")[0])
	}
	for _, e := range []string{`return content-type "a\r\nb" string x`, `deny content-type "%[path]\n" lf-string %[path]`, `redirect location "\n%[path]"`, `auth realm "\r\n"`} {
		f.Add(e)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words := fuzzWords(text)
		var p lang.Problems
		a := ParseAction(HTTPRequest, words, &ACLs{}, nil, &p)
		if (a == nil) != (p.Alerts() > 0) {
			t.Fatalf("action %v with %d alerts", a, p.Alerts())
		}
		if a == nil {
			return
		}
		for _, request := range fuzzRequests {
			x := parseRequest(t, request)
			var out Outcome
			Run([]*Action{a}, x, &out)
			if out.Answer != nil {
				checkFields(t, out.Answer)
			}
		}
	})
}

// checkFields says whether an answer's fields are whole lines.
func checkFields(t *testing.T, a *Answer) {
	for line := range strings.SplitAfterSeq(string(a.Fields), "\n") {
		if line == "" {
			continue
		}
		name, _, ok := strings.Cut(line, ":")
		if !ok || !isFieldName(name) || !strings.HasSuffix(line, "\r\n") || strings.Count(line, "\r") != 1 {
			t.Fatalf("answer has the line %q", line)
		}
	}
}

// FuzzErrorFile reads error files; what is accepted can be sent.
func FuzzErrorFile(f *testing.F) {
	stock, err := os.ReadFile("testdata/503.http")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(stock)
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
	f.Add([]byte("HTTP/1.0 503 \nA:b\n\n"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseErrorFile(data)
		if err != nil {
			return
		}
		checkFields(t, a)
		if a.Silent != (len(data) == 0) {
			t.Fatal("only an empty file is silent")
		}
		if !a.Silent && (a.Status < 200 || a.Status > 999 || !bytes.HasSuffix(data, a.Body)) {
			t.Fatalf("status %d, body %q", a.Status, a.Body)
		}
	})
}
