// Package loopback gives out addresses that nobody else has, for tests that start programs
// which open ports by number. To look for a free port, and to leave it to the program, is a
// race with everything else that runs on the machine.
package loopback

import (
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
)

// A block is a part of 127.0.0.0/8 that belongs to this process: it holds a port of an
// address in it that Address does not give out.
type block struct {
	second int // number of its addresses
	hold   net.Listener
}

// blocks is how many second numbers are shared among processes; 127.0 and 127.1 are not.
const blocks = 250

var claimed = sync.OnceValue(func() block {
	var err error
	for i := range blocks {
		b := block{second: 2 + (os.Getpid()+i)%blocks}
		if b.hold, err = net.Listen("tcp", fmt.Sprintf("127.%d.255.254:8000", b.second)); err == nil {
			return b
		}
	}
	panic(err) // so many processes do not run at once
})

var addresses atomic.Int32

// Address is a loopback address of the caller's own: every port is free on it. Connections
// to it come from 127.0.0.1.
func Address() string {
	n := int(addresses.Add(1))
	return fmt.Sprintf("127.%d.%d.%d", claimed().second, n/250%250, 1+n%250)
}
