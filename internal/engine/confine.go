package engine

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"bascule/internal/config"
)

// Confine enters the chroot and drops to the user and group of g. Sockets must
// be open and log targets connected before. keepBind keeps the right to bind
// ports below 1024, which a process without a master needs for reloads; kept
// is false if that was not possible.
//
// It acts on all threads, and does nothing that g does not ask for.
func Confine(g *config.Global, keepBind bool) (kept bool, err error) {
	if g.Chroot != "" {
		if err := enter(g.Chroot); err != nil {
			return false, err
		}
	}
	if g.UID < 0 && g.GID < 0 {
		return true, nil
	}
	if os.Geteuid() != 0 {
		return true, unprivileged(g)
	}
	return drop(g, keepBind)
}

func drop(g *config.Global, keepBind bool) (kept bool, err error) {
	keeps := keepBind && g.UID > 0 && keepCapabilities() == nil
	if err := syscall.Setgroups(nil); err != nil {
		return false, fmt.Errorf("cannot drop supplementary groups: %w", err)
	}
	if g.GID >= 0 {
		if err := syscall.Setgid(g.GID); err != nil {
			return false, fmt.Errorf("cannot set gid %d: %w", g.GID, err)
		}
	}
	if g.UID >= 0 {
		if err := syscall.Setuid(g.UID); err != nil {
			return false, fmt.Errorf("cannot set uid %d: %w", g.UID, err)
		}
	}
	if keeps {
		return true, keepBindOnly()
	}
	return g.UID <= 0, nil
}

// unprivileged: without root only what we already are can be asked for.
func unprivileged(g *config.Global) error {
	if g.UID >= 0 && g.UID != os.Geteuid() {
		return fmt.Errorf("cannot set uid %d: %w", g.UID, syscall.EPERM)
	}
	if g.GID >= 0 && g.GID != os.Getegid() {
		return fmt.Errorf("cannot set gid %d: %w", g.GID, syscall.EPERM)
	}
	return nil
}

func enter(dir string) error {
	// What is loaded on first use from outside has to be loaded before.
	_, _ = time.Now().Zone()
	if err := syscall.Chroot(dir); err != nil {
		return fmt.Errorf("cannot chroot to %s: %w", dir, err)
	}
	if err := syscall.Chdir("/"); err != nil {
		return fmt.Errorf("cannot change to the root of the chroot %s: %w", dir, err)
	}
	return nil
}

// keepCapabilities lets permitted capabilities survive setuid, see
// capabilities(7).
func keepCapabilities() error {
	if _, _, errno := syscall.AllThreadsSyscall(syscall.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1, 0); errno != 0 {
		return errno
	}
	return nil
}

// A capset is what capset(2) takes: a header and two words of each set.
type capset struct {
	header unix.CapUserHeader
	data   [2]unix.CapUserData
}

// bindOnly has CAP_NET_BIND_SERVICE alone. It is a variable of the package
// because the call is given its address on every thread.
var bindOnly = capset{
	header: unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3},
	data:   [2]unix.CapUserData{{Effective: 1 << unix.CAP_NET_BIND_SERVICE, Permitted: 1 << unix.CAP_NET_BIND_SERVICE}},
}

// keepBindOnly gives up all capabilities but the right to bind low ports.
func keepBindOnly() error {
	header, data := uintptr(unsafe.Pointer(&bindOnly.header)), uintptr(unsafe.Pointer(&bindOnly.data))
	if _, _, errno := syscall.AllThreadsSyscall(syscall.SYS_CAPSET, header, data, 0); errno != 0 {
		return fmt.Errorf("cannot keep the right to bind low ports: %w", errno)
	}
	return nil
}

// Unreadable lists the files of a configuration that this process cannot read
// any more, so that a reload is going to fail.
func Unreadable(cfg *config.Config) []string {
	files := slices.Clone(cfg.Files)
	for _, s := range secured(cfg) {
		files = append(files, s.Files()...)
	}
	for _, px := range cfg.Proxies {
		for _, srv := range px.Servers {
			if srv.AnyTLS != nil {
				files = append(files, srv.AnyTLS.Files()...)
			}
		}
	}
	slices.Sort(files)
	var list []string
	for _, name := range slices.Compact(files) {
		f, err := os.Open(name)
		if err != nil {
			list = append(list, name)
			continue
		}
		f.Close()
	}
	return list
}
