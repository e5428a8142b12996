package rule

import (
	"bascule/internal/lang"
)

// A need says when a fetch can answer, as HAProxy's table of validity does.
type need uint8

const (
	needNothing need = iota
	needConn         // what was agreed on with the client before its session began
	needRequest      // the request's head, gone once the reply is there
	needKept         // something of the request that is kept
	needReply        // the reply's head
	needEither       // the head of the side that the rule stands on
	needBackend      // the chosen backend
	needServer       // the chosen server
	needBack         // the connection to the server
	needUp           // what has come from the client, in mode tcp
	needDown         // what has come from the server, in mode tcp
	needPayload      // of either, as the rule stands
)

var needNames = [...]string{"nothing", "client-side connection", "HTTP request headers", "HTTP request", "HTTP response headers",
	"HTTP headers", "backend", "server", "server-side connection", "buffered request", "buffered response", "buffered data"}

// A fetch is one sample fetch of HAProxy's manual, 7.3.
type fetch struct {
	name    string
	kind    Kind
	sig     signature
	need    need
	eval    func(x *Ctx, args []arg, s *Sample) bool // nil: planned
	text    string
	example string
}

var fetches = indexFetches()

func indexFetches() map[string]*fetch {
	index := make(map[string]*fetch)
	for _, table := range [][]fetch{fetchTable, tlsFetches} {
		for i := range table {
			index[table[i].name] = &table[i]
		}
	}
	for _, name := range plannedFetches() {
		if index[name] == nil {
			index[name] = &fetch{name: name}
		}
	}
	return index
}

func findFetch(name string) *fetch { return fetches[name] }

func fetchNames() []string {
	names := make([]string, 0, len(fetches))
	for name, f := range fetches {
		if f.eval != nil {
			names = append(names, name)
		}
	}
	return names
}

// A place is where an expression stands: the rule set and the kind of proxy.
type place struct {
	set         Set
	front, back bool
	log         bool // a log format
	lib         *Library
	what        string // HAProxy's noun for fetches here, for names that are not found
	text        string // HAProxy's name of the place, when the set does not give it
}

func (p place) reply() bool {
	return p.set == HTTPResponse || p.set == HTTPAfterResponse || p.set == TCPResponseContent
}

// early says that nothing has been read yet.
func (p place) early() bool { return p.set == TCPRequestConnection || p.set == TCPRequestSession }

// allows says whether a fetch of this need can ever answer here.
func (p place) allows(n need) bool {
	if p.log {
		return n != needRequest && n != needReply && n != needEither && n < needUp
	}
	switch n {
	case needRequest, needUp:
		return !p.reply() && !p.early()
	case needConn:
		return p.set != TCPRequestConnection
	case needKept, needEither, needPayload:
		return !p.early()
	case needReply, needDown:
		return p.reply()
	case needBackend:
		return !p.early() && (p.reply() || p.back || !p.front)
	case needServer, needBack:
		return p.reply()
	}
	return true
}

// String is HAProxy's name of the place, for problems.
func (p place) String() string {
	if p.text != "" {
		return p.text
	}
	side := "backend "
	if p.front || !p.back {
		side = "frontend "
	}
	switch {
	case p.set == TCPResponseContent:
		return "backend tcp-response content rule"
	case p.set >= TCPRequestConnection:
		return side + p.set.String() + " rule"
	case p.reply():
		return side + "http-response header rule"
	}
	return side + "http-request header rule"
}

// A Keyword describes a fetch, converter, action, match or tag for the manual.
type Keyword struct {
	Name    string
	Kind    string // "fetch", "converter", "acl", "action http-request", …
	Usage   string
	Text    string
	Example string // a whole line or expression that parses; "" when planned
	Planned bool
}

// at is the word that a problem of an expression is shown at.
func at(words []lang.Word) lang.Word {
	if len(words) == 0 {
		return lang.Word{}
	}
	return words[0]
}

// fetchNoun is what HAProxy calls a fetch that stands here.
func (p place) fetchNoun() string {
	switch {
	case p.what != "":
		return p.what
	case p.log:
		return "sample fetch keyword '%s' in log-format string"
	}
	return "sample fetch keyword '%s' in " + p.set.String() + " expression"
}
