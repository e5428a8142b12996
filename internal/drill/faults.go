package drill

import (
	"slices"
	"time"

	"bascule/internal/fleet"
)

const (
	// outageLasts is how long most faults stay: long enough for p99 and for sticky users
	// to come by several times.
	outageLasts = 3 * time.Second
	// frozenLasts outlives `timeout server` of the lab, so that what waits for it ends
	// within the fault.
	frozenLasts = 6 * time.Second
	// blipLasts is a common blip: a switch that restarts a port, a database that pauses.
	blipLasts = 300 * time.Millisecond
	// flapEvery is faster than three checks of the deployment and slower than fast ones.
	flapEvery = 500 * time.Millisecond
	// calmP99 and quickDown are what the product promises for a server that dies.
	calmP99   = 100 * time.Millisecond
	quickDown = time.Second
)

// Faults is the catalogue for a target, in the order in which a drill runs it.
func Faults(t *Target) []Fault {
	return slices.Concat(deaths(t), lyingServers(t), together(t))
}

const (
	whyPlain   = "a POST without a key that the server may have executed is not sent again; PUT and DELETE may be executed twice"
	whySilence = "silence is no proof of death: a write may land later, so it is not sent again"
	whyBegun   = "a reply that has begun cannot be taken back; it is broken off and never ended as if complete. More replays than the budget has are not made"
)

// deaths are the faults of a server that goes away.
func deaths(t *Target) []Fault {
	dead := Expectation{Lost: Plain | Chats, Cut: Safe, Twice: Idempotent, P99: calmP99, Detect: quickDown, Why: whyPlain}
	silent := Expectation{Lost: Writes | Chats, Cut: Everything, Why: whySilence}
	return []Fault{
		{
			Name: "kill", Text: "kill -9 of a server, which is started again later",
			Detects: true, Victim: t.Victim, Lasts: outageLasts, Expect: dead,
			Inject: on(t.Victim, doKill), Mend: on(t.Victim, doStart), Needs: able(t.Victim, "kill and start", doKill, doStart),
		}, {
			Name: "stop", Text: "a server is stopped politely, and started again later",
			Detects: true, Victim: t.Victim, Lasts: outageLasts, Expect: dead,
			Inject: on(t.Victim, doStop), Mend: on(t.Victim, doStart), Needs: able(t.Victim, "stop and start", doStop, doStart),
		}, {
			Name: "restart", Text: "a server is restarted under load",
			Victim: t.Victim, Lasts: time.Second, Expect: Expectation{Lost: Plain | Chats, Twice: Idempotent, P99: calmP99, Why: whyPlain},
			Inject: both(on(t.Victim, doStop), on(t.Victim, doStart)), Mend: on(t.Victim, doStart),
			Needs: able(t.Victim, "stop and start", doStop, doStart),
		}, {
			Name: "freeze", Text: "a server is frozen (SIGSTOP) and thawed (SIGCONT)",
			Detects: true, Victim: t.Victim, Lasts: frozenLasts, Expect: silent,
			Inject: on(t.Victim, doFreeze), Mend: on(t.Victim, doThaw), Needs: able(t.Victim, "freeze and thaw", doFreeze, doThaw),
		}, {
			Name: "cut", Text: "the cable of a server is cut: all packets vanish",
			Detects: true, Victim: t.Victim, Lasts: frozenLasts, Expect: silent,
			Inject: on(t.Victim, doCut), Mend: on(t.Victim, doJoin), Needs: cuttable(t.Victim),
		}, {
			Name: "refused", Text: "the port of a server is closed while its process lives, health checks too",
			Detects: true, Victim: t.Victim, Lasts: outageLasts, Expect: dead,
			Inject: on(t.Victim, mode(fleet.Refused)), Mend: on(t.Victim, mode(fleet.Well)), Needs: able(t.Victim, toMisbehave, mode("")),
		}, {
			Name: "reset", Text: "a server resets every connection once it has the request, health checks too",
			Detects: true, Victim: t.Victim, Lasts: outageLasts, Expect: dead,
			Inject: on(t.Victim, mode(fleet.Reset)), Mend: on(t.Victim, mode(fleet.Well)), Needs: able(t.Victim, toMisbehave, mode("")),
		},
	}
}

// lyingServers are the faults of a server that answers, and wrongly.
func lyingServers(t *Target) []Fault {
	begun := Expectation{Lost: Everything, Cut: Everything, Twice: Idempotent, Why: whyBegun}
	wrong := func(name, text string, m fleet.Mode, detects bool, expect Expectation) Fault {
		return Fault{
			Name: name, Text: text, Detects: detects, Victim: t.Victim, Lasts: outageLasts, Expect: expect,
			Inject: on(t.Victim, mode(m)), Mend: on(t.Victim, mode(fleet.Well)), Needs: able(t.Victim, toMisbehave, mode("")),
		}
	}
	return []Fault{
		wrong("reset-midway", "a server resets every connection within the reply", fleet.ResetMidway, false, begun),
		wrong("truncated", "a server closes every connection within the reply", fleet.Truncated, false, begun),
		wrong("garbage", "a server answers with bytes that are no HTTP", fleet.Garbage, true, Expectation{
			Lost: Plain | Chats, Twice: Idempotent, Why: whyPlain}),
		wrong("errors", "a server answers everything with 500", fleet.Errors, true, Expectation{
			Lost: Everything, Detect: quickDown, Why: "a 500 is a reply: until the checks notice, what is idempotent is asked of another server from the third in a row on, and a POST without a key is not"}),
		wrong("slow", "a server takes a second longer for everything", fleet.Slow, false, Expectation{}),
		wrong("lies", "a server resets every connection, but answers health checks", fleet.Lies, false, Expectation{
			Lost: Plain | Chats, Cut: Safe, Twice: Idempotent, Why: whyPlain + "; five requests in a row break before the others are kept from the server"}),
	}
}

// together are the faults of all servers, and what an operator does on purpose.
func together(t *Target) []Fault {
	return []Fault{
		flapping(t), {
			Name: "both-dead", Text: "kill -9 of all servers, which are started again later",
			Detects: true, Lasts: outageLasts, Expect: Expectation{
				Lost: Everything, Cut: Everything, Twice: Idempotent, Why: "there is nobody who could answer, and the last usable server goes down by its own checks only"},
			Inject: all(doKill), Mend: all(doStart), Needs: allAble("kill and start", doKill, doStart),
		}, {
			Name: "blip", Text: "all servers refuse connections for 300 ms",
			Lasts:  blipLasts,
			Expect: Expectation{Lost: Everything, Twice: Idempotent, Why: "nobody answers meanwhile; nothing may last longer than the blip and what HAProxy makes of it"},
			Inject: all(mode(fleet.Refused)), Mend: all(mode(fleet.Well)), Needs: allAble(toMisbehave, mode("")),
		},
		draining(t), {
			Name: "reload", Text: "the balancer reads its configuration again",
			Lasts: outageLasts, Expect: Expectation{P99: calmP99},
			Inject: doReload, Mend: doNothing, Needs: reloadable,
		},
	}
}
