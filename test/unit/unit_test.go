// Package unit holds what an installation brings to what systemd, dpkg, man and
// the shells make of it.
package unit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// service and socket are the units as they stand in the tree.
const (
	service = "../../deploy/systemd/bascule.service"
	socket  = "../../deploy/systemd/bascule.socket"
)

// exposed is the most that systemd-analyze security may find, in tenths.
const exposed = "15"

func TestTheUnitIsHardened(t *testing.T) {
	for name, text := range map[string]string{"bascule": read(t, service), "in HAProxy's place": asHAProxy(t)} {
		path := filepath.Join(t.TempDir(), "haproxy.service")
		write(t, path, text)
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+exposed, path).CombinedOutput()
		if err != nil {
			t.Errorf("%s: more exposed than %s tenths (%v):\n%s", name, exposed, err, out)
		}
	}
}

// asHAProxy makes the changes that the unit's first lines tell, and no others.
func asHAProxy(t *testing.T) string {
	t.Helper()
	text := read(t, service)
	for _, change := range [][2]string{
		{"User=bascule\nGroup=bascule\nRuntimeDirectory=bascule\n", "User=haproxy\nGroup=haproxy\nRuntimeDirectory=haproxy\n"},
		{"CONFIG=/etc/bascule/bascule.cfg", "CONFIG=/etc/haproxy/haproxy.cfg"},
		{"EnvironmentFile=-/etc/default/bascule", "EnvironmentFile=-/etc/default/haproxy"},
	} {
		if strings.Count(text, change[0]) != 1 {
			t.Fatalf("%q does not stand once in the unit", change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	return text
}

// TestTheUnitIsValid has systemd read it, in a root where the program is.
func TestTheUnitIsValid(t *testing.T) {
	for name, text := range map[string]string{
		"bascule.service": read(t, service), "haproxy.service": asHAProxy(t), "bascule.socket": read(t, socket),
	} {
		root := t.TempDir()
		if strings.HasSuffix(name, ".socket") {
			write(t, filepath.Join(root, "etc/systemd/system/bascule.service"), read(t, service))
		}
		write(t, filepath.Join(root, "etc/systemd/system", name), text)
		for _, target := range []string{"sysinit", "basic", "shutdown", "network-online", "multi-user", "sockets"} {
			write(t, filepath.Join(root, "etc/systemd/system", target+".target"), "[Unit]\nDescription=there\n")
		}
		for _, program := range []string{"usr/bin/bascule", "bin/kill", "usr/bin/timeout", "usr/bin/tail"} {
			write(t, filepath.Join(root, program), "#!/bin/sh\n")
			if err := os.Chmod(filepath.Join(root, program), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.Command("systemd-analyze", "verify", "--root="+root, "--man=no", "--recursive-errors=no", name).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// write makes a file with the directories above it.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
