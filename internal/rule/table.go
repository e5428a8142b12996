package rule

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// A table is a map file: patterns, and a value for each.
type table struct {
	pats   patterns
	values []string
	ints   []int64      // of values, if they are numbers
	addrs  []netip.Addr // of values, if they are addresses
}

// table reads a map file, or gives the one that was read before.
func (l *Library) table(kind matchKind, out Kind, path string) (*table, error) {
	key := fmt.Sprint(kind, out, path)
	if l != nil && l.maps[key] != nil {
		return l.maps[key], nil
	}
	data, err := l.read(path)
	if err != nil {
		return nil, err
	}
	t := &table{pats: patterns{kind: kind}}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.Trim(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		value := ""
		if i := strings.IndexAny(line, " \t"); i >= 0 {
			line, value = line[:i], strings.TrimLeft(line[i:], " \t")
		}
		if err := t.add(line, value, out); err != nil {
			return nil, fmt.Errorf("%w at line %d of file '%s'", err, n, path)
		}
	}
	if l != nil {
		if l.maps == nil {
			l.maps = make(map[string]*table)
		}
		l.maps[key] = t
	}
	return t, nil
}

func (t *table) add(key, value string, out Kind) error {
	if err := t.pats.add(key, "eq"); err != nil {
		return err
	}
	t.values = append(t.values, value)
	switch out {
	case KindInt:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("unable to parse '%s'", value)
		}
		t.ints = append(t.ints, n)
	case KindAddr:
		a, err := netip.ParseAddr(value)
		if err != nil {
			return fmt.Errorf("unable to parse '%s'", value)
		}
		t.addrs = append(t.addrs, a)
	}
	return nil
}

// A mapping is one of the map converters.
type mapping struct {
	kind matchKind
	out  Kind
	subs bool // map_regm: \1 in the value stands for what the group matched
}

func (m mapping) eval(x *Ctx, args []arg, s *Sample) bool {
	t := args[0].table
	switch m.kind { // what is looked up is cast first, as HAProxy does
	case matchIP:
		a, ok := s.addr()
		if !ok {
			return false
		}
		s.Kind, s.Addr = KindAddr, a
	case matchInt:
		n, ok := s.number()
		if !ok {
			return false
		}
		s.Kind, s.Int = KindInt, n
	default:
		s.Bytes = s.bytes(x)
		s.Kind = KindStr
	}
	n := t.pats.find(x, s)
	if n < 0 {
		return m.otherwise(args, s)
	}
	switch m.out {
	case KindInt:
		return s.setInt(t.ints[n])
	case KindAddr:
		return s.setAddr(t.addrs[n])
	}
	if m.subs {
		return s.setExpanded(x, t.pats.regexes[n], t.values[n])
	}
	return s.setText(x, t.values[n])
}

func (s *Sample) setExpanded(x *Ctx, re *regexp.Regexp, value string) bool {
	b := s.Bytes
	at := len(x.Scratch)
	x.Scratch = expand(x.Scratch, b, re.FindSubmatchIndex(b), value)
	return s.setBytes(x.Scratch[at:])
}

// otherwise is the default, if one is given.
func (m mapping) otherwise(args []arg, s *Sample) bool {
	if len(args) < 2 {
		return false
	}
	switch m.out {
	case KindInt:
		return s.setInt(args[1].num)
	case KindAddr:
		return s.setAddr(args[1].addr)
	}
	return s.setBytes(args[1].bytes)
}

// load is the check of a map converter's arguments: it reads the file.
func (m mapping) load(lib *Library, args []arg) (err error) {
	path := ""
	if len(args) > 0 {
		path = args[0].text
	}
	t, err := lib.table(m.kind, m.out, path)
	if err != nil {
		return err
	}
	args[0].table = t
	if len(args) < 2 {
		return nil
	}
	text := args[1].text
	switch m.out {
	case KindInt:
		if args[1].num, err = strconv.ParseInt(text, 10, 64); err != nil {
			return fmt.Errorf("failed to parse '%s' as type 'integer' at position 2", text)
		}
	case KindAddr:
		if args[1].addr, err = netip.ParseAddr(text); err != nil {
			return fmt.Errorf("failed to parse '%s' as type 'IPv4 address' at position 2", text)
		}
	}
	return nil
}

// mapConverters are map_METHOD, map_METHOD_int and map_METHOD_ip.
func mapConverters() []converter {
	var list []converter
	for _, c := range []struct {
		name, text, example string
		kind                matchKind
	}{
		{"", "the whole text", "req.hdr(host)", matchStr},
		{"_str", "the whole text", "req.hdr(host)", matchStr},
		{"_beg", "the longest beginning", "path", matchBeg},
		{"_end", "the end", "path", matchEnd},
		{"_sub", "any part", "path", matchSub},
		{"_dir", "parts between slashes", "path", matchDir},
		{"_dom", "parts between dots", "req.hdr(host)", matchDom},
		{"_reg", "a regular expression", "path", matchReg},
		{"_int", "a number", "src_port", matchInt},
		{"_ip", "the smallest network", "src", matchIP},
	} {
		for _, out := range []Kind{KindStr, KindInt, KindAddr} {
			m := mapping{kind: c.kind, out: out}
			suffix := map[Kind]string{KindStr: "", KindInt: "_int", KindAddr: "_ip"}[out]
			if c.name == "" && out != KindStr {
				continue // map_int and map_ip look numbers and addresses up
			}
			list = append(list, m.converter("map"+c.name+suffix, "the value of a map file, found by "+c.text, c.example))
		}
	}
	m := mapping{kind: matchReg, out: KindStr, subs: true}
	return append(list, m.converter("map_regm", `the value of a map file, found by a regular expression, \1 being its first group`, "path"))
}

func (m mapping) converter(name, text, example string) converter {
	return converter{name: name, kind: m.out, eval: m.eval, text: text,
		sig:     signature{kinds: []argKind{argFile, argText}, load: m.load},
		example: example + "," + name + "(" + m.exampleFile() + ")"}
}

// exampleFile is a name that says what stands in the file.
func (m mapping) exampleFile() string {
	name := "texts"
	switch m.kind {
	case matchInt:
		name = "numbers"
	case matchIP:
		name = "networks"
	}
	switch m.out {
	case KindInt:
		name += "-to-numbers"
	case KindAddr:
		name += "-to-addresses"
	}
	return name + ".map"
}
