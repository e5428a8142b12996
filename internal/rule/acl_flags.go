package rule

import (
	"errors"
	"fmt"
	"strings"

	"bascule/internal/lang"
)

// parseFlags reads -i, -m, -f, -n, -M, -u, -- and the patterns.
func (a *ACLs) parseFlags(c *criterion, words []lang.Word, p *lang.Problems) (bad lang.Word, err error) {
	var files []lang.Word
	i := 0
flags:
	for i < len(words) && strings.HasPrefix(words[i].Text, "-") {
		w := words[i]
		switch w.Text {
		case "-i":
			c.pats.fold = true
		case "-n": // names are never resolved here
		case "-m":
			i++
			method := ""
			if i < len(words) {
				method = words[i].Text
			}
			kind, ok := matchNames[method]
			if !ok {
				return w, &nearError{fmt.Sprintf("unknown matching method '%s' when parsing ACL expression", method), lang.Nearest(method, keys(matchNames))}
			}
			c.pats.kind = kind
		case "-f":
			i++
			if i == len(words) {
				return w, errors.New("failed to open pattern file <>")
			}
			files = append(files, words[i])
		case "-M":
			c.mapped = true // a file of a map, of which only the keys count here
		case "-u":
			i++
			if i == len(words) || !isNumber(words[i].Text) {
				return w, errors.New("the argument of -u must be an integer")
			}
		case "--":
			i++
			break flags
		default:
			return w, fmt.Errorf("'%s' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'", w.Text)
		}
		i++
	}
	if c.pats.kind == matchNone {
		return lang.Word{}, fmt.Errorf("matching method must be specified first (using '-m') when using a sample fetch of this type ('%s')", c.keyword)
	}
	for _, f := range files {
		if err := a.readPatterns(c, f.Text); err != nil {
			return f, err
		}
	}
	return c.addWords(words[i:], len(files) > 0 || i > 0 && words[i-1].Text == "--", p)
}

// addWords adds the patterns of the line; said tells that an empty list is meant.
func (c *criterion) addWords(words []lang.Word, said bool, p *lang.Problems) (bad lang.Word, err error) {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = w.Text
	}
	if err := c.pats.parse(list); err != nil {
		return at(words), err
	}
	if len(words) == 0 && !said && c.pats.kind != matchFound && c.pats.kind != matchBool {
		p.Warnf(c.word, "parsing acl keyword '%s' :\n"+
			"  no pattern to match against were provided, so this ACL will never match.\n"+
			"  If this is what you intended, please add '--' to get rid of this warning.\n"+
			"  If you intended to match only for existence, please use '-m found'.\n"+
			"  If you wanted to force an int to match as a bool, please use '-m bool'.\n", c.expr.text)
		p.List[len(p.List)-1].Shape = lang.Whole
	}
	return lang.Word{}, nil
}

// readPatterns adds the lines of a file; blanks at their ends, empty lines and
// lines that begin with # do not count.
func (a *ACLs) readPatterns(c *criterion, path string) error {
	data, err := a.library().read(path)
	if err != nil {
		return err
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.Trim(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if i := strings.IndexAny(line, " \t"); i >= 0 && c.mapped {
			line = line[:i]
		}
		if err := c.pats.add(line, "eq"); err != nil {
			return fmt.Errorf("%w at line %d of file '%s'", err, n, path)
		}
	}
	return nil
}

func keys[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	return list
}
