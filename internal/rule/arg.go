package rule

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
)

// An arg is one compiled argument of a fetch or converter.
type arg struct {
	text   string
	bytes  []byte
	num    int64
	number bool // an operand is num, not a variable's name
	re     *regexp.Regexp
	fold   *regexp.Regexp    // the same, in any case
	rest   [2]*regexp.Regexp // of both, without ^: for what is left behind a match
	digest digest
	path   []pathStep // of json_query
	addr   netip.Addr
	table  *table    // of a map converter
	users  *Userlist // of http_auth
	server string    // of a name of a server, whose proxy is text
}

// An argKind says how an argument is read.
type argKind uint8

const (
	argText argKind = iota
	argInt
	argVar   // a variable's name
	argRegex // followed by flags in the signature
	argMask4
	argMask6
	argOperand // a number or a variable's name
	argVarOrNone
	argFile  // a map file
	argProxy // a name that is looked up when all is read
)

var argKindNames = [...]string{"string", "integer", "variable name", "regex", "IPv4 mask", "IPv6 mask",
	"integer", "variable name", "map file", "name"}

// A signature is what a fetch or converter takes: at least min of kinds.
type signature struct {
	min   int
	kinds []argKind
	check func([]arg) error           // what goes beyond kinds; may complete the arguments
	load  func(*Library, []arg) error // the same for what reads files
	names NameKind                    // what argProxy names
}

// cutArgs reads "(a,b)" at the start of text, which holds any text after it in
// rest. Quotes ('…' and "…") and backslashes protect commas and parentheses,
// as in HAProxy (configuration manual, 2.2).
func cutArgs(text string) (list []string, rest string, err error) {
	if !strings.HasPrefix(text, "(") {
		return nil, text, nil
	}
	var b []byte
	quote := byte(0)
	for i := 1; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == '\\' && quote != '\'' && i+1 < len(text):
			i++
			b = append(b, unescape(text[i])...)
		case quote == 0 && c == ',':
			list, b = append(list, string(b)), b[:0]
		case quote == 0 && c == ')':
			if len(list) > 0 || len(b) > 0 {
				list = append(list, string(b))
			}
			return list, text[i+1:], nil
		default:
			b = append(b, c)
		}
	}
	if quote != 0 {
		return nil, "", fmt.Errorf("unmatched quote")
	}
	return nil, "", errors.New("expected ')'")
}

// unescape is what follows a backslash inside an argument: only what would
// otherwise end or quote it loses the backslash, so that \. reaches a regex.
func unescape(c byte) string {
	switch c {
	case '\\', '"', '\'', ' ', ',', ')', '(':
		return string(c)
	}
	return "\\" + string(c)
}

// compile checks list against the signature.
func (s signature) compile(list []string, lib *Library) ([]arg, error) {
	if len(list) > len(s.kinds) {
		return nil, fmt.Errorf("expected ')' before '%s)'", strings.Join(list[len(s.kinds):], ","))
	}
	if len(list) < s.min {
		return nil, fmt.Errorf("missing arguments (got %d/%d), type '%s' expected",
			len(list), s.min, argKindNames[s.kinds[len(list)]])
	}
	args := make([]arg, len(list))
	for i, text := range list {
		a := &args[i]
		a.text, a.bytes = text, []byte(text)
		var err error
		switch s.kinds[i] {
		case argInt:
			if text == "" && i >= s.min {
				continue
			}
			if a.num, err = strconv.ParseInt(text, 10, 64); err != nil {
				return nil, fmt.Errorf("failed to parse '%s' as type 'integer' at position %d", text, i+1)
			}
		case argVar, argOperand, argVarOrNone:
			if s.kinds[i] == argOperand && isNumber(text) {
				if a.num, err = strconv.ParseInt(text, 10, 64); err != nil {
					return nil, fmt.Errorf("failed to parse '%s' as type 'integer' at position %d", text, i+1)
				}
				a.number = true
				continue
			}
			if text == "" && (i >= s.min || s.kinds[i] == argVarOrNone) {
				continue
			}
			if err = checkVarName(text); err != nil {
				return nil, err
			}
		case argRegex:
			if a.re, err = compileRegex(text, false); err != nil {
				return nil, err
			}
			if a.fold, err = compileRegex(text, true); err != nil {
				return nil, err
			}
			a.rest = [2]*regexp.Regexp{withoutBegin(a.re), withoutBegin(a.fold)}
		case argMask4, argMask6:
			bits := 32
			if s.kinds[i] == argMask6 {
				bits = 128
			}
			ok := false
			if a.num, ok = parseMask(text, bits); !ok {
				return nil, fmt.Errorf("failed to parse '%s' as type '%s' at position %d", text, argKindNames[s.kinds[i]], i+1)
			}
		}
	}
	if s.check != nil {
		if err := s.check(args); err != nil {
			return nil, err
		}
	}
	if s.load != nil {
		if err := s.load(lib, args); err != nil {
			return nil, err
		}
	}
	return args, nil
}

func isNumber(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

// compileRegex compiles with Go's linear-time engine. What only a backtracking
// engine can do, back references and looking around, is refused by name.
func compileRegex(text string, fold bool) (*regexp.Regexp, error) {
	flags := "(?s)" // HAProxy's regexes see a message as one line
	if fold {
		flags = "(?si)"
	}
	re, err := regexp.Compile(flags + text)
	if err != nil {
		why := err.Error()
		var syntaxError *syntax.Error
		if errors.As(err, &syntaxError) {
			why = syntaxError.Code.String()
		}
		return nil, fmt.Errorf("regex '%s' is invalid (error=%s)", text, why)
	}
	return re, nil
}
