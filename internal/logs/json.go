package logs

import (
	"unicode/utf8"

	"bascule/internal/rule"
)

// appendInJSON appends v as it stands between the quotes of JSON: the bytes of
// set as #XX, as in other lines, and whatever else JSON does not take by its own
// escapes. Bytes that are no UTF-8 become the character of the same number.
func appendInJSON[T []byte | string](dst []byte, v T, set *escapeSet) []byte {
	from := 0
	for i := 0; i < len(v); {
		c := v[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && !set[c] {
			i++
			continue
		}
		n := 1
		if c >= utf8.RuneSelf && !set[c] {
			if n = runeLen(v[i:min(i+utf8.UTFMax, len(v))]); n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, v[from:i]...)
		switch {
		case set != &cookieEscape && set[c]:
			dst = rule.AppendHex(append(dst, '#'), uint64(c), 2)
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		default:
			dst = rule.AppendHex(append(dst, `\u`...), uint64(c), 4)
		}
		i += n
		from = i
	}
	return append(dst, v[from:]...)
}

// runeLen is how many bytes the character at the start of v takes, 1 if it is none.
func runeLen[T []byte | string](v T) int {
	var buf [utf8.UTFMax]byte
	_, n := utf8.DecodeRune(buf[:copy(buf[:], v)])
	return n
}

// appendTyped appends a number as a value of JSON.
func appendTyped(dst []byte, n int64, as rule.FormatType) []byte {
	switch as {
	case rule.AsText:
		return append(appendInt(append(dst, '"'), n), '"')
	case rule.AsBool:
		if n != 0 {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	}
	return appendInt(dst, n)
}

// appendSample appends what an expression gave as a value of JSON: numbers and
// truth keep their type, unless another was asked for.
func appendSample(dst []byte, s *rule.Sample, x *rule.Ctx, o rule.FormatOptions) []byte {
	as := o.Type
	if as == rule.AsIs && s.Kind == rule.KindBool {
		as = rule.AsBool
	}
	if as == rule.AsBool || as == rule.AsInt || as == rule.AsIs && s.Kind == rule.KindInt {
		if n, ok := s.Number(); ok {
			return appendTyped(dst, n, as)
		}
		return append(dst, `""`...)
	}
	return appendText(dst, s.Text(x), o, &cookieEscape)
}
