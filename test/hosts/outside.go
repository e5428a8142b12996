package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// insideMark tells the second process, which lives in the namespaces, what it is.
	insideMark = "BASCULE_HOSTS_IMAGE"
	// groupMark gives it the name of its cgroup.
	groupMark = "BASCULE_HOSTS_CGROUP"
	// wantMemory is for seven hosts: about 60 MiB each, and what is written to
	// their files, which are in memory.
	wantMemory = 1 << 30
	// tidyLimit is for the hosts to end after an interrupt, before they are killed.
	tidyLimit = 20 * time.Second
)

// programs are what a run calls, with Debian's packages.
var programs = [][2]string{
	{"systemd-nspawn", "systemd-container"}, {"debootstrap", "debootstrap"}, {"ansible-playbook", "ansible-core"},
	{"ssh", "openssh-client"}, {"ssh-keygen", "openssh-client"}, {"ip", "iproute2"},
}

// lxdPrograms are what --lxd calls on top. The connection of Ansible into a
// container is in the collections that Debian's ansible has and ansible-core has not.
var lxdPrograms = [][2]string{{"lxd", "lxd"}, {"lxc", "lxd-client"}, {"ansible-community", "ansible"}, {"tar", "tar"}}

// outside makes the image and starts the second process.
func outside(args []string) error {
	opt, err := parse(args, os.Stderr)
	if err != nil {
		return err
	}
	if err := able(opt); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	made, err := image(ctx, opt.cache, opt.mirror, os.Stdout)
	if err != nil {
		return err
	}
	// The kernel kills the second process when the thread that made it ends.
	runtime.LockOSThread()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	group := fmt.Sprint(cgroupPrefix, os.Getpid())
	cmd.Env = append(os.Environ(), insideMark+"="+made, groupMark+"="+group)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
		Setpgid:    true, // an interrupt of the terminal comes once, from here
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = tidyLimit
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: namespaces of its own: %w", errUsage, err)
	}
	err = cmd.Wait()
	left := takenDown(group)
	if left == nil {
		fmt.Println("everything was taken down: no process, cgroup, mount or network link is left")
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		err = errors.New("interrupted")
	case errors.As(err, &exit) && exit.ExitCode() == cannotRun:
		err = fmt.Errorf("%w", errUsage)
	case errors.As(err, &exit):
		err = errors.New("FAILED")
	}
	return errors.Join(err, left)
}

// able says what a machine lacks.
func able(opt options) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: booting hosts needs root (namespaces, mounts, systemd-nspawn)", errUsage)
	}
	need := programs
	if opt.lxd {
		need = append(slices.Clone(need), lxdPrograms...)
	}
	for _, p := range need {
		if _, err := exec.LookPath(p[0]); err != nil {
			return fmt.Errorf("%w: %s is missing (Debian package %s)", errUsage, p[0], p[1])
		}
	}
	if _, err := os.Stat(opt.bascule); err != nil {
		return fmt.Errorf("%w: %w: make build", errUsage, err)
	}
	if free := available(); free < wantMemory {
		return fmt.Errorf("%w: the hosts want 1 GiB of memory, %d MiB are free", errUsage, free>>20)
	}
	return nil
}

// available is MemAvailable in bytes; what cannot be read is enough.
func available() int64 {
	text, _ := os.ReadFile("/proc/meminfo")
	for line := range strings.Lines(string(text)) {
		if word := strings.Fields(line); len(word) == 3 && word[0] == "MemAvailable:" {
			if kib, err := strconv.ParseInt(word[1], 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return wantMemory
}
