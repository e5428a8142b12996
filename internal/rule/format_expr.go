package rule

import (
	"fmt"

	"bascule/internal/lang"
)

// parseFormatExpr compiles what stands in %[…]; blanks may separate converters.
func parseFormatExpr(text string, at place) (*Expr, error) {
	words := splitBlanks(text)
	e, used, err := parseExpr(words, at.lib, at.fetchNoun())
	if err != nil {
		return nil, fmt.Errorf("failed to parse sample expression <%s> : %w", text, err)
	}
	if used < len(words) {
		return nil, fmt.Errorf("failed to parse sample expression <%s> : unknown converter '%s'", text, words[used].Text)
	}
	if !at.allows(e.fetch.need) {
		return nil, fmt.Errorf("sample fetch <%s> may not be reliably used here because it needs '%s' which is not available here", text, needNames[e.fetch.need])
	}
	return e, nil
}

// splitBlanks cuts at blanks outside quotes and parentheses.
func splitBlanks(text string) []lang.Word {
	var words []lang.Word
	start, depth, quote := -1, 0, byte(0)
	for i := 0; i <= len(text); i++ {
		if i == len(text) || text[i] == ' ' && depth == 0 && quote == 0 {
			if start >= 0 {
				words = append(words, lang.Word{Text: text[start:i]})
			}
			start = -1
			continue
		}
		if start < 0 {
			start = i
		}
		switch c := text[i]; {
		case c == '\\' && quote != '\'' && i+1 < len(text):
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		}
	}
	return words
}

// ParseLogExpr compiles an expression of a log format, where the heads of the
// messages are gone.
func ParseLogExpr(text string, lib *Library) (*Expr, error) {
	return parseFormatExpr(text, place{log: true, lib: lib})
}

// Text is the sample as text; it is valid until the next evaluation with x.
func (s *Sample) Text(x *Ctx) []byte { return s.bytes(x) }

// Number is the sample as an integer, false if it has none.
func (s *Sample) Number() (int64, bool) { return s.number() }
