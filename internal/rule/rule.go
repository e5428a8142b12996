// Package rule compiles what the configuration says about messages: ACLs,
// sample fetches, converters, and the actions of http-request and
// http-response. Evaluation allocates nothing in the steady state.
package rule

import (
	"crypto/tls"
	"net/netip"
	"time"

	"bascule/internal/wire"
)

// A Ctx is what an expression can see of one stream. A loop owns one and
// refills it; spans and slices are valid during one evaluation.
type Ctx struct {
	Req *wire.Request // nil in mode tcp; in response rules: the request's kept head, or nil
	Res *wire.Reply   // nil before the reply
	// The request as it came, for what is asked once its head is changed or
	// gone; empty: not known.
	Method, Target []byte
	Minor          uint8
	Src            netip.AddrPort
	Dst            netip.AddrPort
	Frontend       string
	Backend        string
	Server         string
	// The ends of the connection where set-src and set-dst made Src and Dst
	// others; invalid: the same.
	ConnSrc, ConnDst                netip.AddrPort
	DefaultBackend                  string // of the frontend, "": none
	FrontendID, BackendID, ServerID int
	Loop                            int       // index of the loop, from 0
	First                           bool      // first request of its connection (http_first_req)
	TLS                             *tls.Conn // of the client's connection, to be asked about and no more; nil: in clear (ssl_fc)
	ServerTLS                       *tls.Conn // of the connection to the server, as TLS; nil: in clear, or there is none (ssl_bc)
	Failure                         *Failure  // what the client's connection failed for, in the log; nil: nothing
	Now                             time.Time
	Vars                            *Vars    // txn scope and wider; nil until set-var is used
	CaptureLens, ResCapLens         []int    // how long the slots may get, for capture-req and capture-res
	ResCaps                         [][]byte // the same of the reply: `http-response capture` and `capture response header`
	Captures                        [][]byte // slots of `http-request capture` and `capture request header`; a rule writes into the slot's memory
	Body                            []byte   // what was kept of the message's body (option http-buffer-request, wait-for-body)
	// BodyWhole says that Body is all of it; else BodySize is its length, 0: not known.
	BodyWhole bool
	BodySize  int64
	UniqueID  []byte // of unique-id-format; empty: there is none
	Number    uint64 // of the stream, from 1, for %rt
	World     World  // what is known of proxies and servers; nil: nothing
	Marks     *Marks // what actions leave at the stream; nil: they have no effect
	Payload   []byte // of mode tcp: what has come from the side that the rule looks at
	Partial   bool   // more of Payload may come, so that what is not true yet may become it
	Scratch   []byte // for converters and log formats; kept by the loop

	may bool   // the last sample may change with what comes, see Partial
	smp Sample // the one being evaluated; here so that it never escapes to the heap
}

// An Answer is a reply made inside: errors, deny, return, redirect, monitor.
// It is framed by the plane that sends it.
type Answer struct {
	Status int
	Reason string
	Fields []byte // complete lines "Name: value\r\n", Content-Type included, no framing and no Connection
	Body   []byte
	// Make makes the answer for each request (http-error with values); nil: it
	// is what it is.
	Make *reply
	// Silent is set by an empty error file: nothing is sent, the connection is closed.
	Silent bool
}

// A Set names the rule set that an action stands in.
type Set uint8

// The rule sets.
const (
	HTTPRequest Set = iota
	HTTPResponse
	HTTPAfterResponse
	TCPRequestConnection
	TCPRequestSession
	TCPRequestContent
	TCPResponseContent
)

func (s Set) String() string {
	return [...]string{"http-request", "http-response", "http-after-response",
		"tcp-request connection", "tcp-request session", "tcp-request content", "tcp-response content"}[s]
}

// A Verdict is how a list of actions ended.
type Verdict uint8

// The verdicts. Allow means: go on with what follows the rules.
const (
	Allow    Verdict = iota
	Deny             // send Outcome.Answer (or the proxy's error file of Outcome.Status), log code PR
	Return           // send Outcome.Answer (or the error file of Outcome.Status), log code LR
	Redirect         // send Outcome.Answer, log code LR
	Reject           // close without a reply
	Tarpit           // wait for timeout tarpit, then Deny
	Serve            // hand over to the service named Outcome.Service
	Wait             // not decided before more has come (Ctx.Partial)
	Close            // close the server's connection (tcp-response content close)
	Hold             // keep the body for Outcome.Delay, then Resume behind Outcome.Next actions
)

// An Outcome is what a run of actions decided. A loop owns one; Answer's
// slices point into it and are valid until the next run.
type Outcome struct {
	Verdict  Verdict
	Status   int
	Answer   *Answer // nil: the error file or default text of Status
	Service  string  // of use-service
	Silent   bool    // http-request set-log-level silent
	LogLevel int     // http-request set-log-level: 1 + syslog severity; 0: unchanged

	// Of Hold: how long, for how many bytes (0: all), and how many actions of
	// the list are behind it.
	Delay   time.Duration
	AtLeast int64
	Next    int

	ExpectProxy bool // tcp-request connection expect-proxy: a PROXY header comes first

	Lenient bool   // strict-mode off; it lasts from one part of a list to the next
	answer  Answer // what Answer points to when it was made for this request
	fields  []byte
	body    []byte
}

// Run executes the actions whose conditions match, edits x.Req or x.Res in
// place, and stops at the first final action. It overwrites all of out: a
// caller that runs several lists keeps Silent and LogLevel of each.
func Run(actions []*Action, x *Ctx, out *Outcome) {
	out.Lenient = false
	Resume(actions, x, out)
}

// Resume is Run for the actions behind a Hold; Outcome.Lenient must be as it
// was then.
func Resume(actions []*Action, x *Ctx, out *Outcome) {
	out.Verdict, out.Status, out.Answer, out.Service = Allow, 0, nil, ""
	out.Silent, out.LogLevel = false, 0
	for i, a := range actions {
		if !a.cond.Match(x) {
			continue
		}
		x.Scratch = x.Scratch[:0]
		if a.op.run(x, out) {
			out.Next = i + 1
			return
		}
	}
}
