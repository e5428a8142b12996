package plane

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// taken waits until the proxy has read all that was sent to it over conn. A reset that
// comes behind finds it with those bytes, whenever it got to them.
func taken(t *testing.T, conn net.Conn) {
	t.Helper()
	here, there := entry(conn.LocalAddr()), entry(conn.RemoteAddr())
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) { // reading it is dear
		table, err := os.ReadFile("/proc/net/tcp")
		if err != nil {
			t.Fatal(err)
		}
		empty := 0
		for line := range strings.Lines(string(table)) {
			// local address, remote address, state, bytes to be sent:bytes to be read
			f := strings.Fields(line)[1:5]
			if f[0] == here && f[1] == there && strings.HasPrefix(f[3], "00000000:") || f[0] == there && f[1] == here && strings.HasSuffix(f[3], ":00000000") {
				empty++
			}
		}
		if empty == 2 {
			return
		}
	}
	t.Fatal("what was sent is not read")
}

// entry is an address of IPv4 as /proc/net/tcp has it: the address as a number in this
// machine's order, and the port.
func entry(a net.Addr) string {
	ip := a.(*net.TCPAddr)
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip.IP.To4()), ip.Port)
}
