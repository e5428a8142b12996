package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// runDir is inside's own: /run is a tmpfs of its mount namespace.
	runDir = "/run/hosts"
	// bridge joins the hosts; the playbooks come from its own address.
	bridge, bridgeAddr = "lan", "10.31.0.1"
	// domain is how lab.yml knows the hosts.
	domain = "lxd"
)

// The hosts of lab.yml, and the two that the lab adds.
var plan = []host{
	{Name: "haproxy", short: "lb", Addr: "10.31.0.10"},
	{Name: "backend-api-1", short: "api1", Addr: "10.31.0.21"},
	{Name: "backend-api-2", short: "api2", Addr: "10.31.0.22"},
	{Name: "stream-server-1", short: "stream1", Addr: "10.31.0.31"},
	{Name: "stream-server-2", short: "stream2", Addr: "10.31.0.32"},
	{Name: "redis", short: "redis", Addr: "10.31.0.40"},
	{Name: "client", short: "client", Addr: "10.31.0.50"},
}

// lab is seven hosts and the network between them.
type lab struct {
	opt   options
	image string
	hosts map[string]*host
	group string // the cgroup of all hosts
}

// newLab makes mounts and network. Close takes the hosts away; the rest goes with
// the namespaces.
func newLab(opt options, image string) (*lab, error) {
	l := &lab{opt: opt, image: image, hosts: map[string]*host{}}
	for _, step := range []func() error{privateMounts, l.cgroup, l.names, l.program, keys, network} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	for _, h := range plan {
		h.lab = l
		l.hosts[h.Name] = &h
	}
	return l, nil
}

// privateMounts gives this process a /proc, /sys, /run and cgroup2 of its own.
func privateMounts() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	for _, m := range []struct{ kind, at string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"cgroup2", "/sys/fs/cgroup"}, {"tmpfs", "/run"},
	} {
		if err := syscall.Mount(m.kind, m.at, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s at %s: %w", m.kind, m.at, err)
		}
	}
	// Containers of LXD have other users, who must reach what is theirs below it.
	if err := os.Mkdir(runDir, 0o711); err != nil {
		return err
	}
	return os.Mkdir(filepath.Join(runDir, "home"), 0o700)
}

// cgroupPrefix begins the name of a run's cgroup; what follows is its pid.
const cgroupPrefix = "bascule-hosts-"

// cgroup makes the group that the hosts are in, and removes what killed runs left.
func (l *lab) cgroup() error {
	left, _ := filepath.Glob("/sys/fs/cgroup/" + cgroupPrefix + "*")
	for _, dir := range left {
		dropGroup(dir) // one that is in use stays: the kernel refuses
	}
	l.group = filepath.Join("/sys/fs/cgroup", os.Getenv(groupMark))
	return os.Mkdir(l.group, 0o755)
}

// dropGroup removes a cgroup and those below it, the deepest first.
func dropGroup(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			dropGroup(filepath.Join(dir, e.Name()))
		}
	}
	_ = syscall.Rmdir(dir)
}

// names is /etc/hosts, here and on every host.
func (l *lab) names() error {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n")
	for _, h := range plan {
		fmt.Fprintf(&b, "%s %s.%s %s\n", h.Addr, h.Name, domain, h.Name)
	}
	file := filepath.Join(runDir, "hosts")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		return err
	}
	return syscall.Mount(file, "/etc/hosts", "", syscall.MS_BIND, "")
}

// program keeps the program as it is now: the tree may be built again meanwhile.
func (l *lab) program() error {
	text, err := os.ReadFile(l.opt.bascule)
	if err != nil {
		return err
	}
	l.opt.bascule = filepath.Join(runDir, "bascule")
	return os.WriteFile(l.opt.bascule, text, 0o755)
}

func network() error {
	for _, words := range []string{
		"link set lo up", "link add " + bridge + " type bridge",
		"addr add " + bridgeAddr + "/24 dev " + bridge, "link set " + bridge + " up",
	} {
		if out, err := exec.Command("ip", strings.Fields(words)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", words, err, out)
		}
	}
	return nil
}

// boot starts all hosts and waits for them.
func (l *lab) boot(ctx context.Context) error {
	errs := make([]error, len(plan))
	var all sync.WaitGroup
	for i := range plan {
		all.Go(func() { errs[i] = l.hosts[plan[i].Name].boot(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// close kills what still runs. A cgroup can be removed when the kernel has taken
// the last process out of it.
func (l *lab) close() {
	for _, h := range l.hosts {
		_ = h.kill()
	}
	for deadline := time.Now().Add(goneLimit); time.Now().Before(deadline); time.Sleep(poll) {
		dropGroup(l.group)
		if _, err := os.Stat(l.group); err != nil {
			return
		}
	}
}
