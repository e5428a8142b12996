package config

import (
	"math"
	"slices"
	"strconv"
)

// A RetryEvent is a bit of RetryOn: what a request is sent again for (HAProxy's
// retry-on).
type RetryEvent uint32

// The events. The statuses have bits of their own behind them.
const (
	RetryConnFailure RetryEvent = 1 << iota
	RetryEmpty                  // the connection ended before a byte of the reply
	RetryJunk                   // the reply is not HTTP, or broke off within its head
	RetryTimeout                // no reply in time
	RetryEarlyData              // 0-RTT data refused; there is none yet
	firstRetryStatus
)

// retryStatuses are the statuses that retry-on knows, in the order of their bits.
var retryStatuses = [...]int{401, 403, 404, 408, 421, 425, 429, 500, 501, 502, 503, 504}

// RetryDefault is what HAProxy does where retry-on is not given.
const RetryDefault = RetryConnFailure

// RetryStatus is the bit of a status, 0 if retry-on does not know it.
func RetryStatus(status int) RetryEvent {
	if i := slices.Index(retryStatuses[:], status); i >= 0 {
		return firstRetryStatus << i
	}
	return 0
}

// retryWords are the words of retry-on, `none` and statuses apart.
var retryWords = map[string]RetryEvent{
	"conn-failure": RetryConnFailure, "empty-response": RetryEmpty, "junk-response": RetryJunk,
	"response-timeout": RetryTimeout, "0rtt-rejected": RetryEarlyData,
	"all-retryable-errors": RetryConnFailure | RetryEmpty | RetryJunk | RetryTimeout | RetryEarlyData |
		RetryStatus(500) | RetryStatus(502) | RetryStatus(503) | RetryStatus(504),
}

// A Replay says what becomes of requests whose server fails. The zero value is
// the default: HAProxy's retries, and what is safer on top.
type Replay struct {
	retryOn   RetryEvent // with retryGiven; else RetryDefault
	given     bool
	Off       bool // no option safe-replay: only what retry-on says
	Scheduled bool // no option redispatch-at-once: HAProxy's schedule for refused connections too
	OnSilence bool // option replay-on-silence
	Keyed     bool // option replay-idempotency-key
	PassError bool // no option replay-on-error
	keep      int  // replay-body-size + 1; 0: not given
}

// RetryOn are the events that a request is sent again for, whatever its method.
func (r *Replay) RetryOn() RetryEvent {
	if !r.given {
		return RetryDefault
	}
	return r.retryOn
}

// OnError says that a server's error may be asked elsewhere (option replay-on-error).
func (r *Replay) OnError() bool { return !r.Off && !r.PassError && !r.Never() }

// Never says that no request is tried twice (retry-on none).
func (r *Replay) Never() bool { return r.given && r.retryOn == 0 }

// SetRetryOn is what a retry-on line does.
func (r *Replay) SetRetryOn(e RetryEvent) { r.retryOn, r.given = e, true }

// DefaultReplayBody is how many bytes of a request's body are kept for a
// replay: forms and API calls are smaller, and a thousand of them at once are
// what a small machine can spare.
const DefaultReplayBody = 256 << 10

// BodySize is the most bytes of a request's body that are kept for a replay.
func (r *Replay) BodySize() int {
	if r.keep == 0 {
		return DefaultReplayBody
	}
	return r.keep - 1
}

// SetBodySize is what a replay-body-size line does.
func (r *Replay) SetBodySize(n int) { r.keep = n + 1 }

// DefaultReplayMemory is how many bytes of bodies the process keeps for replays
// altogether: as much as 256 requests of the largest size, or many thousand of
// the usual.
const DefaultReplayMemory = 64 << 20

// ReplayMemory is the most bytes of bodies that the process keeps for replays
// (tune.replay.memory).
func (t *Tuning) ReplayMemory() int {
	if t.replayMemory == 0 {
		return DefaultReplayMemory
	}
	return t.replayMemory - 1
}

// RedispatchByTurn is option redispatch 0: only what neither a cookie nor a key
// holds moves.
const RedispatchByTurn = math.MinInt32

const (
	safeReplayText = "A request whose server fails before a byte of the final answer reached the client goes to another server, never to one that failed it: " +
		"any request that the server provably did not take; GET, HEAD, OPTIONS, PUT and DELETE after the server reset or closed the connection or answered what is not HTTP; " +
		"GET, HEAD and OPTIONS after it was silent for timeout server or was marked down. A client is not taken from the server of its cookie unless option redispatch is set or that server is down; it is asked again instead. " +
		"Replays of requests that were sent are bounded to a fifth of the live rate, with a burst. retries 0 and retry-on none switch it off; http-request disable-l7-retry does for one request. On unless switched off."
	atOnceText = "A connection that is refused or reset moves its request to another server at once, for clients with a cookie too if option redispatch is set, and each such server is asked once before the first pause; one that times out follows the schedule of option redispatch. " +
		"Switched off, a refused connection follows it too: the same server, a second later, retries times. On unless switched off."
	onSilenceText = "After silence too, requests that are idempotent but not safe go to another server: PUT, DELETE, and those with a key. A server that was only frozen may execute such a request later, behind one that came after it."
	onErrorText   = "GET, HEAD, OPTIONS, PUT, DELETE and requests with a key that a server answers with 500 or 503, and the first three also with 502 or 504, go to another server, once, if the server has answered three requests or more in a row so, and the last reply of the other one was no error: an application that fails is not asked twice for it. " +
		"A client goes away from the server of its cookie for it only with option redispatch, and behind five such errors in a row that no check has refuted. Part of option safe-replay, and of its budget. On unless switched off."
	keyedText = "A request with a field Idempotency-Key counts as idempotent, whatever its method. Set it only where every server knows the keys that the others have executed, as with a store that they share."
)

