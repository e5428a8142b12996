package engine

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// descriptors counts what is open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestStopLeavesNothingOpen(t *testing.T) {
	addr, other := freeAddr(t), freeAddr(t)
	srv := serveEcho(t, "one")
	text := reloadHead + "listen fe\n    bind " + addr + "\n    server s " + srv + " check inter 50ms\n"
	cycle := func() {
		b := run(t, text)
		_ = body(t, addr)
		b.reload(reloadHead + "listen fe\n    bind " + other + "\n    server t " + srv + " check inter 50ms\n")
		_ = body(t, other)
		_ = ask(t, b.socket, "show info\n")
		if _, err := b.Swap(parse(t, b.dir, reloadHead+"listen fe\n    bind 192.0.2.1:80\n"), nil, false); err == nil {
			t.Error("it takes a bind that is not possible")
		}
		b.Stop()
	}
	cycle() // what is opened once, is open now
	before := descriptors(t)
	for range 3 {
		cycle()
	}
	eventually(t, "what was open is closed", func() bool { return descriptors(t) <= before })
}
