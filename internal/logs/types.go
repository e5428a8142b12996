// Package logs makes traffic log lines: formats compiled from words, records of
// streams, and the sinks they go to. A loop formats into its own ring and never
// waits; another goroutine writes.
package logs

import (
	"crypto/tls"
	"net/netip"
	"time"

	"bascule/internal/rule"
)

// A Record is what a log line can say about one stream. A loop owns one per
// stream in flight; byte slices belong to the stream.
type Record struct {
	Client, FrontAddr         netip.AddrPort
	Local, Remote             netip.AddrPort // of the server's connection; neither address nor port: none
	Frontend, Backend, Server string         // Server "" : <NOSRV>
	TLS                       bool
	Secured                   *tls.Conn // what %sslv and %sslc ask; nil: nothing was agreed on
	Accept                    time.Time // of the connection
	Start                     time.Time // first byte of the request (%tr)
	// Timers in milliseconds, -1 for phases not reached (HAProxy %TR %Tw %Tc %Tr %Ta …).
	TR, Tw, Tc, Tr, Ta, Th, Ti, Tt   int
	Status                           int
	BytesRead                        int64 // %B, sent to the client, head included
	BytesUploaded                    int64 // %U
	Method, Target                   []byte
	Minor                            uint8 // HTTP version of the request; 255: unknown
	BadRequest                       bool  // request line is <BADREQ>
	Unborn                           bool  // of a connection that never became a session
	Term                             [4]byte
	ReqCookie, ResCookie             []byte // captured, nil: "-"
	UniqueID                         []byte // of unique-id-format
	Number                           uint64 // of the stream
	Count                            uint64 // lines of the frontend before, see Format.UsesCount
	ReqCaptures, ResCaptures         [][]byte
	ActConn, FeConn, BeConn, SrvConn int
	Retries                          int
	Redispatched                     bool
	Replay                           Replay
	SrvQueue, BeQueue                int
	Silent                           bool
	ASAP                             bool      // option logasap: sizes and times are not the last ones, shown with a +
	TCP                              bool      // mode tcp, for the line without option httplog or tcplog
	Ctx                              *rule.Ctx // for %[expr], see Format.UsesCtx; nil: "-"
}

// A Target is one `log` line.
type Target struct {
	Addr     string // ip:port (udp), path of a datagram socket, "stdout", "stderr", "fd@N"
	Format   string // local, rfc3164, rfc5424, priority, short, timed, iso, raw; "": local, or rfc3164 with a host name
	Tag      string // log-tag of the proxy; "": that of the process
	Len      int    // longest line, default 1024
	Facility int    // syslog number
	MinLevel int    // least severe level that passes (numerically highest), default 7
	MaxLevel int    // more severe ones are sent as this level, default 0
	Sample   *Sample
	Ring     *Section // of a ring; nil: none
}
