package rule

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// jsonInputs are the ways in which json reads its input: bytes, or UTF-8 whose
// errors make it fail (utf8), are left out (s), or overlong forms taken (p).
var jsonInputs = []string{"ascii", "utf8", "utf8s", "utf8p", "utf8ps"}

func checkJSON(args []arg) error {
	if len(args) == 0 {
		return nil
	}
	i := slices.Index(jsonInputs, args[0].text)
	if args[0].num = int64(i); i < 0 {
		return errors.New("Unexpected input code type. Allowed value are 'ascii', 'utf8', 'utf8s', 'utf8p' and 'utf8ps'")
	}
	return nil
}

func convJSON(x *Ctx, args []arg, s *Sample) bool {
	mode := int64(0)
	if len(args) > 0 {
		mode = args[0].num
	}
	b := s.bytes(x)
	at := len(x.Scratch)
	for len(b) > 0 {
		r, n := rune(b[0]), 1
		if mode != 0 {
			var ok bool
			if r, n, ok = decodeUTF8(b, mode >= 3); !ok {
				if mode == 1 || mode == 3 {
					return false
				}
				b = b[n:]
				continue
			}
			if r > 0xffff {
				if mode == 1 || mode == 3 {
					return false
				}
				b = b[n:]
				continue
			}
		}
		b = b[n:]
		x.Scratch = appendJSON(x.Scratch, r)
	}
	return s.setBytes(x.Scratch[at:])
}

func appendJSON(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\', '/':
		return append(dst, '\\', byte(r))
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if r >= ' ' && r < 0x7f {
		return append(dst, byte(r))
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// decodeUTF8 reads one character; overlong ones are taken if permissive.
func decodeUTF8(b []byte, permissive bool) (r rune, n int, ok bool) {
	r, n = utf8.DecodeRune(b)
	if r != utf8.RuneError || n > 1 {
		return r, n, r != 0xfffe && r != 0xffff
	}
	length := 0
	switch c := b[0]; {
	case c >= 0xc0 && c < 0xe0:
		length, r = 2, rune(c&0x1f)
	case c >= 0xe0 && c < 0xf0:
		length, r = 3, rune(c&0x0f)
	case c >= 0xf0 && c < 0xf8:
		length, r = 4, rune(c&0x07)
	default:
		return 0, 1, false
	}
	for n = 1; n < length; n++ {
		if n >= len(b) || b[n]&0xc0 != 0x80 {
			return 0, n, false
		}
		r = r<<6 | rune(b[n]&0x3f)
	}
	overlong := r < 0x80 || length > 2 && r < 0x800 || length > 3 && r < 0x10000
	return r, n, overlong && permissive
}

func checkJSONQuery(args []arg) error {
	if args[0].text == "" {
		return errors.New("json_path must not be empty")
	}
	path, err := parsePath(args[0].text)
	if err != nil {
		return err
	}
	args[0].path = path
	if len(args) > 1 && args[1].text != "" && args[1].text != "int" {
		return fmt.Errorf("output_type only supports 'int' as argument")
	}
	return nil
}

// A pathStep is a key, or an index where key is nil.
type pathStep struct {
	key   []byte
	index int
}

// parsePath reads a JSONPath of keys and indexes: $.a.b[0]; a backslash
// protects a dot.
func parsePath(text string) ([]pathStep, error) {
	bad := errors.New("invalid json_path: must start with '$'")
	if text[0] != '$' {
		return nil, bad
	}
	var path []pathStep
	for i := 1; i < len(text); {
		switch text[i] {
		case '.':
			var key []byte
			for i++; i < len(text) && text[i] != '.' && text[i] != '['; i++ {
				if text[i] == '\\' && i+1 < len(text) {
					i++
				}
				key = append(key, text[i])
			}
			if len(key) == 0 {
				return nil, errors.New("invalid json_path: a key is empty")
			}
			path = append(path, pathStep{key: key})
		case '[':
			n := 0
			start := i + 1
			for i++; i < len(text) && text[i] >= '0' && text[i] <= '9' && n < 1<<20; i++ {
				n = n*10 + int(text[i]-'0')
			}
			if i == start || i == len(text) || text[i] != ']' {
				return nil, errors.New("invalid json_path: an index is not a number in brackets")
			}
			i++
			path = append(path, pathStep{index: n})
		default:
			return nil, fmt.Errorf("invalid json_path: '%s' is not expected", text[i:])
		}
	}
	return path, nil
}
