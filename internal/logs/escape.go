package logs

import (
	"bascule/internal/rule"
)

// An escapeSet is the bytes that are written as #XX (HAProxy's manual, 8.6).
type escapeSet [256]bool

var (
	plainEscape  = makeEscapes("#\"")
	headerEscape = makeEscapes("#\"{|}")
	cookieEscape = onlyControls()
)

func onlyControls() (s escapeSet) {
	for c := range s {
		s[c] = c < ' ' && c != '\t' || c == 0x7f
	}
	return s
}

func makeEscapes(also string) (s escapeSet) {
	for c := range s {
		s[c] = c < ' ' || c >= 0x7f
	}
	for i := range len(also) {
		s[also[i]] = true
	}
	return s
}

// appendEscaped appends v with the bytes of set as #XX.
func appendEscaped[T []byte | string](dst []byte, v T, set *escapeSet) []byte {
	from := 0
	for i := 0; i < len(v); i++ {
		if !set[v[i]] {
			continue
		}
		dst = append(dst, v[from:i]...)
		dst = rule.AppendHex(append(dst, '#'), uint64(v[i]), 2)
		from = i + 1
	}
	return append(dst, v[from:]...)
}

// appendText appends v escaped, quoted and with backslashes as o says: +E puts
// one before the characters that RFC 5424 §6.3.3 names, if still there.
func appendText[T []byte | string](dst []byte, v T, o rule.FormatOptions, set *escapeSet) []byte {
	if o.JSON {
		return append(appendInJSON(append(dst, '"'), v, set), '"')
	}
	if o.Quote {
		dst = append(dst, '"')
	}
	if o.Esc {
		for i := 0; i < len(v); i++ {
			switch c := v[i]; {
			case set[c]:
				dst = rule.AppendHex(append(dst, '#'), uint64(c), 2)
			case c == '"' || c == '\\' || c == ']':
				dst = append(dst, '\\', c)
			default:
				dst = append(dst, c)
			}
		}
	} else {
		dst = appendEscaped(dst, v, set)
	}
	if o.Quote {
		dst = append(dst, '"')
	}
	return dst
}
