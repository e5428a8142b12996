package backend

import (
	"net/netip"
	"time"
)

// A BadMessage is a request or a reply that could not be read, as "show errors"
// shows it. It is never changed once it is shared.
type BadMessage struct {
	When   time.Time
	Event  uint64 // its number in the process, from 0
	From   netip.AddrPort
	Bytes  []byte // tune.bufsize at most, without secrets: wire.Mask
	Offset int    // of the offending byte in Bytes; behind them in a head that is too large
	Why    string // bascule's own reason
	Chunk  bool   // Bytes are what stood where a chunk of the body should begin or end
	Reply  bool

	// Who had to do with it; those of a request that was not read yet are not known.
	Frontend, Backend, Server End
}

// An End is one proxy or server of a BadMessage; the zero value is none.
type End struct {
	Name string
	ID   int
}
