package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// pageFence begins a block of docs/from-haproxy.md that is for a booted balancer; a test
// of this machine runs the page's others.
const pageFence = "```console on the balancer\n"

// command is one of a page, with what it shall print: "…" stands for anything.
type command struct{ line, want string }

// commands are those of the page's blocks for the balancer.
func commands(page string) (list []command) {
	inside := false
	for line := range strings.Lines(page) {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == pageFence
		case !inside:
		case strings.HasPrefix(line, "$ "):
			list = append(list, command{line: strings.TrimSpace(line[2:])})
		case len(list) > 0:
			list[len(list)-1].want += line
		}
	}
	return list
}

// prints says whether a command printed what it shall.
func (c command) prints(said string) bool {
	parts := strings.Split(strings.TrimSpace(c.want), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, `.*`) + `\z`).MatchString(strings.TrimSpace(said))
}

// pageFile is what runs on the host of the page: no chroot, as its text says.
const pageFile = `global
    log /dev/log local0
    stats socket /run/haproxy/admin.sock mode 660 level admin
    user haproxy
    group haproxy

defaults
    log global
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s

frontend fe_main
    bind :80
    http-request return status 200 content-type text/plain string here if { path /here }
    default_backend api_pool

backend api_pool
    server backend-api-1 backend-api-1:8080 check
`

// byHand does on a host that runs Debian's HAProxy what the page says to do by hand: to
// bascule, and back. It is the client's: the balancer belongs to the roles.
func byHand(ctx context.Context, l *lab) error {
	var v verdicts
	h := l.hosts["client"]
	const there, unit = "/root/bascule", "/deploy/systemd/bascule.service"
	if _, err := h.run(ctx, `set -e
export DEBIAN_FRONTEND=noninteractive
apt-get -q -y --no-install-recommends --no-download install haproxy socat
mkdir -p `+there+"/bin "+there+"/deploy/systemd"); err != nil {
		return err
	}
	defer func() { _, _ = h.run(context.WithoutCancel(ctx), "systemctl disable --now haproxy") }()
	if err := h.put(l.opt.bascule, there+"/bin/bascule", 0o755); err != nil {
		return err
	}
	if err := h.put(l.opt.tree+unit, there+unit, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(h.root+"/etc/haproxy/haproxy.cfg", []byte(pageFile), 0o644); err != nil {
		return err
	}
	if _, err := h.run(ctx, "systemctl restart haproxy"); err != nil {
		return err
	}
	list := commands(read(filepath.Join(l.opt.tree, "docs", "from-haproxy.md")))
	for _, c := range list {
		said, err := h.run(ctx, "cd "+there+" && { "+c.line+"\n}")
		if err != nil {
			said += err.Error()
		}
		v.say(err == nil && c.prints(said), "$ %.60s: %s", c.line, strings.Join(strings.Fields(said), " "))
	}
	v.say(len(list) > 0, "docs/from-haproxy.md: its %d commands for the balancer, to bascule and back", len(list))
	return v.err()
}
