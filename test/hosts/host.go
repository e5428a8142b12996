package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// bootLimit is for one host to boot on a machine that boots six others.
	bootLimit = 2 * time.Minute
	// goneLimit is for the kernel to take a killed host's network away.
	goneLimit = 30 * time.Second
	// poll is how often something is looked for.
	poll = 50 * time.Millisecond
)

// host is one booted Debian.
type host struct {
	Name, Addr string
	short      string // its network interface is vb-SHORT, of 15 bytes at most
	lab        *lab

	root   string // the overlay
	nspawn *exec.Cmd
	ended  chan struct{} // nspawn is gone
}

// boot starts the host, for the first time or again, and waits until its systemd
// says that it runs.
func (h *host) boot(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	if h.root == "" {
		if err := h.files(); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
	if err := h.start(); err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	if err := h.reachable(ctx); err != nil {
		return fmt.Errorf("%s does not boot: %w\n%s", h.Name, err, h.console())
	}
	state, err := h.run(ctx, "systemctl is-system-running --wait")
	if err != nil {
		failed, _ := h.run(ctx, "systemctl --failed --no-legend; journalctl -b -p err --no-pager | tail -n 20")
		return fmt.Errorf("%s is %s: %w\n%s", h.Name, strings.TrimSpace(state), err, failed)
	}
	return nil
}

// files makes the overlay and puts into it what tells one host from another.
func (h *host) files() error {
	dir := filepath.Join(runDir, h.Name)
	upper, work, root := filepath.Join(dir, "upper"), filepath.Join(dir, "work"), filepath.Join(dir, "root")
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	files := map[string]string{
		"etc/hostname":                       h.Name + "\n",
		"etc/machine-id":                     fmt.Sprintf("%x\n", id),
		"etc/systemd/network/10-lan.network": fmt.Sprintf("[Match]\nName=host0\n[Network]\nAddress=%s/24\nLinkLocalAddressing=no\n", h.Addr),
		"etc/hosts":                          read("/etc/hosts"),
		"etc/ssh/ssh_host_ed25519_key":       read(hostKey),
		"etc/ssh/ssh_host_ed25519_key.pub":   read(hostKey + ".pub"),
		"root/.ssh/authorized_keys":          read(userKey + ".pub"),
		"etc/ssh/sshd_config.d/lab.conf":     "UseDNS no\nMaxStartups 100\n",
	}
	for name, text := range files {
		path := filepath.Join(upper, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	for name, mode := range map[string]os.FileMode{"etc/ssh/ssh_host_ed25519_key": 0o600, "root": 0o700, "root/.ssh": 0o700} {
		if err := os.Chmod(filepath.Join(upper, name), mode); err != nil {
			return err
		}
	}
	for _, made := range []string{work, root} {
		if err := os.MkdirAll(made, 0o755); err != nil {
			return err
		}
	}
	h.root = root
	if err := syscall.Mount("overlay", root, "overlay", 0, "lowerdir="+h.lab.image+",upperdir="+upper+",workdir="+work); err != nil {
		return fmt.Errorf("%w: an overlay: %w", errUsage, err)
	}
	return nil
}

// start runs systemd-nspawn in a cgroup of the host's own.
func (h *host) start() error {
	group := h.group()
	if err := os.MkdirAll(group, 0o755); err != nil {
		return err
	}
	fd, err := os.Open(group)
	if err != nil {
		return err
	}
	defer fd.Close()
	console, err := os.OpenFile(h.consolePath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer console.Close()
	cmd := exec.Command("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--directory="+h.root,
		"--machine="+h.short, "--hostname="+h.Name, "--network-bridge="+bridge, "--console=pipe",
		"--link-journal=no", "--resolv-conf=off", "--timezone=off")
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(fd.Fd()), Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	h.nspawn, h.ended = cmd, make(chan struct{})
	// Ends with the host: kill ends that.
	go func() { _ = cmd.Wait(); close(h.ended) }()
	return nil
}

// kill ends the host at once, as a power cut would, and waits until its network is
// gone. A host that does not run stays as it is.
func (h *host) kill() error {
	if h.nspawn == nil {
		return nil
	}
	if err := os.WriteFile(filepath.Join(h.group(), "cgroup.kill"), []byte("1"), 0); err != nil {
		return fmt.Errorf("kill %s: %w", h.Name, err)
	}
	<-h.ended
	h.nspawn = nil
	// The kernel takes processes and network away in its own time; a host that is
	// booted before finds the old one in its place.
	for deadline := time.Now().Add(goneLimit); ; time.Sleep(poll) {
		dropGroup(h.group())
		_, group := os.Stat(h.group())
		if _, err := net.InterfaceByName("vb-" + h.short); err != nil && group != nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("kill %s: its network or its processes are still there", h.Name)
		}
	}
}

// reachable waits until ssh answers.
func (h *host) reachable(ctx context.Context) error {
	for {
		select {
		case <-h.ended:
			return fmt.Errorf("systemd-nspawn ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(poll):
		}
		conn, err := net.DialTimeout("tcp", h.Addr+":22", time.Second)
		if err == nil {
			conn.Close()
			return nil
		}
	}
}

func (h *host) group() string       { return filepath.Join(h.lab.group, h.short) }
func (h *host) consolePath() string { return filepath.Join(runDir, h.Name+".console") }
func (h *host) console() string     { return end(read(h.consolePath())) }

// read is a file's text; one that cannot be read is empty.
func read(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}
