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
	TLS      bool // the client's connection is encrypted (ssl_fc)
	Now      time.Time
	Vars     *Vars    // txn scope and wider; nil until set-var is used
	Captures [][]byte // slots of `http-request capture` and `capture request header`; a rule writes into the slot's memory
	Scratch  []byte   // for converters and log formats; kept by the loop

	smp Sample // the one being evaluated; here so that it never escapes to the heap
}

// An Answer is a reply made inside: errors, deny, return, redirect, monitor.
// It is framed by the plane that sends it.
type Answer struct {
	Status int
	Reason string
	Fields []byte // complete lines "Name: value\r\n", Content-Type included, no framing and no Connection
	Body   []byte
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
	TCPRequestContent
)

func (s Set) String() string {
	return [...]string{"http-request", "http-response", "http-after-response",
		"tcp-request connection", "tcp-request content"}[s]
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

	lenient bool   // strict-mode off
	answer  Answer // what Answer points to when it was made for this request
	fields  []byte
	body    []byte
}

// Run executes the actions whose conditions match, edits x.Req or x.Res in
// place, and stops at the first final action. It overwrites all of out: a
// caller that runs several lists keeps Silent and LogLevel of each.
func Run(actions []*Action, x *Ctx, out *Outcome) {
	out.Verdict, out.Status, out.Answer, out.Service = Allow, 0, nil, ""
	out.Silent, out.LogLevel, out.lenient = false, 0, false
	for _, a := range actions {
		if !a.cond.Match(x) {
			continue
		}
		x.Scratch = x.Scratch[:0]
		if a.op.run(x, out) {
			return
		}
	}
}
