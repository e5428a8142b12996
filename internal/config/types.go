// Package config reads the configuration language of HAProxy into a typed,
// immutable Config: sections, conditions, the keyword table, checks, the manual.
package config

import (
	"net/netip"
	"os"
	"time"

	"bascule/internal/balance"
	"bascule/internal/cert"
	"bascule/internal/lang"
	"bascule/internal/logs"
	"bascule/internal/loop"
	"bascule/internal/rule"
)

// A Config is everything the files say, resolved and checked. It is immutable:
// a reload makes another one. Runtime packages see these types, never words.
type Config struct {
	Global  Global
	Proxies []*Proxy // in file order; `listen` is a frontend and a backend
	Files   []string // absolute paths, in the order of reading
	Named   []string // the same, as they were named
	Ignored []Ignored
	Rings   []*logs.Section // ring sections
	Text    []SectionText   // what the files say, in their order

	said map[string]lang.Pos // the keywords of global
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
	StatsMaxConn  int           // sessions of runtime sockets at once, 0: admin's default
	Logs          []*logs.Target
	LogTag        string             // default "haproxy"
	Vars          []*rule.ProcessVar // set-var, set-var-fmt
	LogHostname   string             // log-send-hostname
	HardStopAfter time.Duration
	GracePeriod   time.Duration // `grace`
	SpreadChecks  int           // percent
	MaxSpread     time.Duration // max-spread-checks; 0: none
	BufSize       int           // tune.bufsize, default 16384
	MaxRewrite    int           // tune.maxrewrite, default 1024
	MaxHeaders    int           // tune.http.maxhdr, default 101
	StateBase     string        // server-state-base
	StateFile     string        // server-state-file
	Tuning        Tuning
	Descriptors
	// ca-base, crt-base, key-base; ssl-default-bind-*, as written.
	CABase, CrtBase, KeyBase                  string
	BindCiphers, BindCiphersuites, BindCurves string
	bindTLS                                   tlsConf // ssl-default-bind-options
	beside                                    cert.Beside
	ServerVerify                              string    // ssl-server-verify; "": required
	serverTLS                                 serverTLS // ssl-default-server-options
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
	Socket   loop.Options
	Proxy    bool           // accept-proxy
	TLS      *cert.Settings // ssl; nil: without
	tls      *tlsDraft      // until then
	Line     string         // file:line, for messages
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
	Connect, Client, Server, Tunnel, HTTPRequest, HTTPKeepAlive, Queue, Check, Tarpit, ClientFin, ClientHS, ServerFin time.Duration
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
	LogData                                                           *logs.Format // log-format-sd; nil: none
	LogErrors                                                         *logs.Format // error-log-format; nil: LogFormat
	LogSeparateErrors                                                 bool
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
	TCP            TCPRules // tcp-request, tcp-response
	ForwardFor     *ForwardFor
	OriginalTo     *ForwardFor
	Keep           Keep
	Captures       []Capture
	StripQuery     bool
	CaptureCookie  CookieCapture
	MonitorFail    []*rule.Cond
	UniqueID       *rule.Format // unique-id-format; nil: requests have no number
	UniqueIDHeader string       // "": none
	BufferRequest  bool         // option http-buffer-request
	LooseRequests  bool         // option accept-unsafe-violations-in-http-request
	OddNames       OddNames

	// the backend's side
	Balance         Balance
	CookieKey       string // dynamic-cookie-key
	Persist         bool   // option persist
	PersistRules    []PersistRule
	UseServer       []ServerRule
	Cookie          *Cookie
	Servers         []*Server
	Retries         int    // default 3
	SendName        string // http-send-name-header; "": none
	Redispatch      int    // 0: off; -1: on the last retry; n: every n-th retry; or RedispatchByTurn
	Replay          Replay
	Reuse           Reuse
	Check           Check
	FullConn        int
	AllBackups      bool
	Source          Origin // of servers that say nothing else
	clientAlive     keepAlive
	serverAlive     keepAlive
	AbortOnClose    bool
	StateFrom       StateFrom
	StateFile       string // server-state-file-name; "": the backend's name
	NoFastDetect    bool   // no option fast-detect
	NoSlowStartHold bool   // no option slowstart-hold
	NoFlapDamping   bool   // no option flap-damping
	DrainRemoved    DrainRemoved

	// how connections end and what is said of it, on either side
	PretendKeepAlive bool
	IgnoreProbes     bool
	IdleCloseOnReply bool // option idle-close-on-response
	NoLinger         bool
	PreferLastServer bool
	LooseReplies     bool // option accept-unsafe-violations-in-http-response

	Stats *Stats

	said map[string]lang.Pos // the keywords of the section and of its defaults
}

// A ServerRule is one use-server line.
type ServerRule struct {
	Cond   *rule.Cond
	Server int          // index in Servers; -1: by Format
	Format *rule.Format // gives the name
}

// A PersistRule is one force-persist or ignore-persist line.
type PersistRule struct {
	Cond  *rule.Cond
	Force bool
}

