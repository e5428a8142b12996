package engine

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"bascule/internal/config"
	"bascule/internal/listener"
	"bascule/internal/loop"
)

// Sockets are open listening sockets by key: what the same bind of another
// configuration is recognised by.
type Sockets map[string][]int

// A wanted is one bind or stats socket that a configuration asks for.
type wanted struct {
	key    string
	bind   *config.Bind
	px     *config.Proxy       // nil for a stats socket
	socket *config.StatsSocket // nil for a bind
}

// wants lists the sockets of a configuration. The same address twice has two
// keys.
func wants(cfg *config.Config) []wanted {
	var list []wanted
	seen := map[string]int{}
	add := func(w wanted, key string) {
		seen[key]++
		w.key = fmt.Sprintf("%s#%d", key, seen[key])
		list = append(list, w)
	}
	for _, px := range cfg.Proxies {
		if px.Disabled {
			continue
		}
		for _, b := range px.Binds {
			add(wanted{bind: b, px: px}, bindKey(b))
		}
	}
	for i := range cfg.Global.StatsSockets {
		s := &cfg.Global.StatsSockets[i]
		b := SocketBind(s)
		add(wanted{bind: b, socket: s}, fmt.Sprintf("stats/%s/%s/%o/%d/%d", bindKey(b), s.Level, s.Mode, s.UID, s.GID))
	}
	return list
}

// SocketBind is a stats socket as a bind.
func SocketBind(s *config.StatsSocket) *config.Bind {
	return &config.Bind{Addr: s.Addr, Mode: s.Mode, UID: s.UID, GID: s.GID}
}

func bindKey(b *config.Bind) string {
	a := &b.Addr
	switch a.Kind {
	case config.AddrUnix:
		return "unix/" + a.Path
	case config.AddrAbns:
		return "abns/" + a.Path
	case config.AddrFD:
		return fmt.Sprintf("fd/%d", a.FD)
	}
	key := fmt.Sprintf("tcp/%s/%d/%t/%s", a.IP, a.Port, a.V4V6, b.Iface)
	if b.Socket != (loop.Options{}) { // with others it is another socket
		key += fmt.Sprintf("/%v", b.Socket)
	}
	return key
}

// Complete opens what cfg asks for and have lacks, one socket per loop for
// TCP. It opens all or nothing, and until all are open nobody loses a path to
// them; the error lists what failed in HAProxy's words.
func Complete(cfg *config.Config, loops int, have Sockets) (Sockets, error) {
	var failed []string
	var open []*listener.Listener
	fresh := Sockets{}
	for _, w := range wants(cfg) {
		if have[w.key] != nil {
			continue
		}
		l, err := listener.Prepare(w.bind, w.loops(loops), nil)
		if err != nil {
			failed = append(failed, w.complaint(err))
			continue
		}
		open = append(open, l)
		fresh[w.key] = l.Files()
	}
	for _, l := range open {
		if failed != nil {
			break
		}
		if err := l.Publish(); err != nil {
			failed = append(failed, err.Error())
		}
	}
	if failed != nil {
		for _, l := range open {
			_ = l.Close() // the reason is told already
		}
		return nil, errors.New(strings.Join(failed, "\n"))
	}
	return fresh, nil
}

// loops is how many sockets the bind has; a stats socket is not served by loops.
func (w *wanted) loops(n int) int {
	if w.socket != nil {
		return 1
	}
	return n
}

func (w *wanted) complaint(err error) string {
	reason := err.Error()
	var no unix.Errno
	if errors.As(err, &no) {
		reason = no.Error()
	}
	reason = strings.ToUpper(reason[:1]) + reason[1:]
	if w.socket != nil {
		return fmt.Sprintf("Starting stats socket: cannot bind socket (%s) [%s]", reason, w.bind.Addr.Text)
	}
	return fmt.Sprintf("Binding [%s] for %s %s: cannot bind socket (%s) for [%s]", w.bind.Line, kind(w.px), w.px.Name, reason, shown(&w.bind.Addr))
}

// kind is the word for a proxy in messages.
func kind(px *config.Proxy) string {
	switch {
	case px.Frontend && px.Backend:
		return "proxy"
	case px.Frontend:
		return "frontend"
	}
	return "backend"
}

// shown is the address that a bind resolved to.
func shown(a *config.Address) string {
	if a.Path != "" || !a.IP.IsValid() {
		return a.Text
	}
	return fmt.Sprintf("%s:%d", a.IP, a.Port)
}

// Stale are the sockets of s that cfg does not ask for.
func (s Sockets) Stale(cfg *config.Config) Sockets {
	stale := Sockets{}
	for key, fds := range s {
		stale[key] = fds
	}
	for _, w := range wants(cfg) {
		delete(stale, w.key)
	}
	return stale
}

// Add takes over the sockets of more.
func (s Sockets) Add(more Sockets) {
	for key, fds := range more {
		s[key] = append(s[key], fds...)
	}
}

// Close closes all of them; clients that wait in a queue are reset unless
// another process has the same sockets.
func (s Sockets) Close() {
	for _, fds := range s {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}
}
