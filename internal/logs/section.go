package logs

import "time"

// A Section is a ring section: lines that are kept in memory, for the runtime
// socket, for a file that outlives the process, and for servers of syslog over TCP.
type Section struct {
	Name, Text string // Text is its description
	Format     string // of the lines; raw where not given
	Size       int    // bytes
	MaxLen     int    // of a line with its end
	Connect    time.Duration
	Wait       time.Duration // timeout server: how long a server may not take what is sent
	File       string        // backing-file, "": none
	Servers    []RingServer
}

// A RingServer is a server line of a ring section.
type RingServer struct {
	Name       string
	Addr       string // host:port, or the path of a unix socket
	OctetCount bool   // log-proto octet-count (RFC 6587 §3.4.1); else each line ends with LF
}

// The size of a ring where none is given, which is HAProxy's, and the times of its
// servers.
const (
	DefaultRingSize = 16 << 10
	defaultConnect  = 5 * time.Second
	defaultWait     = 5 * time.Second
)

// RingPrefix begins the address of a target that is a ring, TCPPrefix one that is
// a server of syslog over TCP with a ring of its own.
const (
	RingPrefix = "ring@"
	TCPPrefix  = "tcp@"
)
