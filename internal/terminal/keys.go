package terminal

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
)

// Key is a pressed key: a byte as the terminal sends it, or one of the constants.
type Key int

// Keys that are no printable byte.
const (
	KeyCtrlC     Key = 3
	KeyTab       Key = '\t'
	KeyEnter     Key = '\r'
	KeyBackspace Key = 0x7f
)

// Keys that come as escape sequences.
const (
	KeyEsc Key = 1000 + iota
	KeyUp
	KeyDown
	KeyLeft
	KeyRight
	KeyHome
	KeyEnd
	KeyPageUp
	KeyPageDown
)

// sequences are the ends of ECMA-48 control sequences that are keys: a final byte, or
// a number before ~.
var sequences = map[string]Key{
	"A": KeyUp, "B": KeyDown, "C": KeyRight, "D": KeyLeft, "H": KeyHome, "F": KeyEnd,
	"1~": KeyHome, "4~": KeyEnd, "5~": KeyPageUp, "6~": KeyPageDown,
}

// keyPoll is how long a wait for a key may overlook the end of its context, in ms.
const keyPoll = 100

// ReadKeys sends the keys that are pressed until ctx ends or the terminal does.
func ReadKeys(ctx context.Context, in *os.File, keys chan<- Key) {
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
// sequences that are not in the table are no keys.
func parseKeys(data []byte) []Key {
	var keys []Key
	for i := 0; i < len(data); i++ {
		if data[i] != 0x1b {
			keys = append(keys, Key(data[i]))
			continue
		}
		if i+1 == len(data) || data[i+1] != '[' && data[i+1] != 'O' {
			keys = append(keys, KeyEsc)
			continue
		}
		begin := i + 2
		for i += 2; i < len(data) && (data[i] < 0x40 || data[i] > 0x7e); i++ {
		}
		if i < len(data) {
			if k, ok := sequences[string(data[begin:i+1])]; ok {
				keys = append(keys, k)
			}
		}
	}
	return keys
}
