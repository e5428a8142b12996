// Package config reads the configuration language of HAProxy into a typed,
// immutable Config: sections, conditions, the keyword table, checks, the manual.
package config

import (
	"net/netip"
	"os"
	"time"

	"bascule/internal/balance"
	"bascule/internal/logs"
	"bascule/internal/rule"
)

// A Config is everything the files say, resolved and checked. It is immutable:
// a reload makes another one. Runtime packages see these types, never words.
type Config struct {
	Global  Global
	Proxies []*Proxy // in file order; `listen` is a frontend and a backend
	Files   []string // absolute paths, in the order of reading
	Ignored []Ignored
}

// Ignored is one line that was accepted and has no meaning here.
type Ignored struct {
	Line    string // file:line
	Keyword string
	Why     string
}

// Global is the `global` section.
type Global struct {
	MaxConn       int // 0: derived from the descriptor limit
	NbThread      int // 0: one per usable core
	User, Group   string
	UID, GID      int // -1: unchanged
	Chroot        string
	Daemon        bool // `daemon`
	MasterWorker  bool // `master-worker`
	ZeroWarning   bool // `zero-warning`; Load has made its alert already
	PIDFile       string
	Node          string // default: the host's name
	Description   string
	StatsSockets  []StatsSocket
	StatsTimeout  time.Duration // default 10 s
	Logs          []*logs.Target
	LogTag        string // default "haproxy"
	LogHostname   string // log-send-hostname
	HardStopAfter time.Duration
	GracePeriod   time.Duration // `grace`
	SpreadChecks  int           // percent
	BufSize       int           // tune.bufsize, default 16384
	MaxRewrite    int           // tune.maxrewrite, default 1024
	MaxHeaders    int           // tune.http.maxhdr, default 101
	StateBase     string        // server-state-base
	StateFile     string        // server-state-file
	// Kept for the day TLS comes: ssl-default-bind-*, ca-base, crt-base.
	BindCiphers, BindCiphersuites, CABase, CrtBase string
	BindOptions                                    []string
}

// An AddrKind is the family of an Address.
type AddrKind uint8

// The kinds of address.
const (
	AddrTCP  AddrKind = iota
	AddrUnix          // Path
	AddrAbns          // Path, abstract namespace
	AddrFD            // FD, inherited
	AddrUDP           // log targets
)

// An Address is where a bind listens, a server or a socket is.
type Address struct {
	Kind AddrKind
	Text string     // as written, variables expanded
	Host string     // name or number; "" and "*": any
	IP   netip.Addr // set once resolved; invalid: not resolved yet
	Port int        // 0: none
	Path string
	FD   int
	V4V6 bool // bind :::80 v4v6
	V6   bool // ipv6@, or a bind to any IPv6 address: names resolve to IPv6 only
	V4   bool // ipv4@: names resolve to IPv4 only
}

// A StatsSocket is one `stats socket`.
type StatsSocket struct {
	Addr      Address
	Mode      os.FileMode // 0: umask's
	UID, GID  int         // -1: unchanged
	Level     string      // user, operator, admin (default operator)
	ExposeFDs bool        // expose-fd listeners
}

// A Bind is one address of a `bind` line.
type Bind struct {
	Addr     Address
	Name     string // bind name, default the line number as HAProxy shows it
	MaxConn  int
	Backlog  int
	Mode     os.FileMode
	UID, GID int // of a unix socket; -1: unchanged
	ID       int
	Iface    string
	TFO      bool
	Proxy    bool   // accept-proxy
	Line     string // file:line, for messages
}

// A Mode is tcp or http.
type Mode uint8

// The modes.
const (
	ModeTCP Mode = iota
	ModeHTTP
)

func (m Mode) String() string { return [...]string{"tcp", "http"}[m] }

// Timeouts of a proxy; 0 means none.
type Timeouts struct {
	Connect, Client, Server, Tunnel, HTTPRequest, HTTPKeepAlive, Queue, Check, Tarpit, ClientFin, ServerFin time.Duration
}

