package real

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// hosts points the names of the deployment at loopback, an address each: the
// servers of one backend share their port.
const hosts = `127.0.0.1 localhost
127.0.0.11 backend-api-1.lxd
127.0.0.12 backend-api-2.lxd
127.0.0.21 stream-server-1.lxd
127.0.0.22 stream-server-2.lxd
`

// furnish prepares the world: loopback up, names, and empty /run and /dev with
// what programs cannot do without.
func furnish(dir string) error {
	if err := loopback(); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	names := filepath.Join(dir, "hosts")
	if err := os.WriteFile(names, []byte(hosts), 0o644); err != nil {
		return err
	}
	if err := unix.Mount(names, "/etc/hosts", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("/etc/hosts: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("/run: %w", err)
	}
	if err := devices(dir); err != nil {
		return fmt.Errorf("/dev: %w", err)
	}
	// Debian makes this directory at boot, for the user haproxy.
	uid, gid, err := haproxyUser()
	if err != nil {
		return err
	}
	if err := os.Mkdir("/run/haproxy", 0o755); err != nil {
		return err
	}
	return os.Chown("/run/haproxy", uid, gid)
}

func haproxyUser() (uid, gid int, err error) {
	u, err := user.Lookup("haproxy")
	if err != nil {
		return 0, 0, err
	}
	uid, errUID := strconv.Atoi(u.Uid)
	gid, errGID := strconv.Atoi(u.Gid)
	return uid, gid, errors.Join(errUID, errGID)
}

func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}

// devices replaces /dev by one in which /dev/log may come and go.
func devices(dir string) error {
	old := filepath.Join(dir, "dev")
	if err := os.Mkdir(old, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("/dev", old, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", "/dev", "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		path := filepath.Join("/dev", name)
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			return err
		}
		if err := unix.Mount(filepath.Join(old, name), path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := os.Mkdir("/dev/pts", 0o755); err != nil {
		return err
	}
	if err := unix.Mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=620"); err != nil {
		return fmt.Errorf("pts: %w", err)
	}
	return errors.Join(
		os.Symlink("pts/ptmx", "/dev/ptmx"),
		os.Symlink("/proc/self/fd", "/dev/fd"),
		os.Symlink("/proc/self/fd/1", "/dev/stdout"),
		os.Symlink("/proc/self/fd/2", "/dev/stderr"),
		unix.Unmount(old, unix.MNT_DETACH),
	)
}

var addresses atomic.Int32

// address returns a loopback address of the test's own: any port on it is free.
func address() string {
	n := addresses.Add(1)
	return fmt.Sprintf("127.%d.%d.1", 1+n/250, 1+n%250)
}

// runDir returns a short directory for sockets, which everybody may enter: a
// socket's path has 108 bytes, and a test's directory is longer.
func runDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/run", "r")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The world is what every other test stands on.
func TestTheWorldIsPrivate(t *testing.T) {
	if out, err := exec.Command("getent", "hosts", "stream-server-2.lxd").Output(); err != nil || string(out) != "127.0.0.22      stream-server-2.lxd\n" {
		t.Errorf("getent hosts stream-server-2.lxd = %q, %v", out, err)
	}
	if _, err := os.Stat("/dev/log"); !os.IsNotExist(err) {
		t.Errorf("/dev/log is there before a test made it: %v", err)
	}
}
