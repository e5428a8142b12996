package drill

import (
	"fmt"
	"strings"
)

// A Sight is what a failure looks like from each side, in Markdown: a line of the failure
// table of docs/failures.md, which is written from here.
type Sight struct {
	Client string // what it gets
	Server string // what it notices
	Log    string // termination code and status
	Count  string // what counts it in `show stat`
	Again  string // whether the request is sent again
}

// Sights are those of the catalogue's faults, by name.
var Sights = map[string]Sight{
	"kill": {
		Client: "its reply, from another server; a POST without a key that was on its way 502; WebSockets Close 1012",
		Server: "nothing: it is dead",
		Log:    "`--` with `+` before the retries, `S` in `%rp` where it had been sent; `SH` 502; `SD` within a reply",
		Count:  "`wredis`, `econ`, `eresp`, `srv_abrt`, `replayed`, `blamed`, `fast_down`, `chkdown`, `ws_restart`",
		Again:  "what was not taken: all; what was sent: idempotent and keyed",
	},
	"stop": {
		Client: "its reply; WebSockets the server's own Close",
		Server: "the requests that it has, to their end; then no more",
		Log:    "`--` with `+` before the retries; `R` in `%rp` for a kept connection that ended as it was used",
		Count:  "`wretr`, `wredis`, `econ`, `races`, `blamed`, `fast_down`, `chkdown`",
		Again:  "what was not taken: all; what was sent: idempotent and keyed",
	},
	"restart": {
		Client: "its reply; WebSockets the server's own Close",
		Server: "as with stop; when it is there again, requests",
		Log:    "as stop",
		Count:  "as stop; `chkdown` only if it takes longer than the checks",
		Again:  "as stop",
	},
	"freeze": {
		Client: "a reply to GET from another server, after `timeout server` or as soon as the frozen one is DOWN; a write 504, or 503 two seconds after that",
		Server: "after the thaw: all that was sent to it, writes too, and closed connections",
		Log:    "`--` with `S` in `%rp`; `sH` 504; `DH` 503 when it went down before",
		Count:  "`wredis`, `eresp`, `replayed`, `blamed`, `fast_down`, `chkdown`",
		Again:  "GET, HEAD, OPTIONS; the others only with `option replay-on-silence`",
	},
	"cut": {
		Client: "as with freeze; new connections are tried elsewhere after `timeout connect`",
		Server: "silence; after the join what TCP sends again, where nobody has given up",
		Log:    "as freeze; `sC` 503 where no server could be connected",
		Count:  "as freeze, and `econ`",
		Again:  "as freeze; what could not be connected: all",
	},
	"refused": {
		Client: "its reply, from another server",
		Server: "the end of its connections when it is DOWN",
		Log:    "`--` with `+` before the retries; `SC` 503 where there is no other",
		Count:  "`wredis`, `econ`, `blamed`, `fast_down`, `chkdown`",
		Again:  "all, at once, elsewhere",
	},
	"reset": {
		Client: "its reply, from another server; a POST without a key 502",
		Server: "requests, some of which it executes",
		Log:    "`--` with `S` in `%rp`; `SH` 502; `b` in `%rp` when the budget is used up",
		Count:  "`wredis`, `eresp`, `srv_abrt`, `replayed`, `replay_budget`, `blamed`, `fast_down`, `chkdown`",
		Again:  "idempotent and keyed",
	},
	"reset-midway": {
		Client: "up to 16 KiB of known length, its reply from another server; larger ones broken off, never complete",
		Server: "nothing new",
		Log:    "`--` with `S` in `%rp`; `SD` with the status that was sent",
		Count:  "`wredis`, `eresp`, `srv_abrt`, `replayed`, `replay_budget`, `blamed`",
		Again:  "idempotent and keyed, as long as no byte of the reply was passed on",
	},
	"truncated": {
		Client: "as with reset-midway",
		Server: "nothing new",
		Log:    "as reset-midway",
		Count:  "as reset-midway",
		Again:  "as reset-midway",
	},
	"garbage": {
		Client: "its reply, from another server; a POST without a key 502",
		Server: "the end of the connection",
		Log:    "`--` with `S` in `%rp`; `PH` 502",
		Count:  "`wredis`, `eresp`, `replayed`, `replay_budget`, `blamed`, `fast_down`, `chkdown`",
		Again:  "idempotent and keyed; others with `retry-on junk-response`",
	},
	"errors": {
		Client: "from the third error in a row on the reply of another server, users with a cookie from the fifth on; a POST without a key 500",
		Server: "requests",
		Log:    "`--` with `E` in `%rp`; `--` 500",
		Count:  "`hrsp_5xx`, `wredis`, `replayed`, `replayed_error`, `blamed`, `fast_down`, `chkdown`",
		Again:  "idempotent and keyed, once; others with `retry-on 500`",
	},
	"slow": {
		Client: "its reply, a second later: a server that answers its checks within two seconds is slow, not dead",
		Server: "requests",
		Log:    "`--`, with the second in the time to the reply",
		Count:  "`rtime`, `blamed`; the status stays UP",
		Again:  "nothing fails",
	},
	"lies": {
		Client: "its reply, from another server; a POST without a key that was on its way 502",
		Server: "five requests, and those on their way then; after that probes only, until it replies",
		Log:    "as reset",
		Count:  "`wredis`, `eresp`, `srv_abrt`, `replayed`, `blamed`, `shunned`, `shun_probes`; the status stays UP",
		Again:  "idempotent and keyed; probes without the budget",
	},
	"flapping": {
		Client: "its reply, from another server",
		Server: "requests while its port is open",
		Log:    "as refused",
		Count:  "as refused; `chkdown` each time",
		Again:  "all, at once, elsewhere",
	},
	"both-dead": {
		Client: "503",
		Server: "nothing: they are dead",
		Log:    "`SC` 503; `NOSRV` once both are DOWN",
		Count:  "`econ`, `wretr`, `wredis`, `spared_last`, `chkdown`, the backend's `downtime`",
		Again:  "until `retries` are used up",
	},
	"blip": {
		Client: "its reply, after a retry that waits half a second at most; 503 when `retries` are used up",
		Server: "nothing: connections do not reach it",
		Log:    "`--` with retries; `SC` 503",
		Count:  "`econ`, `wretr`, `wredis`, `blamed`, `spared_last`",
		Again:  "all, until `retries` are used up",
	},
	"drain": {
		Client: "its reply, from its own server until its first pause, then from another with a new cookie; WebSockets Close 1012 at the deadline",
		Server: "ever fewer users, and none after the deadline",
		Log:    "`--`",
		Count:  "`drain_moved`, `ws_restart`",
		Again:  "nothing fails",
	},
	"reload": {
		Client: "its reply",
		Server: "nothing",
		Log:    "`--`",
		Count:  "nothing",
		Again:  "nothing fails",
	},
}

// classNames are the words of classes in tables, in the order of their bits.
var classNames = []string{"GET", "PUT and DELETE", "keyed POST", "POST", "WebSockets"}

func (c Class) String() string {
	switch c {
	case Nothing:
		return "–"
	case Everything:
		return "any"
	}
	var names []string
	for i, name := range classNames {
		if c&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// FailureTable is the failure table in Markdown: for each fault what everybody sees, and
// what the drill allows it to cost.
func FailureTable() string {
	var b strings.Builder
	b.WriteString("| fault | client gets | server sees | log | counted by | sent again | may be lost | may be cut | may be done twice |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range Faults(&Target{}) {
		s := Sights[f.Name]
		fmt.Fprintf(&b, "| **%s**: %s | %s | %s | %s | %s | %s | %s | %s | %s |\n",
			f.Name, f.Text, s.Client, s.Server, s.Log, s.Count, s.Again, f.Expect.Lost, f.Expect.Cut, f.Expect.Twice)
	}
	return b.String()
}
