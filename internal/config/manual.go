package config

import (
	"slices"
	"strings"

	"bascule/internal/logs"
	"bascule/internal/rule"
)

// An entry is one keyword of any kind as the manual shows it.
type entry struct {
	name, usage, text, example, why, differs string
	kind                                     string // heading of its part of the reference
	places                                   []string
	status                                   Status
}

// The parts of the reference, in their order.
var parts = []string{
	"The global section", "Proxies", partBind, partServer,
	"Actions of http-request", "Actions of http-response", "Actions of http-after-response",
	"Fetches", "ACL keywords", "Predefined ACLs", "Match methods", "Converters", "Log tags", "Sections",
}

const (
	partBind   = "Options of bind and stats socket lines"
	partServer = "Options of server lines"
)

// partOf names the part of a keyword that package rule or logs describes.
func partOf(kind string) string {
	switch kind {
	case "action http-request":
		return "Actions of http-request"
	case "action http-response":
		return "Actions of http-response"
	case "action http-after-response":
		return "Actions of http-after-response"
	case "fetch":
		return "Fetches"
	case "acl":
		return "ACL keywords"
	case "predefined acl":
		return "Predefined ACLs"
	case "match":
		return "Match methods"
	case "converter":
		return "Converters"
	case "log tag":
		return "Log tags"
	}
	return ""
}

// part is where the reference shows a keyword of the table.
func (kw *Keyword) part() string {
	switch {
	case kw.In&InGlobal != 0:
		return "The global section"
	case kw.In&OnBind != 0:
		return partBind
	case kw.In&OnServer != 0:
		return partServer
	}
	return "Proxies"
}

// entries is everything the manual knows, by part and name.
func entries() []entry {
	var list []entry
	for _, kw := range table().all {
		list = append(list, entry{
			name: kw.Name, usage: strings.TrimSpace(kw.Name + " " + kw.Usage), text: kw.Text, example: kw.Example,
			why: kw.Why, differs: kw.Differs, kind: kw.part(), places: kw.In.names(), status: kw.Status,
		})
	}
	for _, k := range append(rule.Keywords(), logs.Tags()...) {
		part := partOf(k.Kind)
		if part == "" {
			continue // format tags are listed by package logs
		}
		e := entry{name: k.Name, usage: k.Usage, text: k.Text, example: k.Example, kind: part}
		if e.usage == "" {
			e.usage = k.Name
		}
		if k.Planned {
			e.status = Planned
		}
		list = append(list, e)
	}
	for name, why := range unreadSections {
		list = append(list, entry{name: name, usage: name, why: why, kind: "Sections", status: Planned})
	}
	slices.SortStableFunc(list, func(a, b entry) int {
		if d := slices.Index(parts, a.kind) - slices.Index(parts, b.kind); d != 0 {
			return d
		}
		return strings.Compare(a.name, b.name)
	})
	return list
}
