package config

import (
	"time"

	"bascule/internal/lang"
	"bascule/internal/rule"
)

// A TCPRules is what a proxy does with connections and with raw data.
type TCPRules struct {
	Connection []*rule.Action // tcp-request connection, before anything is read
	Session    []*rule.Action // tcp-request session, behind a PROXY header
	Request    []*rule.Action // tcp-request content
	Response   []*rule.Action // tcp-response content
	// How long content rules may wait for data; 0: they do not.
	RequestDelay, ResponseDelay time.Duration
	RateLimit                   int // rate-limit sessions, a second; 0: none
}

// inspectDelay makes the parse function of tcp-request and tcp-response
// inspect-delay.
func inspectDelay(field func(*TCPRules) *time.Duration) func(*line) {
	return func(x *line) {
		if x.px.isDefaults && x.px.Name == "" {
			x.alert(x.name, "%s is not allowed in anonymous 'defaults' sections", x.kw.Name)
			return
		}
		d, err := lang.ParseTime(x.arg(0), time.Millisecond)
		if x.arg(0) == "" || err != nil {
			x.alert(x.at(0), "'%s' expects a positive delay in milliseconds, in proxy '%s'", x.kw.Name, x.px.Name)
			return
		}
		if d == 0 {
			return // HAProxy takes it for no delay
		}
		*field(&x.px.TCP) = d
	}
}

func tcpList(set rule.Set, list func(*TCPRules) *[]*rule.Action) func(*line) {
	return actionList(set, func(p *Proxy) *[]*rule.Action { return list(&p.TCP) })
}

// parseRateLimit reads `rate-limit sessions N`.
func parseRateLimit(x *line) {
	count(func(p *Proxy) *int { return &p.TCP.RateLimit })(x)
}

// tcpKeywords are the rules on connections and on data that nobody has parsed.
var tcpKeywords = []Keyword{
	{Name: "rate-limit sessions", In: inFront, Usage: "<count>", Text: "Most new sessions of the frontend a second; more clients wait in the kernel's queue.", Example: "rate-limit sessions 100", parse: parseRateLimit},
	{Name: "tcp-request connection", In: inFront, Usage: "<action> [{if|unless} <condition>]", Text: "An action on every connection, before anything is read from it.", Example: "tcp-request connection reject if { src 192.0.2.0/24 }", Strict: true,
		parse: tcpList(rule.TCPRequestConnection, func(r *TCPRules) *[]*rule.Action { return &r.Connection })},
	{Name: "tcp-request content", In: inProxy, Usage: "<action> [{if|unless} <condition>]", Text: "An action on what a client sends first. In mode tcp, rules wait for data as long as inspect-delay allows; in mode http they see the request's head, before http-request.",
		Differs: "in mode http nothing is waited for, WAIT_END is always true.", Example: "tcp-request inspect-delay 5s\ntcp-request content reject unless HTTP",
		parse: tcpList(rule.TCPRequestContent, func(r *TCPRules) *[]*rule.Action { return &r.Request })},
	{Name: "tcp-request inspect-delay", In: inProxy, Usage: "<time>", Text: "How long tcp-request content may wait for data in mode tcp.", Example: "tcp-request inspect-delay 5s",
		parse: inspectDelay(func(r *TCPRules) *time.Duration { return &r.RequestDelay })},
	{Name: "tcp-request session", In: inFront, Usage: "<action> [{if|unless} <condition>]", Text: "An action on every connection, once its PROXY header was read.", Example: "tcp-request session reject if { src 192.0.2.0/24 }", Strict: true,
		parse: tcpList(rule.TCPRequestSession, func(r *TCPRules) *[]*rule.Action { return &r.Session })},
	{Name: "tcp-response content", In: inBack, Usage: "<action> [{if|unless} <condition>]", Text: "An action on what a server sends first; in mode http on the head of its answer, before http-response.",
		Example: "tcp-response inspect-delay 5s\ntcp-response content reject if { res.payload(0,3) -m bin 353030 }", Strict: true,
		parse: tcpList(rule.TCPResponseContent, func(r *TCPRules) *[]*rule.Action { return &r.Response })},
	{Name: "tcp-response inspect-delay", In: inBack, Usage: "<time>", Text: "How long tcp-response content may wait for data in mode tcp.", Example: "tcp-response inspect-delay 5s", Strict: true,
		parse: inspectDelay(func(r *TCPRules) *time.Duration { return &r.ResponseDelay })},
}
