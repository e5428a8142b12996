package drill

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

const (
	// Free ports are taken below the range from which the kernel gives ports to
	// outgoing connections (32768 by default), so that a killed server's port is still
	// free when it is started again.
	firstPort, lastPort = 18000, 32000
	portTries           = 200
)

// freePorts returns n different loopback addresses that nobody listens on.
func freePorts(n int) ([]string, error) {
	addrs := make([]string, 0, n)
	seen := map[int]bool{}
	for range portTries {
		if len(addrs) == n {
			return addrs, nil
		}
		port := firstPort + rand.IntN(lastPort-firstPort)
		addr := "127.0.0.1:" + strconv.Itoa(port)
		if !seen[port] && isFree(addr) {
			seen[port] = true
			addrs = append(addrs, addr)
		}
	}
	return nil, fmt.Errorf("no %d free ports between %d and %d", n, firstPort, lastPort)
}

func isFree(addr string) bool {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	ln.Close()
	return true
}
