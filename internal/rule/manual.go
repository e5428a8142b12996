package rule

import (
	"slices"
	"strings"
)

// Keywords lists everything that this package knows, for the reference: fetches,
// ACL keywords, converters, match methods, actions, predefined ACLs and tags of
// formats, planned ones included, in that order and sorted by name.
func Keywords() []Keyword {
	var list []Keyword
	for _, f := range fetches {
		k := Keyword{Name: f.name, Kind: "fetch", Text: f.text, Planned: f.eval == nil}
		if !k.Planned {
			k.Usage = f.name + f.sig.usage() + " : " + kindText(f.kind)
			k.Example = "acl example " + f.example
		}
		list = append(list, k)
	}
	for base, suffixes := range derived {
		for _, suffix := range suffixes {
			list = append(list, Keyword{Name: base + suffix, Kind: "acl", Usage: base + suffix + findFetch(aclBase(base)).sig.usage(),
				Text: base + " -m " + suffix[1:], Example: "acl example " + base + suffix + exampleArgs(base) + " " + examplePattern(suffix)})
		}
	}
	for _, c := range converters {
		k := Keyword{Name: c.name, Kind: "converter", Text: c.text, Planned: c.eval == nil}
		if !k.Planned {
			k.Usage = c.name + c.sig.usage() + " : " + kindText(c.kind)
			k.Example = "http-request set-var(txn.x) " + c.example
		}
		list = append(list, k)
	}
	for name := range matchNames {
		list = append(list, Keyword{Name: name, Kind: "match", Usage: "-m " + name, Text: matchTexts[name]})
	}
	for i := range actionTable {
		list = append(list, actionTable[i].keywords()...)
	}
	for name, line := range predefined {
		list = append(list, Keyword{Name: name, Kind: "predefined acl", Text: strings.Join(line, " "), Planned: line == nil})
	}
	for _, t := range tagTable {
		list = append(list, Keyword{Name: "%" + t.name, Kind: "format tag", Planned: t.append == nil})
	}
	slices.SortFunc(list, func(a, b Keyword) int {
		if a.Kind != b.Kind {
			return slices.Index(kindOrder, strings.Fields(a.Kind)[0]) - slices.Index(kindOrder, strings.Fields(b.Kind)[0])
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}

var kindOrder = []string{"action", "fetch", "acl", "predefined", "match", "converter", "format"}

var matchTexts = map[string]string{
	"found": "the sample is there", "bool": "the sample is true", "int": "numbers, ranges low:high and eq, ge, gt, le, lt",
	"len": "the length, as numbers and ranges", "ip": "addresses and networks", "bin": "bytes in hexadecimal",
	"str": "the whole text", "beg": "the beginning", "end": "the end", "sub": "any part",
	"dir": "parts between slashes", "dom": "parts between slashes, dots and colons", "reg": "a regular expression (RE2)",
}

func (s *actionSpec) keywords() []Keyword {
	var list []Keyword
	for _, set := range s.sets {
		name := strings.TrimSuffix(s.name, "*")
		k := Keyword{Name: name, Kind: "action " + set.String(), Text: s.text, Planned: s.parse == nil}
		if !k.Planned {
			k.Usage = strings.TrimSpace(set.String() + " " + joinName(name, s.usage) + " [{if|unless} <condition>]")
			k.Example = set.String() + " " + joinName(name, s.exampleFor(set))
		}
		list = append(list, k)
	}
	return list
}

func joinName(name, rest string) string {
	if strings.HasPrefix(rest, "(") {
		return name + rest
	}
	return strings.TrimSpace(name + " " + rest)
}

// exampleFor drops what asks for the request from examples of reply rules.
func (s *actionSpec) exampleFor(set Set) string {
	if set == HTTPRequest {
		return s.example
	}
	if s.forReply != "" {
		return s.forReply
	}
	return s.example
}

func (s signature) usage() string {
	if len(s.kinds) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteByte('(')
	for i, k := range s.kinds {
		switch {
		case i >= s.min && i == 0:
			b.WriteByte('[')
		case i >= s.min:
			b.WriteString("[,")
		case i > 0:
			b.WriteByte(',')
		}
		b.WriteString("<" + argKindNames[k] + ">")
	}
	b.WriteString(strings.Repeat("]", len(s.kinds)-s.min))
	b.WriteByte(')')
	return b.String()
}

func kindText(k Kind) string {
	if k == KindNone {
		return "any"
	}
	return k.String()
}

func aclBase(name string) string {
	if alias, ok := aclAliases[name]; ok {
		return alias
	}
	return name
}

func exampleArgs(base string) string {
	if findFetch(aclBase(base)).sig.kinds == nil {
		return ""
	}
	return "(name)"
}

func examplePattern(suffix string) string {
	if suffix == "_len" {
		return "gt 10"
	}
	return "word"
}
