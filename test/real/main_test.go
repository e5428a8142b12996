// Package real runs the whole binary with the programs its users have: Debian's
// haproxy, redis, socat, hatop, tmux, prometheus-haproxy-exporter, curl, openssl,
// sslscan, chromium and python3. It builds the binary once, and runs in a private network and a
// private view of /etc/hosts, /run and /dev, so that ports such as 80 and paths
// such as /run/haproxy/admin.sock are free and nobody outside is disturbed.
package real

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	// What the binary is built from: without this import the test would count
	// as unchanged when only the product changed.
	_ "bascule/internal/cli"
)

// worldVariable names the directory of the built binary; it is set only inside
// the private world.
const worldVariable = "BASCULE_REAL_WORLD"

// bascule is the path of the binary under test.
var bascule string

// programs are what the tests run, each with what brings it.
var programs = []string{
	"haproxy", "redis-server", "redis-cli", "socat", "hatop", "tmux", "prometheus-haproxy-exporter", "curl", "python3", "unshare",
	"openssl", "sslscan", "chromium",
}

func TestMain(m *testing.M) {
	// Debian keeps daemons where a normal user's PATH does not look.
	must(os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"))
	if dir := os.Getenv(worldVariable); dir != "" {
		bascule = filepath.Join(dir, "bascule")
		must(furnish(dir))
		os.Exit(m.Run())
	}
	code, err := outside()
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/real:", err)
		code = 1
	}
	os.Exit(code)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/real:", err)
		os.Exit(1)
	}
}

// outside builds the binary, and runs this test program again inside the world.
func outside() (int, error) {
	var missing []string
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return 1, fmt.Errorf("missing %s: make deps installs them", strings.Join(missing, ", "))
	}
	ids, err := mapping()
	if err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "real")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	// Workers that dropped root still look into it.
	if err := os.Chmod(dir, 0o755); err != nil {
		return 1, err
	}
	if err := build(filepath.Join(dir, "bascule")); err != nil {
		return 1, err
	}
	return enter(dir, ids)
}

func build(path string) error {
	args := []string{"build", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "bascule/cmd/bascule")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if raceEnabled {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// mapping gives what unshare needs besides the namespaces. Who is not root becomes
// root of a user namespace that also has the system's users, because the
// configurations under test give up root for the user haproxy.
func mapping() ([]string, error) {
	if os.Geteuid() == 0 {
		return nil, nil
	}
	args := []string{"--user", "--map-root-user", "--map-auto"}
	if out, err := exec.Command("unshare", append(args, "--mount", "--net", "true")...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("needs root, or a user with subordinate ids: the package uidmap and a line in /etc/subuid and /etc/subgid (%w: %s)",
			err, strings.TrimSpace(string(out)))
	}
	return args, nil
}

// enter runs this program in namespaces of its own and returns its exit code.
func enter(dir string, args []string) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 1, err
	}
	args = append(args, "--mount", "--net", "--", self)
	cmd := exec.Command("unshare", append(args, os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), worldVariable+"="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}
