package config

import (
	"errors"
	"os"
	"strings"

	"bascule/internal/lang"
)

// addedIn names the file that ServerLine pretends to read.
const addedIn = "runtime"

// ServerLine reads the words of a `server` line that was given at run time for a
// backend: name, address and options. default-server does not count for it. The
// error is in the words that the line in a file would have got.
func ServerLine(env Env, px *Proxy, name string, words []string) (*Server, error) {
	mode := "http"
	if px.Mode == ModeTCP {
		mode = "tcp"
	}
	var text strings.Builder
	text.WriteString("backend added\n mode " + mode + "\n server")
	for _, w := range append([]string{name}, words...) {
		if strings.ContainsAny(w, "\r\n\x00") {
			return nil, errors.New("a line break is not permitted in a server's line")
		}
		text.WriteByte(' ')
		for _, c := range []byte(w) { // each as it is: nothing is expanded
			if strings.IndexByte(" \t#'\"\\$", c) >= 0 {
				text.WriteByte('\\')
			}
			text.WriteByte(c)
		}
	}
	text.WriteByte('\n')
	read := env.fill().ReadFile
	env.ReadFile = func(path string) ([]byte, error) {
		if path == addedIn {
			return []byte(text.String()), nil
		}
		return read(path)
	}
	l := newLoader(env)
	l.readFile(addedIn)
	if l.problems.Alerts() == 0 {
		l.resolve()
	}
	cfg, problems := l.cfg, l.problems
	for _, p := range problems.List {
		if p.Severity == lang.Alert {
			return nil, errors.New(bare(p.Text, name))
		}
	}
	if len(cfg.Proxies) == 0 || len(cfg.Proxies[0].Servers) != 1 {
		return nil, os.ErrInvalid
	}
	return cfg.Proxies[0].Servers[0], nil
}

// bare is a message without the server that it is about.
func bare(text, name string) string {
	text = strings.TrimPrefix(text, "'server added/"+name+"' : ")
	return strings.TrimPrefix(text, "'server "+name+"' : ")
}
