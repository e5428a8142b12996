// Command hosts runs the deployment on booted Debian hosts and breaks it there.
//
// Seven hosts (a balancer, two API servers, two stream servers, Redis and a
// client) boot systemd in containers of systemd-nspawn, each with its own
// network, processes and files: an overlay over one Debian that debootstrap made
// and the cache keeps. The playbooks of deploy/ansible reach them over ssh.
//
//	make hosts
//	bin/hosts --list
//	bin/hosts --steps site,failover
//	make hosts-lxd
//
// Every step prints its figures and how long it took; the first that fails ends the
// run with exit code 1. Wrong usage is 2, and so is a machine that cannot do it: no
// root, a program missing, namespaces or mounts refused, no mirror. All of it (mounts,
// networks, containers, ssh) lives in namespaces of one process: when that
// ends, however it ends, the kernel takes them away.
//
// systemd-nspawn runs by itself (--register=no --keep-unit), so that no systemd
// has to run outside. The hosts see a cgroup2 tree also where the machine has the
// old one: it is mounted for them alone.
//
// With --lxd a playbook makes the balancer's container on Debian's LXD, which runs
// in the same namespaces, from an image of the same Debian.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

type options struct {
	cache   string
	mirror  string
	steps   []string
	times   int // how often all but the first three steps come
	bascule string
	tree    string // the repository
	verbose bool
	lxd     bool // the balancer's container by LXD, in place of the hosts
}

// all are the steps that there are.
func (o options) all() []step {
	if o.lxd {
		return lxdSteps
	}
	return steps
}

// chosen are the steps of a run, in order, and those that it leaves out.
func (o options) chosen() (run []step, out []string) {
	var again []step
	for i, s := range o.all() {
		if len(o.steps) > 0 && i > 0 && !slices.Contains(o.steps, s.name) {
			out = append(out, s.name)
			continue
		}
		run = append(run, s)
		if i >= made {
			again = append(again, s)
		}
	}
	for range o.times - 1 {
		run = append(run, again...)
	}
	return run, out
}

// made is how many steps make the hosts: the third one too, that the same playbook
// changes nothing, holds only until another step has deployed another version.
const made = 3

// errUsage is a wrong call, or a machine that cannot run hosts; it ends with cannotRun.
var errUsage = errors.New("cannot run")

const cannotRun = 2

func main() {
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == "client":
		err = client(os.Args[2:], os.Stdin, os.Stdout)
	case len(os.Args) > 1 && os.Args[1] == "order":
		err = order(os.Args[2:])
	case os.Getenv(insideMark) != "":
		err = inside(os.Args[1:])
	default:
		err = outside(os.Args[1:])
	}
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "hosts:", err)
		os.Exit(cannotRun)
	default:
		fmt.Fprintln(os.Stderr, "hosts:", err)
		os.Exit(1)
	}
}

func parse(args []string, errOut io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("hosts", flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.StringVar(&o.cache, "cache", defaultCache(), "where the image is kept")
	fs.StringVar(&o.mirror, "mirror", "", "the Debian mirror of the image (default: this machine's)")
	chosen := fs.String("steps", "", "comma-separated steps; the first comes always (default all)")
	fs.IntVar(&o.times, "times", 1, "how often the steps after the first three come, one round after the other")
	fs.StringVar(&o.bascule, "bascule", "bin/bascule", "the program to deploy")
	fs.StringVar(&o.tree, "tree", ".", "the repository")
	fs.BoolVar(&o.verbose, "v", false, "print what ansible-playbook prints")
	fs.BoolVar(&o.lxd, "lxd", false, "have the playbook make the balancer's container on Debian's LXD, instead")
	list := fs.Bool("list", false, "list the steps")
	if err = fs.Parse(args); err != nil {
		return o, errors.Join(errUsage, err)
	}
	if *list {
		for _, s := range o.all() {
			fmt.Printf("%-10s %s\n", s.name, s.what)
		}
		return o, flag.ErrHelp
	}
	for name := range strings.SplitSeq(*chosen, ",") {
		if name == "" {
			continue
		}
		if !slices.ContainsFunc(o.all(), func(s step) bool { return s.name == name }) {
			return o, fmt.Errorf("%w: no step is named %q (--list names them)", errUsage, name)
		}
		o.steps = append(o.steps, name)
	}
	for _, path := range []*string{&o.cache, &o.bascule, &o.tree} {
		if *path, err = filepath.Abs(*path); err != nil {
			return o, err
		}
	}
	return o, nil
}

// defaultCache is the user's cache, as the XDG base directories have it.
func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = "/var/cache"
	}
	return filepath.Join(dir, "bascule", "hosts")
}
