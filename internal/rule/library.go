package rule

import (
	"fmt"
	"os"
	"strings"

	"bascule/internal/lang"
)

// A Library is what the expressions of one configuration share: the files they
// read, each map once, the userlists, and the names of proxies and servers,
// which are looked up when all is read. The zero value reads files by name.
type Library struct {
	ReadFile func(path string) ([]byte, error)
	// Proxy and At are the section and the line that is being compiled.
	Proxy string
	At    lang.Word
	// Names are those to be looked up, in the order in which they were met.
	Names []Name

	// Replies are the answers that http-errors sections hold.
	Replies []ErrorRef

	maps map[string]*table
}

// A NameKind says what a Name is the name of.
type NameKind uint8

// The kinds of name.
const (
	NameBackend NameKind = iota
	NameFrontend
	NameServer
	NameUserlist
)

func (k NameKind) String() string { return [...]string{"backend", "frontend", "server", "userlist"}[k] }

// A Name is an argument of a fetch that names a proxy, a server or a userlist.
type Name struct {
	Kind    NameKind
	Text    string // "": the proxy of the line
	Server  string
	Keyword string // "ACL keyword 'nbsrv'"
	Proxy   string // where the line stands
	At      lang.Word
	Implied bool // the line does not say it: it is that of the line's own proxy
	arg     *arg // of a userlist, which is put in when it is found
}

// SetUsers gives the expression its userlist.
func (n *Name) SetUsers(u *Userlist) { n.arg.users = u }

// String names the place of the name, for problems: "in arg 1 of …".
func (n *Name) String() string {
	return fmt.Sprintf("in arg 1 of %s in proxy '%s'", n.Keyword, n.Proxy)
}

func (l *Library) read(path string) ([]byte, error) {
	read := os.ReadFile
	if l != nil && l.ReadFile != nil {
		read = l.ReadFile
	}
	data, err := read(path)
	if err != nil || path == "" {
		return nil, fmt.Errorf("failed to open pattern file <%s>", path)
	}
	return data, nil
}

// naming says whether an argument is a name that is looked up later.
func (s signature) naming() bool { return len(s.kinds) > 0 && s.kinds[0] == argProxy }

// nameArg notes the name that a fetch's argument is.
func (l *Library) nameArg(f *fetch, args []arg, what string) ([]arg, error) {
	if len(args) == 0 {
		args = make([]arg, 1)
	}
	if what == "" {
		what = "sample fetch keyword '%s'"
	}
	a := &args[0]
	n := Name{Kind: f.sig.names, Text: a.text, Keyword: fmt.Sprintf(what, f.name), arg: a}
	if n.Kind == NameServer {
		proxy, server, ok := strings.Cut(a.text, "/")
		if !ok {
			proxy, server = "", a.text
		}
		n.Text, n.Server = proxy, server
	}
	if n.Kind == NameServer && n.Server == "" || n.Kind == NameUserlist && n.Text == "" {
		proxy := ""
		if l != nil {
			proxy = l.Proxy
		}
		n.Proxy = proxy
		return nil, fmt.Errorf("missing %s name %s", n.Kind, n.String())
	}
	if l != nil && n.Text == "" {
		n.Text, n.Implied = l.Proxy, true
	}
	a.text, a.server = n.Text, n.Server
	l.name(n)
	return args, nil
}

// name notes a name that is looked up later.
func (l *Library) name(n Name) {
	if l != nil {
		n.Proxy, n.At = l.Proxy, l.At
		l.Names = append(l.Names, n)
	}
}
