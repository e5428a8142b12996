package unit

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestThePackage builds it, unpacks it, and looks at each thing that it brings.
func TestThePackage(t *testing.T) {
	dir := t.TempDir()
	whole, program := filepath.Join(dir, "whole"), filepath.Join(dir, "bascule")
	command(t, "go", "build", "-buildvcs=false", "-o", whole, "bascule/cmd/bascule")
	// A few bytes in its place: packing the whole program twice takes its time.
	write(t, program, "#!/bin/sh\nexec "+whole+" \"$@\"\n")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	first := built(t, program, "v1.2.3-4-gabc", filepath.Join(dir, "dist"))
	if want := "bascule_1.2.3+4+gabc_" + strings.TrimSpace(command(t, "dpkg", "--print-architecture")) + ".deb"; filepath.Base(first) != want {
		t.Errorf("it is named %s, want %s", filepath.Base(first), want)
	}
	again := built(t, program, "v1.2.3-4-gabc", filepath.Join(dir, "again"))
	if read(t, first) != read(t, again) {
		t.Error("the same tree and program gave another package")
	}
	root, control := filepath.Join(dir, "root"), filepath.Join(dir, "control")
	command(t, "dpkg-deb", "--extract", first, root)
	command(t, "dpkg-deb", "--control", first, control)
	for path, mode := range map[string]os.FileMode{
		"usr/bin/bascule": 0o755, "lib/systemd/system/bascule.service": 0o644, "lib/systemd/system/bascule.socket": 0o644,
		"usr/lib/bascule/relieve": 0o755,
		"etc/bascule/bascule.cfg": 0o644, "etc/default/bascule": 0o644, "usr/share/man/man1/bascule.1.gz": 0o644,
		"usr/share/bash-completion/completions/bascule": 0o644, "usr/share/zsh/vendor-completions/_bascule": 0o644, "usr/share/fish/vendor_completions.d/bascule.fish": 0o644,
		"usr/share/doc/bascule/copyright":    0o644,
		"usr/share/doc/bascule/changelog.gz": 0o644, "usr/share/doc/bascule/install.md": 0o644,
	} {
		if st, err := os.Stat(filepath.Join(root, path)); err != nil || st.Mode().Perm() != mode || st.Size() == 0 {
			t.Errorf("%s: %v, %v; want mode %o", path, st, err, mode)
		}
	}
	if owners := command(t, "dpkg-deb", "--contents", first); strings.Count(owners, " root/root ") != strings.Count(owners, "\n") {
		t.Errorf("not everything is root's:\n%s", owners)
	}
	if got := read(t, filepath.Join(control, "conffiles")); got != "/etc/bascule/bascule.cfg\n/etc/default/bascule\n" {
		t.Errorf("conffiles: %q", got)
	}
	command(t, "sh", "-c", "cd "+root+" && md5sum --quiet -c "+control+"/md5sums")
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		command(t, "sh", "-n", filepath.Join(control, script))
	}
	// What it says it starts with is valid, and as it is meant: of this very program.
	command(t, program, "check", filepath.Join(root, "etc/bascule/bascule.cfg"))
	if haproxy, err := exec.Command("haproxy", "-c", "-q", "-f", filepath.Join(root, "etc/bascule/bascule.cfg")).CombinedOutput(); err != nil {
		t.Errorf("HAProxy refuses the example: %v\n%s", err, haproxy)
	}
	shown := command(t, "sh", "-c", "gzip -dc "+root+"/usr/share/man/man1/bascule.1.gz")
	if !strings.HasPrefix(shown, ".TH BASCULE 1") {
		t.Errorf("the man page begins with %.40q", shown)
	}
}

func built(t *testing.T, program, version, out string) string {
	t.Helper()
	command(t, "../../deploy/deb/build", program, version, out)
	found, err := filepath.Glob(filepath.Join(out, "*.deb"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	return found[0]
}

// command runs a program that must end with 0, and returns its output.
func command(t *testing.T, words ...string) string {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = slices.Concat(os.Environ(), []string{"SOURCE_DATE_EPOCH=1700000000"})
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", words, err, out, said.String())
	}
	return string(out)
}
