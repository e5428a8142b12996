package config

import (
	"time"

	"bascule/internal/rule"
)

// A CheckKind says what the checks of a backend speak.
type CheckKind uint8

// The kinds. CheckProtocol is a protocol that an option names: its messages
// are those of the protocol instead of those of a sequence.
const (
	CheckConnect  CheckKind = iota // no option: a connection is enough
	CheckTCP                       // option tcp-check
	CheckHTTP                      // option httpchk
	CheckProtocol                  // option smtpchk, redis-check, …
)

// A Check says how the servers of a backend are probed: by its steps, in
// order. The first step that is no action is a connect.
type Check struct {
	Kind         CheckKind
	Steps        []CheckStep
	DisableOn404 bool // http-check disable-on-404
	SendState    bool // http-check send-state
}

// A CheckStep is one line of http-check or tcp-check. One of its pointers is set.
type CheckStep struct {
	Number  int    // among the lines of its section, from 1; 0: it is not written
	Comment string // told when the step fails
	Connect *CheckDial
	Send    *CheckData
	Request *CheckRequest
	Expect  *Expect
	Action  *rule.Action // set-var, set-var-fmt, unset-var
}

// A CheckDial opens a connection, closing the one before.
type CheckDial struct {
	Default   bool       // takes the options of the server line
	Port      int        // 0: that of the server's checks
	PortExpr  *rule.Expr // gives the port
	Addr      Address    // zero: the server's
	SendProxy bool
	TLS       bool     // ssl
	SNI       string   // asked for; "" where Default: check-sni
	ALPN      []string // that are offered; nil: the server's, where Default those of check-alpn first
	Linger    bool     // closes in order instead of by a reset
}

// CheckData is what tcp-check send… sends.
type CheckData struct {
	Bytes  []byte
	Format *rule.Format // replaces Bytes
	Hex    bool         // Format makes hexadecimal digits
}

// A CheckRequest is a request of http-check send, completed by option httpchk.
type CheckRequest struct {
	Method    string // default OPTIONS
	URI       string // default /
	URIFormat *rule.Format
	Version   string // default HTTP/1.0
	Headers   []CheckHeader
	Body      []byte
	BodyFmt   *rule.Format
}

// A CheckHeader is one `hdr NAME FORMAT`.
type CheckHeader struct {
	Name  string
	Value *rule.Format
}

// Expect is http-check expect and tcp-check expect.
type Expect struct {
	Not     bool
	Kind    string // status, rstatus, hdr, fhdr; string, rstring, string-lf; binary, rbinary, binary-lf
	Ranges  [][2]int
	Data    []byte            // string, binary
	Format  *rule.Format      // string-lf, binary-lf
	Match   func([]byte) bool // rstatus, rstring, rbinary
	Name    HeaderMatch       // hdr, fhdr
	Value   *HeaderMatch      // nil: the header's presence is enough
	MinRecv int               // bytes to wait for; -1: until it matches

	OK, Error, Timeout string // names of statuses; "": the default
	OnSuccess, OnError *rule.Format
	StatusCode         *rule.Expr

	// Of options that name a protocol:
	Say    func(data []byte) (code int, info string) // told on error
	Praise string                                    // told on success
}

// A HeaderMatch is a name or a value to be found in a header.
type HeaderMatch struct {
	How    string // str, beg, end, sub, reg
	Text   string
	Format *rule.Format // replaces Text
	Match  func([]byte) bool
}

// An Observe is what of a server's traffic its state depends on.
type Observe uint8

// The values of observe.
const (
	ObserveNone Observe = iota
	ObserveLayer4
	ObserveLayer7
)

// An OnError is what error-limit failures in a row of observed traffic do.
type OnError uint8

// The values of on-error.
const (
	OnErrorFailCheck OnError = iota
	OnErrorFastInter
	OnErrorSuddenDeath
	OnErrorMarkDown
)

// An Agent is agent-check and what belongs to it.
type Agent struct {
	Check bool
	Addr  Address // invalid IP: the server's own
	Port  int
	Inter time.Duration // 0: that of the checks
	Send  string
}