// A Switch is one use_backend line.
type Switch struct {
	Cond    *rule.Cond
	Backend *Proxy
	At      lang.Pos     // of the line
	Text    string       // the backend's name as written
	Name    *rule.Format // gives the backend of each request; Backend is nil then
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
	URLParam
	Hdr
	HashExpr // balance hash EXPR
)

func (a Algorithm) String() string {
	return [...]string{"roundrobin", "static-rr", "leastconn", "first", "source", "uri", "random", "url_param", "hdr", "hash"}[a]
}

// Hashes says that the algorithm takes a key from the request or its source.
func (a Algorithm) Hashes() bool {
	switch a {
	case Source, URI, URLParam, Hdr, HashExpr:
		return true
	}
	return false
}

// Layer7 says that the algorithm's key is a part of a request.
func (a Algorithm) Layer7() bool { return a == URI || a == URLParam || a == Hdr }

// Balance is `balance` with `hash-type` and what else says how a key finds its
// server.
type Balance struct {
	Algorithm  Algorithm
	URI        balance.URI
	Name       string     // of the parameter or header that is the key
	CheckPost  bool       // url_param … check_post: a form's body may have it
	DomainOnly bool       // hdr(…) use_domain_only
	Expr       *rule.Expr // balance hash
	Draws      int        // random(n)

	Consistent bool // hash-type consistent
	Jump       bool // hash-type jump
	Func       balance.Func
	Avalanche  bool
	Factor     int // hash-balance-factor in percent; 0: load is not bounded
	Affinity   Affinity
}

// An Affinity is hash-preserve-affinity: when a key may leave its server.
type Affinity uint8

// The values of hash-preserve-affinity.
const (
	AffinityAlways   Affinity = iota // a full server is waited for
	AffinityMaxConn                  // not one without a free slot
	AffinityMaxQueue                 // not one whose queue is full
)

// A Cookie is the `cookie` line of a backend.
type Cookie struct {
	Name                                                                                      string
	Insert, Rewrite, Prefix, Indirect, NoCache, PostOnly, Preserve, HTTPOnly, Secure, Dynamic bool
	Domains                                                                                   []string
	MaxIdle, MaxLife                                                                          time.Duration
	Attrs                                                                                     []string
}

// Tells says that the log has the letters of persistence: with a mode, or
// indirect. nil: without a cookie it has not.
func (c *Cookie) Tells() bool {
	return c != nil && (c.Insert || c.Rewrite || c.Prefix || c.Indirect)
}

// A HashKey is the server option hash-key: what places it on the ring.
type HashKey uint8

// The values of hash-key; a server whose address is not known goes by its id.
const (
	HashKeyID HashKey = iota
	HashKeyAddr
	HashKeyAddrPort
)

// A Server is one `server` line with its defaults filled in.
type Server struct {
	Name               string
	HashKey            HashKey
	ID                 int // `id`, or by order in the file from 1
	IDFixed            bool
	Addr               Address
	CheckAddr          Address // zero Port and invalid IP: the server's own
	CheckSendProxy     bool
	InitState          string // fully-up, up, down, fully-down; "": up
	Agent              Agent
	Track              *Server // the server whose state this one follows
	TrackProxy         string  // the backend of Track
	track              lang.Word
	Weight             int // default 1
	MaxConn            int
	MinConn, MaxQueue  int
	MinConnAlone       bool         // minconn was written without maxconn, and is it
	SendProxy          int          // version of the PROXY protocol, 0: none
	TLS                *cert.Client // ssl; nil: connections are in the clear
	AnyTLS             *cert.Client // what `set server … ssl on` puts in force; nil: the line has no settings of TLS
	SNI                *rule.Expr   // sni; nil: the server is asked for no name
	CheckSSL           bool         // checks speak TLS: check-ssl, or ssl where they go to the server's own address
	CheckTLS           *cert.Client // of checks with TLS, those of a step that says ssl too; nil: there are none
	CheckSNI           string       // check-sni
	CheckALPN          []string     // check-alpn; nil: alpn
	tls                serverTLS
	Source             Origin
	Socket             loop.Options // of its connections
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
	ShutdownOnDown     bool   // on-marked-down shutdown-sessions
	ShutdownBackupOnUp bool   // on-marked-up shutdown-backup-sessions
	Saved              *Saved // its line in a state file, nil: none
	lastAddr           netip.Addr
	Observe            Observe
	ErrorLimit         int // default 10
	OnError            OnError
	PoolMaxConn        int           // -1: no limit
	PoolLowConn        int           // idle connections kept beyond what was needed lately
	PoolPurgeDelay     time.Duration // time in which half of the surplus of idle connections is closed; 0: none is kept
	MaxReuse           int           // requests over a connection after its first; -1: no limit
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
	Scope                              []string     // names of the proxies that are shown; none: all
	Admin                              []*rule.Cond // stats admin: one is enough
	Dead                               bool         // stats live off: HAProxy's page alone
}
