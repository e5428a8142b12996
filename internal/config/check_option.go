package config

import (
	"bytes"
	"regexp"
	"strings"
)

// protocolOption makes the parse function of an option that names a protocol.
func protocolOption(most int, steps func(x *line) []CheckStep) func(*line) {
	return func(x *line) {
		if !x.atMost(most) {
			return
		}
		if s := steps(x); s != nil {
			x.px.checks.kind = CheckProtocol
			x.px.checks.protocol = append([]CheckStep{{Connect: &CheckDial{Default: true}}}, s...)
		}
	}
}

func sendStep(text string) CheckStep { return CheckStep{Send: &CheckData{Bytes: []byte(text)}} }

// regexStep expects a beginning; what it says comes from the line that was sent.
func regexStep(pattern, status string, say func([]byte) (int, string)) CheckStep {
	return CheckStep{Expect: &Expect{Kind: "rstring", Match: regexp.MustCompile(pattern).Match,
		MinRecv: smtpCode, Error: status, Say: say}}
}

// smtpCode is the length of a reply's code with the byte behind it (RFC 5321 §4.2).
const smtpCode = 4

// firstLine is what the server sent, up to its first line break.
func firstLine(b []byte) string {
	if i := bytes.IndexAny(b, "\r\n"); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// smtpSays splits a reply of SMTP into its code and its text.
func smtpSays(b []byte) (code int, info string) {
	text := firstLine(b)
	code, _ = atoi(text[:min(3, len(text))])
	return code, strings.TrimLeft(text[min(smtpCode, len(text)):], " ")
}

// smtpSteps are a greeting, HELO or EHLO, and QUIT.
func smtpSteps(x *line) []CheckStep {
	hello := "HELO localhost"
	if x.arg(0) != "" && x.arg(1) != "" {
		word := "HELO"
		if strings.EqualFold(x.arg(0), "EHLO") {
			word = "EHLO"
		}
		hello = word + " " + x.arg(1)
	}
	return numbered(2,
		regexStep(`^[0-9]{3}[ \r]`, "L7RSP", func(b []byte) (int, string) { return 0, firstLine(b) }),
		regexStep(`^2[0-9]{2}[ \r]`, "L7STS", smtpSays),
		sendStep(hello+"\r\n"),
		regexStep(`^2[0-9]{2}[- \r]`, "L7STS", smtpSays),
		sendStep("QUIT\r\n"),
		regexStep(`^2[0-9]{2}[- \r]`, "L7STS", smtpSays),
	)
}

// numbered gives the steps of a protocol the numbers that HAProxy's messages
// have.
func numbered(first int, steps ...CheckStep) []CheckStep {
	for i := range steps {
		steps[i].Number = first + i
	}
	return steps
}

// redisSteps ask for PONG.
func redisSteps(*line) []CheckStep {
	return numbered(1,
		sendStep("*1\r\n$4\r\nPING\r\n"),
		CheckStep{Expect: &Expect{Kind: "string", Data: []byte("+PONG\r\n"), MinRecv: -1, Error: "L7STS",
			Say: func(b []byte) (int, string) { return 0, firstLine(b) }, Praise: "Redis server is ok"}},
	)
}

// tlsHello is a ClientHello (RFC 5246 §7.4.1.2) of TLS 1.2 with two suites,
// enough for any server to answer with a handshake or an alert.
const tlsHello = "\x16\x03\x01\x00\x31\x01\x00\x00\x2d\x03\x03" +
	"bascule asks: does TLS live here" + "\x00" + "\x00\x06\xc0\x2f\x00\x2f\x00\x35" + "\x01\x00"

// sslHelloSteps look for a TLS record: a handshake or an alert.
func sslHelloSteps(*line) []CheckStep {
	return numbered(1,
		sendStep(tlsHello),
		CheckStep{Expect: &Expect{Kind: "rbinary", Match: func(b []byte) bool { return len(b) > 0 && (b[0] == 0x15 || b[0] == 0x16) },
			MinRecv: 5, OK: "L6OK", Error: "L6RSP", Timeout: "L6TOUT"}},
	)
}

// checkKeywords are the lines of http-check and tcp-check and the options that
// choose what checks speak.
var checkKeywords = []Keyword{
	{Name: "http-check comment", In: inBack, Usage: "<text>", Text: "A text for the log when a step that follows fails; it belongs to the steps of one kind, send or expect, that come next.", Example: "option httpchk\nhttp-check comment home\\ page\nhttp-check expect status 200", parse: parseCheckComment(true)},
	{Name: "http-check connect", In: inBack, Usage: "[default] [port <port>|<expr>] [addr <ip>] [send-proxy] [ssl] [sni <name>] [alpn <protocols>] [linger] [proto <name>] [comment <text>]", Text: "Opens another connection, so that a check can ask several ports. A sequence that has one begins with one. With ssl it speaks TLS by the settings of the server's line, asks for sni and offers alpn; default adds check-ssl, check-sni and check-alpn.", Differs: "via-socks4 and protos other than h1 are planned.", Example: "option httpchk\nhttp-check connect port 8080\nhttp-check send meth GET uri /a\nhttp-check expect status 200\nhttp-check connect port 8081\nhttp-check send meth GET uri /b\nhttp-check expect status 200", parse: parseCheckConnect(true)},
	{Name: "http-check disable-on-404", In: inBack, Text: "A server that answers 404 to its check gets no new clients and keeps those it has.", Example: "option httpchk\nhttp-check disable-on-404", parse: checkFlag(func(c *Check) *bool { return &c.DisableOn404 })},
	{Name: "http-check expect", In: inBack, Usage: "[min-recv <bytes>] [comment <text>] [ok-status|error-status|tout-status <status>] [on-success|on-error <format>] [status-code <expr>] [!] {status|rstatus|hdr|fhdr|string|rstring|string-lf} <pattern>", Text: "What an answer must be for a check to go on; 2xx and 3xx where it is not given.", Example: "option httpchk\nhttp-check expect status 200-299\nhttp-check expect hdr name content-type value -m beg text/\nhttp-check expect ! string error", parse: parseCheckExpect(true)},
	{Name: "http-check send", In: inBack, Usage: "[meth <method>] [uri <uri>|uri-lf <format>] [ver <version>] [hdr <name> <format>]… [body <text>|body-lf <format>] [comment <text>]", Text: "The request of a check; what the first one leaves out is that of option httpchk.", Example: "option httpchk\nhttp-check send meth GET uri /health ver HTTP/1.1 hdr Host balancer", parse: parseCheckSend},
	{Name: "http-check send-state", In: inBack, Text: "Tells the server in X-Haproxy-Server-State how it is seen.", Example: "option httpchk\nhttp-check send-state", parse: checkFlag(func(c *Check) *bool { return &c.SendState })},
	{Name: "http-check set-var", In: inBack, Parens: true, Usage: "(<name>[,<condition>…]) <expr>", Text: "Sets a variable of the check.", Differs: "variables of the process (proc.) are planned; a condition behind the expression is refused, where HAProxy ignores it.", Example: "option httpchk\nhttp-check set-var(check.port) int(8081)\nhttp-check connect port var(check.port)", parse: parseCheckAction(true)},
	{Name: "http-check set-var-fmt", In: inBack, Parens: true, Usage: "(<name>[,<condition>…]) <format>", Text: "Sets a variable of the check to a text with values in it.", Example: "option httpchk\nhttp-check set-var-fmt(check.who) \"%[be_name]/%[srv_name]\"\nhttp-check send meth GET uri-lf /health?of=%[var(check.who)]", parse: parseCheckAction(true)},
	{Name: "http-check unset-var", In: inBack, Parens: true, Usage: "(<name>)", Text: "Forgets a variable of the check.", Example: "option httpchk\nhttp-check unset-var(check.port)", parse: parseCheckAction(true)},
	{Name: "option httpchk", In: inBack, Usage: "[<method>] [<uri>] [<version>]", Text: "Checks by an HTTP request; 2xx and 3xx pass where http-check expect says nothing else.", Example: "option httpchk GET /health", parse: parseHTTPChk},
	{Name: "option redis-check", In: inBack, Text: "Checks by Redis's PING.", Example: "option redis-check", parse: protocolOption(0, redisSteps)},
	{Name: "option smtpchk", In: inBack, Usage: "[HELO|EHLO <domain>]", Text: "Checks by a greeting, HELO or EHLO, and QUIT; replies that begin with 2 pass.", Example: "option smtpchk EHLO balancer.example", parse: protocolOption(2, smtpSteps)},
	{Name: "option ssl-hello-chk", In: inBack, Text: "Checks by a TLS ClientHello; a handshake or an alert passes.", Example: "option ssl-hello-chk", parse: protocolOption(0, sslHelloSteps)},
	{Name: "option tcp-check", In: inBack, Text: "Checks by the steps of tcp-check; by a connection where there are none.", Example: "option tcp-check\ntcp-check send PING\\r\\n\ntcp-check expect string +PONG", parse: func(x *line) {
		if x.atMost(0) {
			x.px.checks.kind = CheckTCP
		}
	}},
	{Name: "tcp-check comment", In: inBack, Usage: "<text>", Text: "A text for the log when a step that follows fails; it belongs to the steps of one kind, send or expect, that come next.", Example: "option tcp-check\ntcp-check comment greeting\ntcp-check expect string +OK", parse: parseCheckComment(false)},
	{Name: "tcp-check connect", In: inBack, Usage: "[default] [port <port>|<expr>] [addr <ip>] [send-proxy] [ssl] [sni <name>] [alpn <protocols>] [linger] [proto <name>] [comment <text>]", Text: "Opens another connection, so that a check can ask several ports. A sequence that has one begins with one. With ssl it speaks TLS by the settings of the server's line, asks for sni and offers alpn; default adds check-ssl, check-sni and check-alpn.", Differs: "via-socks4 is planned.", Example: "option tcp-check\ntcp-check connect port 110\ntcp-check expect string +OK\ntcp-check connect port 143\ntcp-check expect string OK", parse: parseCheckConnect(false)},
	{Name: "tcp-check expect", In: inBack, Usage: "[min-recv <bytes>] [comment <text>] [ok-status|error-status|tout-status <status>] [on-success|on-error <format>] [status-code <expr>] [!] {string|rstring|string-lf|binary|rbinary|binary-lf} <pattern>", Text: "What the server must send for a check to go on.", Example: "option tcp-check\ntcp-check expect min-recv 4 rstring ^220", parse: parseCheckExpect(false)},
	{Name: "tcp-check send", In: inBack, Usage: "<text> [comment <text>]", Text: "Sends a text.", Example: "option tcp-check\ntcp-check send PING\\r\\n", parse: parseTCPSend(false, false)},
	{Name: "tcp-check send-binary", In: inBack, Usage: "<hex> [comment <text>]", Text: "Sends bytes, written as hexadecimal digits.", Example: "option tcp-check\ntcp-check send-binary 50494e470d0a", parse: parseTCPSend(false, true)},
	{Name: "tcp-check send-binary-lf", In: inBack, Usage: "<format> [comment <text>]", Text: "Sends bytes; the format makes their hexadecimal digits.", Example: "option tcp-check\ntcp-check send-binary-lf %[str(PING),hex]0d0a", parse: parseTCPSend(true, true)},
	{Name: "tcp-check send-lf", In: inBack, Usage: "<format> [comment <text>]", Text: "Sends a text with values in it.", Example: "option tcp-check\ntcp-check send-lf \"HELO %[be_name]\\r\\n\"", parse: parseTCPSend(true, false)},
	{Name: "tcp-check set-var", In: inBack, Parens: true, Usage: "(<name>[,<condition>…]) <expr>", Text: "Sets a variable of the check.", Differs: "variables of the process (proc.) are planned; a condition behind the expression is refused, where HAProxy ignores it.", Example: "option tcp-check\ntcp-check set-var(check.port) int(8081)", parse: parseCheckAction(false)},
	{Name: "tcp-check set-var-fmt", In: inBack, Parens: true, Usage: "(<name>[,<condition>…]) <format>", Text: "Sets a variable of the check to a text with values in it.", Example: "option tcp-check\ntcp-check set-var-fmt(check.who) \"%[be_name]/%[srv_name]\"", parse: parseCheckAction(false)},
	{Name: "tcp-check unset-var", In: inBack, Parens: true, Usage: "(<name>)", Text: "Forgets a variable of the check.", Example: "option tcp-check\ntcp-check unset-var(check.port)", parse: parseCheckAction(false)},
}

// checkFlag makes the parse function of an http-check line that only is there.
func checkFlag(field func(*Check) *bool) func(*line) {
	return func(x *line) {
		if x.atMost(0) {
			*field(&x.px.Check) = true
		}
	}
}
