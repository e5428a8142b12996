package lang

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func lookup(name string) (string, bool) {
	values := map[string]string{"SET": "a value", "EMPTY": "", "LIST": "one two", "BLANKS": "  x  "}
	v, ok := values[name]
	return v, ok
}

// shown is every word with its column and length, or the mistake.
func shown(raw string) string {
	words, err := Split(raw, Pos{File: "t.cfg", Line: 1, Col: 1}, lookup)
	var b strings.Builder
	for _, w := range words {
		fmt.Fprintf(&b, "[%s]%d+%d ", w.Text, w.Pos.Col, w.Len)
	}
	if err != nil {
		b.WriteString(err.Error())
	}
	return strings.TrimSpace(b.String())
}

func TestSplitGivesWordsWithTheirPlaces(t *testing.T) {
	for raw, want := range map[string]string{
		"":                        "",
		"   ":                     "",
		"# comment":               "",
		"  bind :80  # comment":   "[bind]3+4 [:80]8+3",
		"a\tb":                    "[a]1+1 [b]3+1",
		`"two words" x`:           "[two words]1+11 [x]13+1",
		`a"b c"d`:                 "[ab cd]1+7",
		`one\ two`:                "[one two]1+8",
		`"$SET" $SET`:             "[a value]1+6 [$SET]8+4",
		`"${UNSET-x y}"`:          "[x y]1+14",
		`x"${LIST[*]}"y z`:        "[xone]1+12 [twoy]1+14 [z]16+1",
		`"${BLANKS[*]}"`:          "[]1+13 [x]1+13 []1+14",
		`"" a`:                    "[]1+2 [a]4+1",
		"line\r":                  "[line]1+4",
		`a "b`:                    "[a]1+1 unmatched quote at position 3",
		`a\xZZ`:                   "truncated or invalid hexadecimal sequence at position 2",
		`"$9"`:                    "forbidden first char in environment variable name at position 3",
		`"${SET"`:                 "unmatched brace in environment variable name at position 3",
		`ok "${SET[2]}"`:          "[ok]1+2 truncated or invalid word expansion sequence at position 10",
		"a\vb\fc":                 "[a]1+1 [b]3+1 [c]5+1",
		`back\`:                   `[back\]1+5`,
		`^/a\.b$ '\x41' "\x41\t"`: "[^/a\\.b$]1+7 [\\x41]9+6 [A\t]16+8",
	} {
		if got := shown(raw); got != want {
			t.Errorf("%q: got %s, want %s", raw, got, want)
		}
	}
}

func FuzzWords(f *testing.F) {
	for _, seed := range []string{`a "b c" d\ e # f`, `"${SET-x}" '$SET' "${LIST[*]}"`, `\x41 \n \"`, "\"", "'", `"$`, `"${A[*]-`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		words, err := Split(raw, Pos{File: "f", Line: 1, Col: 1}, lookup)
		if err != nil {
			var e *SyntaxError
			if !errors.As(err, &e) || e.Col < 1 || e.Col > len(raw)+1 {
				t.Fatalf("%q: %v", raw, err)
			}
		}
		end := 0
		for _, w := range words {
			from := w.Pos.Col - 1
			if w.Len < 1 || from < 0 || from+w.Len > len(raw) || from+w.Len < end {
				t.Fatalf("%q: word %+v after byte %d", raw, w, end)
			}
			end = from + w.Len
		}
		// What was cut can be written with quotes and is cut the same.
		for _, w := range words {
			if strings.ContainsAny(w.Text, "\r\n'") {
				continue
			}
			again, err := Split("'"+w.Text+"'", Pos{}, lookup)
			if err != nil || len(again) != 1 || again[0].Text != w.Text {
				t.Fatalf("%q: quoted again: %+v, %v", w.Text, again, err)
			}
		}
	})
}
