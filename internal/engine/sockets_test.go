package engine

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const socketsFrontend = "frontend fe\n    bind $ADDR\n    default_backend be\nbackend be\n    server s 127.0.0.1:1\n"

func TestReloadThatIsRefusedLeavesTheRuntimeSocketAlone(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	good := reloadHead + strings.ReplaceAll(socketsFrontend, "$ADDR", freeAddr(t))
	bad := strings.Replace(good, "    default_backend", "    bind "+taken.Addr().String()+"\n    default_backend", 1)
	for _, test := range []struct {
		name, was, is string
	}{
		{"another level", "level admin", "level operator"},
		{"another mode", "level admin", "level admin mode 600"},
		{"one more socket", "level admin", "level admin\n    stats socket $DIR/more level user"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := run(t, good)
			text := strings.Replace(bad, test.was, test.is, 1)
			if _, err := b.Swap(parse(t, b.dir, text), nil, false); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
				t.Fatalf("Swap: %v, want that the address is in use", err)
			}
			if got := ask(t, b.socket, "show info\n"); !strings.Contains(got, "Pid: ") {
				t.Errorf("the runtime socket answers %q", got)
			}
			if _, err := os.Lstat(filepath.Join(b.dir, "more")); !os.IsNotExist(err) {
				t.Errorf("a socket that nobody serves is left behind: %v", err)
			}
		})
	}
}

func TestTheSamePathTwiceIsServedByTheLast(t *testing.T) {
	b := run(t, strings.Replace(reloadHead, "level admin", "level user\n    stats socket $DIR/sock level admin", 1)+
		strings.ReplaceAll(socketsFrontend, "$ADDR", freeAddr(t)))
	if got := ask(t, b.socket, "set weight be/s 5\n"); strings.TrimSpace(got) != "" {
		t.Errorf("set weight: %q, want the answer of the socket with level admin", got)
	}
	if files, err := os.ReadDir(b.dir); err != nil || len(files) != 2 { // and the configuration
		t.Errorf("%v, %v; want nothing beside the socket", files, err)
	}
}
