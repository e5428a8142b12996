// Package rule compiles what the configuration says about messages: ACLs,
// sample fetches, converters, and the actions of http-request and
// http-response. Evaluation allocates nothing in the steady state.
package rule

import (
	"net/netip"
	"time"

	"bascule/internal/wire"
)

// A Ctx is what an expression can see of one stream. A loop owns one and
// refills it; spans and slices are valid during one evaluation.
type Ctx struct {
	Req      *wire.Request // nil in mode tcp; in response rules: the request's kept head, or nil
	Res      *wire.Reply   // nil before the reply
	Src      netip.AddrPort
	Dst      netip.AddrPort
	Frontend string
	Backend  string
	Server   string
	First    bool // first request of its connection (http_first_req)
	Now      time.Time
	Vars     *Vars                                 // txn scope and wider; nil until set-var is used
	Counts   func(kind string, proxy string) int64 // be_conn, nbsrv, ...; nil outside engine
	Scratch  []byte                                // for converters and log formats; kept by the loop
}

// Vars holds the variables of one stream.
type Vars struct {
	names  []string
	values [][]byte
}

// An Answer is a reply made inside: errors, deny, return, redirect, monitor.
// It is framed by the plane that sends it.
type Answer struct {
	Status int
	Reason string
	Fields []byte // complete lines "Name: value\r\n", Content-Type included, no framing and no Connection
	Body   []byte
}

// A Set names the rule set that an action stands in.
type Set uint8

// The rule sets.
const (
	HTTPRequest Set = iota
	HTTPResponse
	HTTPAfterResponse
	TCPRequestConnection
	TCPRequestContent
)

// A Verdict is how a list of actions ended.
type Verdict uint8

// The verdicts. Allow means: go on with what follows the rules.
const (
	Allow    Verdict = iota
	Deny             // send Outcome.Answer (or the proxy's error file of Outcome.Status), log code PR
	Return           // send Outcome.Answer, log code LR
	Redirect         // send Outcome.Answer, log code LR
	Reject           // close without a reply
	Tarpit           // wait for timeout tarpit, then Deny
	Serve            // hand over to the service named Outcome.Service
)

// An Outcome is what a run of actions decided. A loop owns one; Answer's
// slices point into it and are valid until the next run.
type Outcome struct {
	Verdict Verdict
	Status  int
	Answer  *Answer // nil: the error file or default text of Status
	Service string  // of use-service
	Silent  bool    // http-request set-log-level silent
}
