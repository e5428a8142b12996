package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"bascule/internal/cert"
	"bascule/internal/lang"
	"bascule/internal/rule"
)

// Load reads the files in order, a directory being its *.cfg files sorted by
// name, and returns what they say. The Config is nil when a problem is an Alert.
// Problems found by parsing come in the order of the lines, those of the whole
// configuration after them.
func Load(files []string, env Env) (*Config, *lang.Problems) {
	l := newLoader(env)
	paths := l.expand(files)
	l.set("HAPROXY_CFGFILES", strings.Join(paths, ";"))
	for _, path := range paths {
		l.readFile(path)
	}
	// HAProxy never keeps more room for added headers than for those that came.
	g := &l.cfg.Global
	g.MaxRewrite = min(g.MaxRewrite, g.BufSize/2)
	if l.problems.Alerts() == 0 {
		l.resolve()
	}
	if l.cfg.Global.ZeroWarning && l.warned() {
		l.whole(lang.Alert, "Some warnings were found and 'zero-warning' is set. Aborting.")
	}
	if l.problems.Alerts() > 0 {
		l.whole(lang.Alert, "Fatal errors found in configuration.")
		return nil, l.problems
	}
	return l.cfg, l.problems
}

func (l *loader) warned() bool {
	for _, q := range l.problems.List {
		if q.Severity == lang.Warning {
			return true
		}
	}
	return false
}

// A source is one line of a file, and what it stands under.
type source struct{ raw, section, keyword string }

// A loader is one run over the files.
type loader struct {
	env           Env
	vars          map[string]*string // setenv and unsetenv (nil) over the environment
	kept          map[string]bool    // by resetenv, of the environment; nil: all
	problems      *lang.Problems
	cfg           *Config
	table         *keywordTable
	library       *rule.Library // files and names of the expressions
	userlists     map[string]*userDraft
	errorSections map[string]*errorSection

	base    string // default-path; "": where the process is
	section sectionState
	pos     lang.Pos // of the line being read
	raw     string
	lines   map[lang.Pos]source // by file and line, for problems found later
	word    string              // the keyword of the line being read

	certs map[string][]*cert.Certificate // that were read, by crt
	trust cert.Memory                    // what ca-file and crl-file on binds name
	keys  map[string]*cert.TicketKeys    // that were read, by tls-ticket-keys

	toldH2 bool // one remark about alpn is enough

	texts   map[string]int // index into cfg.Text by title
	textAt  int            // of the section being read; -1: none
	unnamed int            // defaults sections without a name

	defaults map[string]*draft // by name
	current  *draft            // the defaults section that unnamed ones follow
	drafts   []*draft
	byName   map[string]*draft // "f/" or "b/" before the name: two name spaces
	backends []string          // their names; of backendNames
	hints    int               // unknown names so far
}

func newLoader(env Env) *loader {
	l := &loader{
		env:      env.fill(),
		vars:     map[string]*string{},
		problems: &lang.Problems{},
		table:    table(),
		lines:    map[lang.Pos]source{},
		defaults: map[string]*draft{},
		byName:   map[string]*draft{},
		certs:    map[string][]*cert.Certificate{},
		keys:     map[string]*cert.TicketKeys{},
		texts:    map[string]int{},
		textAt:   -1,
	}
	l.cfg = &Config{Global: defaultGlobal(l.env), said: map[string]lang.Pos{}}
	l.userlists, l.errorSections = map[string]*userDraft{}, map[string]*errorSection{}
	l.library = &rule.Library{ReadFile: l.readNamed}
	l.trust = cert.Memory{
		Authorities: func(path string) (*cert.Authorities, error) { return cert.LoadCAs(path, l.certFiles()) },
		Revocations: func(path string) (*cert.Revocations, error) { return cert.LoadCRLs(path, l.certFiles()) },
	}
	l.current = l.newDefaults()
	l.set("HAPROXY_LOCALPEER", l.env.LocalPeer)
	l.set("HAPROXY_BRANCH", majorMinor(l.env.Version))
	if l.env.Master {
		l.set("HAPROXY_MWORKER", "1")
	}
	return l
}

// expand replaces directories by the *.cfg files in them.
func (l *loader) expand(files []string) []string {
	var paths []string
	for _, name := range files {
		info, err := l.env.Stat(name)
		if err != nil {
			l.whole(lang.Alert, "Cannot open configuration file/directory %s : %s", name, reason(err))
			continue
		}
		if !info.IsDir() {
			paths = append(paths, name)
			continue
		}
		entries, err := l.env.ReadDir(name)
		if err != nil {
			l.whole(lang.Alert, "Cannot open configuration file/directory %s : %s", name, reason(err))
			continue
		}
		var inside []string
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".cfg") && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
				inside = append(inside, filepath.Join(name, e.Name()))
			}
		}
		sort.Strings(inside)
		paths = append(paths, inside...)
	}
	return paths
}