// ownDefault makes an option of our own that is on unless `no` stands before it.
func ownDefault(name, text string, off func(*Proxy) *bool) Keyword {
	return Keyword{Name: "option " + name, In: inBack, Text: text, Example: ownExample("no option " + name), No: true, parse: func(x *line) {
		if x.atMost(0) {
			*off(x.px.Proxy) = x.no
		}
	}}
}

// ownExample is a line that HAProxy skips.
func ownExample(line string) string { return ".if feature(BASCULE)\n" + line + "\n.endif" }

func ownFlag(name, text string, field func(*Proxy) *bool) Keyword {
	k := flag(name, text, inBack, field)
	k.Example = ownExample(k.Example)
	return k
}

// replayKeywords are the lines about requests whose server fails.
var replayKeywords = []Keyword{
	ownDefault("safe-replay", safeReplayText, func(p *Proxy) *bool { return &p.Replay.Off }),
	ownDefault("redispatch-at-once", atOnceText, func(p *Proxy) *bool { return &p.Replay.Scheduled }),
	ownDefault("replay-on-error", onErrorText, func(p *Proxy) *bool { return &p.Replay.PassError }),
	ownFlag("replay-on-silence", onSilenceText, func(p *Proxy) *bool { return &p.Replay.OnSilence }),
	ownFlag("replay-idempotency-key", keyedText, func(p *Proxy) *bool { return &p.Replay.Keyed }),
	{Name: "option redispatch", In: inBack, Usage: "[<interval>]", Text: "A retry may go to another server, for clients with a cookie too: the last one, every one counted by a positive interval, or with a negative one the last so many-th. A client without a cookie moves with every retry, unless a key chooses its server.", Differs: "a refused connection moves at once, see option redispatch-at-once.", Example: "option redispatch", No: true, parse: parseRedispatch},
	{Name: "retries", In: inBack, Usage: "<count>", Text: "How often a request is tried again on a server that fails; 3 where not given. 0 switches every retry and replay off.", Differs: "a move to another server at once is not counted.", Example: "retries 3", parse: parseRetries},
	{Name: "retry-on", In: inBack, Usage: "none | {conn-failure|empty-response|junk-response|response-timeout|0rtt-rejected|<status>|all-retryable-errors}…",
		Text: "What a request is tried again for, whatever its method; conn-failure where not given. With anything but conn-failure POST may be executed twice: see http-request disable-l7-retry. " +
			"A status is 401, 403, 404, 408, 421, 425, 429, 500, 501, 502, 503 or 504; all-retryable-errors are the words before it and 500, 502, 503 and 504. The last such line counts.",
		Differs: "bodies of up to replay-body-size are kept, not only requests that came whole in one buffer.", Example: "retry-on conn-failure empty-response 503", Strict: true, parse: parseRetryOn},
	{Name: "replay-body-size", In: inBack, Usage: "<bytes>", Text: "How much of a request's body is kept until the answer has begun, so that the request can be sent again; 256k where not given. A larger request is not sent again, and counted. 0 keeps none.",
		Example: ownExample("replay-body-size 64k"), parse: func(x *line) {
			if n, ok := x.size(0, 1<<30); ok {
				x.px.Replay.SetBodySize(n)
			}
		}},
}

// replayTuning is the limit of all backends together.
var replayTuning = []Keyword{
	{Name: "tune.replay.memory", In: InGlobal, Usage: "<bytes>", Text: "Most bytes of requests' bodies that are kept for replays at once, by all backends together; 64m where not given. Beyond it requests go on without being kept, and are not sent again.",
		Example: ownExample("tune.replay.memory 16m"), parse: func(x *line) {
			if n, ok := x.size(0, 1<<30); ok {
				x.cfg.Global.Tuning.replayMemory = n + 1
			}
		}},
}

// parseRetryOn reads `retry-on WORDS`.
func parseRetryOn(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'retry-on' needs at least one keyword to specify when to retry")
		return
	}
	var events RetryEvent
	none := false
	for _, w := range x.args {
		n, err := strconv.Atoi(w.Text)
		switch {
		case w.Text == "none":
			none = true
		case retryWords[w.Text] != 0:
			events |= retryWords[w.Text]
		case err == nil && RetryStatus(n) != 0:
			events |= RetryStatus(n)
		default:
			x.alert(w, "'retry-on': unknown keyword '%s'", w.Text)
			return
		}
		if none && len(x.args) > 1 {
			x.alert(w, "'retry-on' 'none' keyword only usable alone")
			return
		}
	}
	x.px.Replay.SetRetryOn(events)
}
