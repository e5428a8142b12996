package h1

import (
	"testing"
	"unsafe"

	"bascule/internal/loop"
	"bascule/internal/stream"
)

const (
	// mostTunnel bounds what an idle tunnel keeps, in bytes as the allocator
	// rounds them. A KiB is promised: a quarter of it goes to the packed log
	// record, the loop's tables and the collector's own bookkeeping.
	mostTunnel = 752
	// mostClient bounds what a client costs between two requests.
	mostClient = 336
)

// rounded is what the allocator gives for n bytes (runtime's size classes).
func rounded(n uintptr) uintptr {
	for _, class := range []uintptr{96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448, 480, 512} {
		if n <= class {
			return class
		}
	}
	return 2 * n
}

func TestAnIdleTunnelIsSmall(t *testing.T) {
	conn, front, back, str := rounded(unsafe.Sizeof(loop.Conn{})), rounded(unsafe.Sizeof(front{})), rounded(unsafe.Sizeof(back{})), rounded(unsafe.Sizeof(stream.Stream{}))
	if sum := 2*conn + front + back + str; sum > mostTunnel {
		t.Errorf("an idle tunnel keeps %d bytes, want at most %d: two connections of %d, front %d, back %d, stream %d", sum, mostTunnel, conn, front, back, str)
	}
	if sum := conn + front; sum > mostClient {
		t.Errorf("an idle client keeps %d bytes, want at most %d: connection %d, front %d", sum, mostClient, conn, front)
	}
	t.Logf("connection %d, front %d, back %d, stream %d", conn, front, back, str)
}
