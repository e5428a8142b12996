package lang

import (
	"fmt"
	"strings"
)

// MaxWords is how many words a line may have; HAProxy truncates longer lines
// and calls them an error.
const MaxWords = 64

// A SyntaxError says where a line cannot be split. Col counts bytes from 1.
type SyntaxError struct {
	Col  int
	Text string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s at position %d", e.Text, e.Col)
}

// Split cuts a line into words as HAProxy does (configuration manual, 2.2 and
// 2.3): blanks separate; 'single quotes' keep everything; "double quotes" keep
// blanks and expand $VAR, ${VAR}, ${VAR-default} and ${VAR[*]}; a backslash
// before a blank, #, \, a quote, or in n, r, t and xHH is an escape, anything
// else after it stays as written; # begins a comment. lookup answers what an
// environment variable holds. The error is a *SyntaxError.
func Split(raw string, at Pos, lookup func(string) (string, bool)) ([]Word, error) {
	s := splitter{raw: raw, at: at, lookup: lookup, start: -1}
	if err := s.run(); err != nil {
		return s.words, err
	}
	return s.words, nil
}

// A splitter holds one line while it is being cut.
type splitter struct {
	raw    string
	at     Pos
	lookup func(string) (string, bool)
	words  []Word
	text   []byte
	i      int // next byte of raw
	start  int // where the word in text began, -1: between words
	quote  byte
	opened int // where the open quote stands
}

func (s *splitter) run() error {
	for s.i < len(s.raw) {
		c := s.raw[s.i]
		switch {
		case s.quote == '\'' && c != '\'':
			s.put(c, 1)
		case c == '\'' && s.quote != '"', c == '"' && s.quote != '\'':
			s.toggle(c)
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case c == '$' && s.quote == '"':
			if err := s.variable(); err != nil {
				return err
			}
		case s.quote != 0:
			s.put(c, 1)
		case c == '#' || c == '\r' || c == '\n':
			s.end()
			return nil
		case c == ' ' || c == '\t' || c == '\v' || c == '\f':
			s.end()
			s.i++
		default:
			s.put(c, 1)
		}
	}
	if s.quote != 0 {
		return &SyntaxError{s.opened + 1, "unmatched quote"}
	}
	s.end()
	return nil
}

func (s *splitter) begin() {
	if s.start < 0 {
		s.start = s.i
	}
}

// put adds c to the word; it took n bytes of the line.
func (s *splitter) put(c byte, n int) {
	s.begin()
	s.text = append(s.text, c)
	s.i += n
}

func (s *splitter) toggle(c byte) {
	s.begin()
	if s.quote == 0 {
		s.quote, s.opened = c, s.i
	} else {
		s.quote = 0
	}
	s.i++
}

func (s *splitter) end() {
	if s.start < 0 {
		return
	}
	pos := s.at
	pos.Col += s.start
	s.words = append(s.words, Word{Text: string(s.text), Pos: pos, Len: s.i - s.start})
	s.text, s.start = s.text[:0], -1
}

// escape handles a backslash outside single quotes.
func (s *splitter) escape() error {
	if s.i+1 == len(s.raw) {
		s.put('\\', 1)
		return nil
	}
	switch c := s.raw[s.i+1]; c {
	case ' ', '\\', '#', '"', '\'':
		s.put(c, 2)
	case '$':
		// Only where a bare $ would begin a variable.
		if s.quote == '"' {
			s.put('$', 2)
		} else {
			s.put('\\', 1)
		}
	case 'n':
		s.put('\n', 2)
	case 'r':
		s.put('\r', 2)
	case 't':
		s.put('\t', 2)
	case 'x':
		if s.i+3 >= len(s.raw) || hexDigit(s.raw[s.i+2]) < 0 || hexDigit(s.raw[s.i+3]) < 0 {
			return &SyntaxError{s.i + 1, "truncated or invalid hexadecimal sequence"}
		}
		s.put(byte(hexDigit(s.raw[s.i+2])<<4|hexDigit(s.raw[s.i+3])), 4)
	default:
		s.put('\\', 1)
	}
	return nil
}

// variable expands the $ at s.i.
func (s *splitter) variable() error {
	dollar := s.i
	i := s.i + 1
	brace := i < len(s.raw) && s.raw[i] == '{'
	if brace {
		i++
	}
	from := i
	if i >= len(s.raw) || !nameStart(s.raw[i]) {
		return &SyntaxError{i + 1, "forbidden first char in environment variable name"}
	}
	for i < len(s.raw) && (nameStart(s.raw[i]) && s.raw[i] != '.' || s.raw[i] >= '0' && s.raw[i] <= '9' || i == from) {
		i++
	}
	name := s.raw[from:i]
	unclosed := &SyntaxError{dollar + 2, "unmatched brace in environment variable name"}
	value, known := s.lookup(name)
	list := false
	if brace {
		if strings.HasPrefix(s.raw[i:], "[*]") {
			list = true
			i += len("[*]")
		} else if strings.HasPrefix(s.raw[i:], "[") {
			return &SyntaxError{i + 1, "truncated or invalid word expansion sequence"}
		}
		if i < len(s.raw) && s.raw[i] == '-' {
			end := strings.IndexByte(s.raw[i:], '}')
			if end < 0 {
				return unclosed
			}
			if !known {
				value = s.raw[i+1 : i+end]
			}
			i += end
		}
		if i >= len(s.raw) || s.raw[i] != '}' {
			return unclosed
		}
		i++
	}
	s.begin()
	s.i = i
	s.expand(value, list)
	return nil
}

// expand adds a variable's value; as a list, each run of blanks in it ends a
// word, be it empty.
func (s *splitter) expand(value string, list bool) {
	if !list {
		s.text = append(s.text, value...)
		return
	}
	start := s.start
	for i := 0; i < len(value); i++ {
		if value[i] != ' ' {
			s.text = append(s.text, value[i])
			continue
		}
		if i == 0 || value[i-1] != ' ' {
			s.end()
			s.start = start
		}
	}
}

func nameStart(c byte) bool {
	return c == '_' || c == '.' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