// readFile reads one file; sections end with it, conditions too.
func (l *loader) readFile(path string) {
	data, err := l.env.ReadFile(path)
	if err != nil {
		l.whole(lang.Alert, "Could not open configuration file %s : %s", path, reason(err))
		return
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		absolute = path
	}
	l.cfg.Files, l.cfg.Named = append(l.cfg.Files, absolute), append(l.cfg.Named, path)
	before := l.problems.Alerts()
	l.section = sectionState{}
	var conditions conditionStack
	text := string(data)
	for number := 1; text != ""; number++ {
		raw, rest, ended := strings.Cut(text, "\n")
		l.pos = lang.Pos{File: path, Line: number, Col: 1}
		l.raw = strings.TrimSuffix(raw, "\r")
		l.word = ""
		known := len(l.problems.List)
		if i := strings.IndexByte(raw, 0); i >= 0 {
			l.problems.Alertf(l.wordAt(i, 1), "an unexpected null character was found at position %d in file", i+1)
			ended, rest = true, ""
		} else {
			l.readLine(&conditions)
		}
		if rest == "" && !ended && strings.TrimSpace(raw) != "" {
			l.problems.Alertf(l.wordAt(len(l.raw), 0), "Missing LF on last line, file might have been truncated at position %d.", len(l.raw)+1)
		}
		l.lines[lang.Pos{File: path, Line: number}] = source{l.raw, l.section.title(), l.word}
		l.excerpts(known)
		text = rest
	}
	conditions.end(l)
	if l.problems.Alerts() > before {
		l.whole(lang.Alert, "Error(s) found in configuration file : %s", path)
	}
}

// readLine handles one line: conditions first, then sections and keywords.
func (l *loader) readLine(conditions *conditionStack) {
	words, err := lang.Split(l.raw, l.pos, l.lookup)
	if err != nil { // also where a condition leaves the line out, as in HAProxy
		col := 1
		if e := (*lang.SyntaxError)(nil); errors.As(err, &e) {
			col = e.Col
		}
		l.problems.Alertf(l.wordAt(col-1, 1), "%s", err)
		return
	}
	if len(words) > lang.MaxWords {
		l.problems.Alertf(words[lang.MaxWords], "too many words, truncating after word %d, position %d: <%s>.",
			lang.MaxWords, words[lang.MaxWords].Pos.Col, words[lang.MaxWords-1].Text)
		words = words[:lang.MaxWords]
	}
	if len(words) == 0 || words[0].Text == "" {
		return
	}
	if strings.HasPrefix(words[0].Text, ".") {
		l.word = words[0].Text
		conditions.directive(l, words)
		return
	}
	if conditions.skipping() {
		return
	}
	l.word = words[0].Text
	if enter := sectionHeaders[words[0].Text]; enter != nil {
		l.keepText(words, true)
		enter(l, words)
		return
	}
	l.keepText(words, false)
	l.keyword(words)
}

// wordAt is n bytes of the line from byte i on.
func (l *loader) wordAt(i, n int) lang.Word {
	pos := l.pos
	pos.Col = i + 1
	return lang.Word{Pos: pos, Len: n}
}

// excerpts gives the problems from number known on the line they are about.
func (l *loader) excerpts(known int) {
	for i := known; i < len(l.problems.List); i++ {
		l.excerpt(&l.problems.List[i])
	}
}

func (l *loader) excerpt(q *lang.Problem) {
	if q.Line == "" && q.Pos.File != "" {
		at := l.lines[lang.Pos{File: q.Pos.File, Line: q.Pos.Line}]
		q.Line, q.Section, q.Keyword = at.raw, at.section, at.keyword
	}
}

// readNamed reads a file that a line names.
func (l *loader) readNamed(name string) ([]byte, error) { return l.env.ReadFile(l.named(name)) }

// named is where a file is that a line names (default-path).
func (l *loader) named(name string) string {
	if l.base == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(l.base, name)
}

// lookup answers what a variable holds at this place of the file.
func (l *loader) lookup(name string) (string, bool) {
	switch name {
	case ".FILE":
		return l.pos.File, true
	case ".LINE":
		return strconv.Itoa(l.pos.Line), true
	case ".SECTION":
		return l.section.name, true
	}
	if v, ok := l.vars[name]; ok {
		if v == nil {
			return "", false
		}
		return *v, true
	}
	if l.kept != nil && !l.kept[name] {
		return "", false // resetenv took it away
	}
	return l.env.Getenv(name)
}

// set changes a variable for the lines that follow.
func (l *loader) set(name, value string) { l.vars[name] = &value }

// whole adds a problem that belongs to no line.
func (l *loader) whole(s lang.Severity, format string, args ...any) {
	l.problems.List = append(l.problems.List, lang.Problem{Severity: s, Shape: lang.Whole, Text: fmt.Sprintf(format, args...)})
}

// about adds a problem that was found when everything was read, at w.
func (l *loader) about(s lang.Severity, w lang.Word, format string, args ...any) {
	q := lang.Problem{Severity: s, Shape: lang.Whole, Pos: w.Pos, Len: w.Len, Text: fmt.Sprintf(format, args...)}
	l.excerpt(&q)
	l.problems.List = append(l.problems.List, q)
}

// reason is the last part of an error, as strerror would say it.
func reason(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return text
}
