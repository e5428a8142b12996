package demo

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
)

// key is a pressed key: a byte, or one of the constants.
type key int

const (
	keyCtrlC key = 3
	keyUp    key = 1000 + iota
	keyDown
)

// keyPoll is how long a wait for a key may overlook the end of the demo, in ms.
const keyPoll = 100

// readKeys sends the keys that are pressed until ctx ends or the terminal does.
func readKeys(ctx context.Context, in *os.File, keys chan<- key) {
	buffer := make([]byte, 64)
	for ctx.Err() == nil {
		// A read of a terminal cannot be interrupted, so it is begun only when it
		// will not wait.
		fds := []unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, keyPoll); n <= 0 || err != nil {
			continue // nothing yet, or EINTR
		}
		n, err := in.Read(buffer)
		if err != nil || n == 0 {
			return
		}
		for _, pressed := range parseKeys(buffer[:n]) {
			select {
			case keys <- pressed:
			case <-ctx.Done():
				return
			}
		}
	}
}

// parseKeys takes what one read gave apart: cursor keys come as ESC [ A or ESC O A, and
// other escape sequences are no keys here.
func parseKeys(data []byte) []key {
	var keys []key
	for i := 0; i < len(data); i++ {
		if data[i] != 0x1b {
			keys = append(keys, key(data[i]))
			continue
		}
		if i+1 == len(data) || data[i+1] != '[' && data[i+1] != 'O' {
			continue // a lone Esc
		}
		for i += 2; i < len(data) && (data[i] < 0x40 || data[i] > 0x7e); i++ {
		}
		if i < len(data) {
			switch data[i] {
			case 'A':
				keys = append(keys, keyUp)
			case 'B':
				keys = append(keys, keyDown)
			}
		}
	}
	return keys
}