// A Proxy is a frontend, a backend, or (`listen`) both under one name.
type Proxy struct {
	Name     string
	ID       int  // `id`, or the next free number from 1 as HAProxy assigns them
	IDFixed  bool // `id` was written
	Frontend bool
	Backend  bool
	Mode     Mode
	Disabled bool
	Desc     string
	Line     string // file:line

	Timeouts                                                          Timeouts
	MaxConn                                                           int // of the frontend; 0: global
	Logs                                                              []*logs.Target
	LogTag                                                            string
	LogFormat                                                         *logs.Format // nil: no traffic log
	DontLogNull, DontLogNormal, LogASAP, LogHealthChecks, SocketStats bool

	Errors map[int]*rule.Answer // errorfile by status

	// the frontend's side
	Binds          []*Bind
	UseBackend     []Switch
	DefaultBackend *Proxy
	MonitorURI     string
	HTTPRequest    []*rule.Action
	HTTPResponse   []*rule.Action
	HTTPAfter      []*rule.Action
	ForwardFor     *ForwardFor
	Keep           Keep
	Captures       []Capture
	StripQuery     bool

	// the backend's side
	Balance      Balance
	Cookie       *Cookie
	Servers      []*Server
	Retries      int // default 3
	Redispatch   int // 0: off; -1: on the last retry; n: every n-th retry
	Reuse        Reuse
	Check        Check
	FullConn     int
	AllBackups   bool
	AbortOnClose bool

	Stats *Stats
}

// A Switch is one use_backend line.
type Switch struct {
	Cond    *rule.Cond
	Backend *Proxy
}

// Keep is how long client connections are kept.
type Keep uint8

// option http-keep-alive (default), http-server-close, httpclose.
const (
	KeepAlive Keep = iota
	KeepServerClose
	KeepClose
)

// Reuse is http-reuse.
type Reuse uint8

// The values of http-reuse; safe is the default.
const (
	ReuseSafe Reuse = iota
	ReuseNever
	ReuseAggressive
	ReuseAlways
)

// ForwardFor is option forwardfor.
type ForwardFor struct {
	Header string // default X-Forwarded-For
	Except []netip.Prefix
	IfNone bool
}

// A Capture is capture request|response header NAME len N.
type Capture struct {
	Name     string
	Len      int
	Response bool
}

// An Algorithm is the first word of `balance`.
type Algorithm uint8

// The algorithms.
const (
	RoundRobin Algorithm = iota
	StaticRR
	LeastConn
	First
	Source
	URI
	Random
)

func (a Algorithm) String() string {
	return [...]string{"roundrobin", "static-rr", "leastconn", "first", "source", "uri", "random"}[a]
}

// Balance is `balance` with `hash-type`.
type Balance struct {
	Algorithm  Algorithm
	URI        balance.URI
	Draws      int // random(n)
	Consistent bool
	Func       balance.Func
	Avalanche  bool
}

// A Cookie is the `cookie` line of a backend.
type Cookie struct {
	Name                                                                             string
	Insert, Rewrite, Prefix, Indirect, NoCache, PostOnly, Preserve, HTTPOnly, Secure bool
	Domains                                                                          []string
	MaxIdle, MaxLife                                                                 time.Duration
	Attrs                                                                            []string
}

// A Check says how the servers of a backend are probed.
type Check struct {
	HTTP         bool   // option httpchk; else a connect
	Method       string // default OPTIONS
	URI          string // default /
	Minor        int    // HTTP/1.Minor
	Fields       []byte // "Name: value\r\n" lines in order
	Body         []byte
	Expect       Expect
	DisableOn404 bool
}

// Expect is http-check expect; the zero value takes 2xx and 3xx.
type Expect struct {
	Not    bool
	Kind   string // "", "status", "rstatus", "string", "rstring"
	Ranges [][2]int
	Text   string
	Match  func([]byte) bool // rstatus, rstring
}

// A Server is one `server` line with its defaults filled in.
type Server struct {
	Name               string
	ID                 int // `id`, or by order in the file from 1
	IDFixed            bool
	Addr               Address
	CheckAddr          Address // zero Port and invalid IP: the server's own
	Weight             int     // default 1
	MaxConn            int
	MinConn            int
	MaxQueue           int
	Cookie             string
	Backup             bool
	Disabled           bool
	Unresolved         bool // init-addr none: no address is known, so it starts in maintenance
	Check              bool
	Inter              time.Duration // default 2 s
	FastInter          time.Duration // 0: Inter
	DownInter          time.Duration // 0: Inter
	Fall, Rise         int           // default 3, 2
	SlowStart          time.Duration
	ShutdownOnDown     bool // on-marked-down shutdown-sessions
	ShutdownBackupOnUp bool // on-marked-up shutdown-backup-sessions
	PoolMaxConn        int  // -1: no limit
	InitAddr           []string
	Line               string // file:line
}

// Stats is what `stats …` lines of a proxy say.
type Stats struct {
	URI                                string // default /haproxy?stats
	Refresh                            time.Duration
	Realm                              string
	Auth                               []string
	HideVersion, ShowLegends, ShowNode bool
	ShowDesc                           string
}
