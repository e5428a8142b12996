package config

// number gives everything without an id of its own one, counting as HAProxy
// does: each entry, with an id or not, moves the counter on, and numbers in use
// are skipped. So a server's number follows its place in the file.
func number(n, first int, fixed func(i int) (id int, ok bool), assign func(i, id int)) {
	used := map[int]bool{}
	for i := range n {
		if id, ok := fixed(i); ok {
			used[id] = true
		}
	}
	next := first
	for i := range n {
		if _, ok := fixed(i); !ok {
			for used[next] {
				next++
			}
			used[next] = true
			assign(i, next)
		}
		next++
	}
}

// firstProxyID is where HAProxy's numbers of proxies begin; 1 is its own.
const firstProxyID = 2

// numberAll numbers proxies, their listeners and their servers.
func (l *loader) numberAll() {
	px := l.cfg.Proxies
	number(len(px), firstProxyID,
		func(i int) (int, bool) { return px[i].ID, px[i].IDFixed },
		func(i, id int) { px[i].ID = id })
	for _, p := range px {
		fixed := make([]bool, len(p.Binds))
		for i, b := range p.Binds {
			fixed[i] = b.ID > 0
		}
		number(len(p.Binds), 1,
			func(i int) (int, bool) { return p.Binds[i].ID, fixed[i] },
			func(i, id int) { p.Binds[i].ID = id })
		number(len(p.Servers), 1,
			func(i int) (int, bool) { return p.Servers[i].ID, p.Servers[i].IDFixed },
			func(i, id int) { p.Servers[i].ID = id })
	}
}
