package loop

import (
	"testing"
	"unsafe"
)

// mostConn is what an idle connection may cost: the allocator's next class is
// 112 bytes, and a tunnel has two of them.
const mostConn = 96

func TestAnIdleConnectionIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Conn{}); n > mostConn {
		t.Errorf("a Conn has %d bytes, want at most %d", n, mostConn)
	}
}
