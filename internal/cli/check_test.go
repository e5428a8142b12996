package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestCheckLooksAtInheritedSockets: -c refuses a descriptor that is no socket,
// in HAProxy's words.
func TestCheckLooksAtInheritedSockets(t *testing.T) {
	plain, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	for fd, want := range map[int]string{
		1 << 20:         "cannot use file descriptor '1048576' : bad file descriptor.",
		int(plain.Fd()): "cannot use file descriptor '" + strconv.Itoa(int(plain.Fd())) + "' : socket operation on non-socket.",
	} {
		path := filepath.Join(t.TempDir(), "fd.cfg")
		text := "defaults\n    mode http\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind fd@" + strconv.Itoa(fd) + "\n    http-request deny\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errOut bytes.Buffer
		if code := check(&flags{files: []string{path}, disabled: map[string]bool{}}, &out, &errOut); code != 1 || !strings.Contains(errOut.String(), want) {
			t.Errorf("fd@%d gives %d and %q, want %q", fd, code, errOut.String(), want)
		}
	}
}
