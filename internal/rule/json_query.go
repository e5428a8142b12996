package rule

import (
	"bytes"
	"unicode/utf8"
)

// A jsonReader walks over one JSON text (RFC 8259) without building anything.
type jsonReader struct {
	b     []byte
	i     int
	depth int
}

// maxJSONDepth bounds nesting, since each level is a call.
const maxJSONDepth = 64

func (r *jsonReader) blank() {
	for r.i < len(r.b) && (r.b[r.i] == ' ' || r.b[r.i] == '\t' || r.b[r.i] == '\n' || r.b[r.i] == '\r') {
		r.i++
	}
}

func (r *jsonReader) take(c byte) bool {
	r.blank()
	if r.i < len(r.b) && r.b[r.i] == c {
		r.i++
		return true
	}
	return false
}

// str reads a string and gives what stands between its quotes.
func (r *jsonReader) str() (raw []byte, ok bool) {
	if !r.take('"') {
		return nil, false
	}
	for at := r.i; r.i < len(r.b); r.i++ {
		switch r.b[r.i] {
		case '\\':
			if r.i++; r.i == len(r.b) {
				return nil, false // nothing is escaped
			}
		case '"':
			r.i++
			return r.b[at : r.i-1], true
		}
	}
	return nil, false
}

// value reads any value and gives its bytes.
func (r *jsonReader) value() (raw []byte, ok bool) {
	r.blank()
	at := r.i
	if r.i == len(r.b) || r.depth == maxJSONDepth {
		return nil, false
	}
	r.depth++
	defer func() { r.depth-- }()
	switch r.b[r.i] {
	case '"':
		_, ok = r.str()
	case '{', '[':
		ok = r.each(func([]byte, int) bool { _, ok := r.value(); return ok })
	default:
		for r.i < len(r.b) && (isAlnum(r.b[r.i]) || r.b[r.i] == '-' || r.b[r.i] == '+' || r.b[r.i] == '.') {
			r.i++
		}
		ok = r.i > at
	}
	return r.b[at:r.i], ok
}

// each calls visit in front of every element's value; it reads the value and
// says whether to go on.
func (r *jsonReader) each(visit func(key []byte, n int) bool) bool {
	end := byte(']')
	if r.b[r.i] == '{' {
		end = '}'
	}
	r.i++
	if r.take(end) {
		return true
	}
	for n := 0; ; n++ {
		var key []byte
		if end == '}' {
			var ok bool
			if key, ok = r.str(); !ok || !r.take(':') {
				return false
			}
		}
		if !visit(key, n) {
			return false
		}
		if r.take(end) {
			return true
		}
		if !r.take(',') {
			return false
		}
	}
}

// find goes down the path and gives the value there.
func (r *jsonReader) find(path []pathStep) (raw []byte, ok bool) {
	for _, step := range path {
		r.blank()
		want := byte('{')
		if step.key == nil {
			want = '['
		}
		if r.i == len(r.b) || r.b[r.i] != want {
			return nil, false
		}
		found := false
		r.each(func(key []byte, n int) bool {
			if step.key != nil && bytes.Equal(key, step.key) || step.key == nil && n == step.index {
				found = true
				return false
			}
			_, ok := r.value()
			return ok
		})
		if !found {
			return nil, false
		}
	}
	return r.value()
}

func convJSONQuery(x *Ctx, args []arg, s *Sample) bool {
	r := jsonReader{b: s.bytes(x)}
	v, ok := r.find(args[0].path)
	if !ok {
		return false
	}
	asInt := len(args) > 1 && args[1].text == "int"
	switch c := v[0]; {
	case c == '"':
		return s.setUnescaped(x, v[1:len(v)-1])
	case string(v) == "true", string(v) == "false":
		return s.setBool(c == 't')
	case c == '-' || c >= '0' && c <= '9':
		if asInt || !bytes.ContainsAny(v, ".eE") {
			return s.setInt(leadingInt(v))
		}
		return s.setBytes(v)
	case c == '[' || c == '{':
		return s.setBytes(v)
	}
	return false
}

// setUnescaped undoes the escapes of a JSON string.
func (s *Sample) setUnescaped(x *Ctx, b []byte) bool {
	at := len(x.Scratch)
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c != '\\' || i+1 == len(b) {
			x.Scratch = append(x.Scratch, c)
			continue
		}
		i++
		switch c = b[i]; c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := rune(0)
			if i+4 >= len(b) {
				return false
			}
			for _, d := range b[i+1 : i+5] {
				v, ok := unhex(d)
				if !ok {
					return false
				}
				r = r<<4 | rune(v)
			}
			x.Scratch = utf8.AppendRune(x.Scratch, r)
			i += 4
			continue
		}
		x.Scratch = append(x.Scratch, c)
	}
	return s.setBytes(x.Scratch[at:])
}
