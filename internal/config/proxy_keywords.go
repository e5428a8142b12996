package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"bascule/internal/rule"
)

// flag makes an option that is on or off.
func flag(name, text string, in Section, field func(*Proxy) *bool) Keyword {
	return Keyword{Name: "option " + name, In: in, Text: text, Example: "option " + name, No: true, parse: func(x *line) {
		if x.atMost(0) {
			*field(x.px.Proxy) = !x.no && !x.dflt
		}
	}}
}

// optionKeywords are the `option X` lines that are read.
var optionKeywords = []Keyword{
	flag("abortonclose", "Gives up a request that still waits for a server when its client is gone.", inBack, func(p *Proxy) *bool { return &p.AbortOnClose }),
	flag("accept-invalid-http-request", "The older name of option accept-unsafe-violations-in-http-request.", inFront, func(p *Proxy) *bool { return &p.LooseRequests }),
	flag("accept-invalid-http-response", "The older name of option accept-unsafe-violations-in-http-response.", inBack, func(p *Proxy) *bool { return &p.LooseReplies }),
	flag("accept-unsafe-violations-in-http-request", looseRequests, inFront, func(p *Proxy) *bool { return &p.LooseRequests }),
	flag("accept-unsafe-violations-in-http-response", looseReplies, inBack, func(p *Proxy) *bool { return &p.LooseReplies }),
	flag("allbackups", "Uses all backup servers at once instead of the first.", inBack, func(p *Proxy) *bool { return &p.AllBackups }),
	{Name: "option fast-detect", In: inBack, Text: "On where nothing is said. Refused and broken connections, ten server errors in a row, and a server from which nothing comes at all, start its checks at once at a fast pace, until it is down or one passes. Never takes out the last usable server, nor more than half of a backend within 10 s; the checks at their own pace still may. Servers without check are not suspected. With mode http a server on which five requests in a row broke gets only probes until it replies, while another is usable.", Differs: "HAProxy waits for the checks.", Example: "no option fast-detect", No: true, parse: func(x *line) {
		if x.atMost(0) {
			x.px.NoFastDetect = x.no
		}
	}},
	{Name: "option slowstart-hold", In: inBack, Text: "On where nothing is said. The ramp of a server's slowstart stays where it is while the server stands out against those that are through theirs: its requests fail twice as often and 5 % more, or its replies take twice as long and 10 ms more. At most for three times the slowstart altogether. Needs 20 requests on both sides to compare.", Differs: "HAProxy ramps by time alone.", Example: "no option slowstart-hold", No: true, parse: func(x *line) {
		if x.atMost(0) {
			x.px.NoSlowStartHold = x.no
		}
	}},
	{Name: "option flap-damping", In: inBack, Text: "On where nothing is said. From the third time within 10 minutes that its checks or traffic take a server down, it must pass its checks for twice as long each time until it is up: twice the time of rise checks, then four times, and so on up to 60 s. What its agent or an operator says, the end of a server that is drained, and that of the one that it tracks do not count; maintenance and 'set server ... health' forget what was; while no server of the backend is usable, rise checks are enough.", Differs: "HAProxy brings a server up behind rise checks, however often it has gone down.", Example: "no option flap-damping", No: true, parse: func(x *line) {
		if x.atMost(0) {
			x.px.NoFlapDamping = x.no
		}
	}},
	flag("dontlog-normal", "Logs only what went wrong.", inFront, func(p *Proxy) *bool { return &p.DontLogNormal }),
	flag("dontlognull", "Does not log connections on which nothing was sent.", inFront, func(p *Proxy) *bool { return &p.DontLogNull }),
	flag("persist", "A cookie is obeyed even if its server is down: the request is tried there, and redispatched if option redispatch allows.", inBack, func(p *Proxy) *bool { return &p.Persist }),
	flag("http-buffer-request", "Keeps the body of a request, or what tune.bufsize takes of it, before the rules look at it and a server is chosen; timeout http-request limits the wait.", inProxy, func(p *Proxy) *bool { return &p.BufferRequest }),
	flag("log-health-checks", "Logs every change of a check's result.", inBack, func(p *Proxy) *bool { return &p.LogHealthChecks }),
	flag("logasap", "Logs when the headers of the answer are sent.", inFront, func(p *Proxy) *bool { return &p.LogASAP }),
	flag("socket-stats", "Counts every listener apart.", inFront, func(p *Proxy) *bool { return &p.SocketStats }),
	{Name: "option forwardfor", In: inProxy, Usage: "[except <network>] [header <name>] [if-none]", Text: "Adds the client's address in X-Forwarded-For.", Example: "option forwardfor except 127.0.0.0/8", parse: parseForwardFor},
	{Name: "option http-keep-alive", In: inProxy, Text: "Keeps the connections of client and server; the default.", Example: "option http-keep-alive", No: true, parse: parseKeep(KeepAlive)},
	{Name: "option http-restrict-req-hdr-names", In: inProxy, Usage: "{ preserve | delete | reject }", Text: "Hands on, leaves out or answers with 403 what has other characters than letters, digits and '-' in the name of a header, behind the rules of the proxy; servers of CGI take them all for '_'.", Example: "option http-restrict-req-hdr-names delete", parse: parseOddNames},
	{Name: "option http-server-close", In: inProxy, Text: "Keeps the client's connection and closes the server's after each answer.", Example: "option http-server-close", No: true, parse: parseKeep(KeepServerClose)},
	{Name: "option httpclose", In: inProxy, Text: "Closes the connections of client and server after each answer.", Example: "option httpclose", No: true, parse: parseKeep(KeepClose)},
	{Name: "option httplog", In: inProxy, Usage: "[clf]", Text: "Logs HAProxy's HTTP line; with clf one that begins as the common log format of web servers.", Example: "option httplog", parse: setFormat("http")},
	{Name: "option httpslog", In: inProxy, Text: "Logs HAProxy's HTTP line, and behind it what is known of the client's TLS: '-' where there is none.", Example: "option httpslog", parse: setFormat("https")},
	flag("log-separate-errors", "Logs requests that failed, were retried or redispatched, or were answered with 5xx at level err instead of info.", inFront, func(p *Proxy) *bool { return &p.LogSeparateErrors }),
	{Name: "option tcplog", In: inProxy, Text: "Logs HAProxy's TCP line.", Example: "option tcplog", parse: setFormat("tcp")},
}

func parseKeep(k Keep) func(*line) {
	return func(x *line) {
		if !x.atMost(0) {
			return
		}
		if !x.no && !x.dflt {
			x.px.Keep = k
		} else if x.px.Keep == k {
			x.px.Keep = KeepAlive
		}
	}
}

func parseRedispatch(x *line) {
	if x.no || x.dflt {
		x.px.Redispatch = 0
		return
	}
	x.px.Redispatch = -1
	if x.arg(0) == "" {
		return
	}
	n, err := atoi(x.arg(0))
	if err != nil {
		x.alert(x.args[0], "'option redispatch' expects an integer argument (got '%s').", x.arg(0))
		return
	}
	if x.atMost(1) {
		if x.px.Redispatch = n; n == 0 {
			x.px.Redispatch = RedispatchByTurn
		}
	}
}

// parseNetwork reads an address with a mask in bits or dots.
func parseNetwork(text string) (netip.Prefix, error) {
	address, mask, ok := strings.Cut(text, "/")
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}, err
	}
	if !ok {
		return ip.Prefix(ip.BitLen())
	}
	if dots, err := netip.ParseAddr(mask); err == nil && dots.Is4() {
		bits, b := 0, dots.As4()
		for _, v := range b {
			for ; v&0x80 != 0; v <<= 1 {
				bits++
			}
		}
		return ip.Prefix(bits)
	}
	bits, err := atoi(mask)
	if err != nil {
		return netip.Prefix{}, err
	}
	return ip.Prefix(bits)
}

// errorStatuses are the statuses for which there is an error file.
var errorStatuses = []int{200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 425, 429, 500, 501, 502, 503, 504}

// parseErrorFile reads `errorfile STATUS FILE`; the file is a whole answer.
func parseErrorFile(x *line) {
	if status, a := x.errorFile(); a != nil {
		x.setError(status, a)
	}
}

func (x *line) errorFile() (status int, a *rule.Answer) {
	if x.arg(1) == "" {
		x.alert(x.name, "'errorfile' expects <status_code> and <file> as arguments.")
		return 0, nil
	}
	status, err := atoi(x.arg(0))
	if err != nil || !slices.Contains(errorStatuses, status) {
		x.alert(x.args[0], "errorfile : status code '%s' not handled.", x.arg(0))
		return 0, nil
	}
	data, err := x.readNamed(x.arg(1))
	if err != nil {
		x.alert(x.args[1], "errorfile : error opening file '%s'.", x.arg(1))
		return 0, nil
	}
	if a, err = rule.ParseErrorFile(data); err != nil {
		x.alert(x.args[1], "errorfile : '%s': %s", x.arg(1), err)
		return 0, nil
	}
	if !x.atMost(2) {
		return 0, nil
	}
	return status, a
}

// parseCapture reads `capture request|response header NAME len N`.
func parseCapture(response bool) func(*line) {
	return func(x *line) {
		side := "request"
		if response {
			side = "response"
		}
		if x.arg(0) == "" || x.arg(1) != "len" || x.arg(2) == "" {
			x.alert(x.name, "'capture %s' expects 'header' <header_name> 'len' <len>.", side)
			return
		}
		n, err := atoi(x.arg(2))
		if err != nil || n <= 0 {
			x.alert(x.args[2], "'capture %s' : length '%s' is not a positive number.", side, x.arg(2))
			return
		}
		if x.atMost(3) {
			x.px.addCapture(x.arg(0), n, response)
		}
	}
}

// parseCaptureCookie reads `capture cookie NAME len N`: the cookies whose names
// begin so.
func parseCaptureCookie(x *line) {
	n, err := atoi(x.arg(2))
	if x.arg(0) == "" || x.arg(1) != "len" || x.arg(2) == "" {
		x.alert(x.name, "'capture' expects 'cookie' <cookie_name> 'len' <len>.")
		return
	}
	if err != nil || n < 0 {
		n = 0
	}
	x.px.CaptureCookie = CookieCapture{Name: x.arg(0), Len: n}
}

// parseMonitorFail reads `monitor fail if|unless CONDITION`.
func parseMonitorFail(x *line) {
	if t := x.arg(0); t != "if" && t != "unless" {
		x.alert(x.at(0), "'monitor fail' requires either 'if' or 'unless' followed by a condition.")
		return
	}
	if c := rule.ParseCondOf("error detected while parsing a 'monitor fail' condition", x.args, x.px.acls, x.problems); c != nil {
		x.px.MonitorFail = append(x.px.MonitorFail, c)
	}
}

// parseUniqueID reads `unique-id-format FORMAT`.
func parseUniqueID(x *line) {
	if !x.needs("an argument") || !x.atMost(1) {
		return
	}
	f, err := rule.ParseUniqueID(x.arg(0), x.library)
	if err != nil {
		x.alert(x.args[0], "failed to parse unique-id : %s.", err)
		return
	}
	x.px.UniqueID = f
}

func parseUniqueIDHeader(x *line) {
	if x.needs("an argument") && x.atMost(1) {
		x.px.UniqueIDHeader = x.arg(0)
	}
}

// parseSendName reads `http-send-name-header NAME`.
func parseSendName(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'http-send-name-header' requires a header string.")
		return
	}
	x.px.SendName = x.arg(0)
}

// parseDeclareCapture reads `declare capture request|response len N`.
func parseDeclareCapture(x *line) {
	side := x.arg(0)
	n, err := atoi(x.arg(2))
	if side != "request" && side != "response" || x.arg(1) != "len" || err != nil || n <= 0 {
		x.alert(x.at(0), "'declare capture' expects 'request' or 'response' 'len' <len>.")
		return
	}
	if x.atMost(3) {
		x.px.addCapture("", n, side == "response")
	}
}

// parseErrorLoc reads `errorloc… STATUS URL`: a redirection instead of an error.
func parseErrorLoc(code int) func(*line) {
	return func(x *line) {
		if x.arg(1) == "" {
			x.alert(x.name, "%s : expects <status_code> and <url> as arguments.", x.kw.Name)
			return
		}
		status, err := atoi(x.arg(0))
		if err != nil || !slices.Contains(errorStatuses, status) {
			x.alert(x.args[0], "%s : status code '%s' not handled.", x.kw.Name, x.arg(0))
			return
		}
		if strings.ContainsAny(x.arg(1), "\r\n") {
			x.alert(x.args[1], "%s : a line break is not permitted in '%s'.", x.kw.Name, x.arg(1))
			return
		}
		x.setError(status, &rule.Answer{Status: code, Reason: rule.Reason(code),
			Fields: []byte("Cache-Control: no-cache\r\nLocation: " + x.arg(1) + "\r\n")})
	}
}

func parseMonitorURI(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'monitor-uri' expects an URI.")
		return
	}
	if x.atMost(1) {
		x.px.MonitorURI = x.arg(0)
	}
}

// count makes the parse function of a keyword with one number.
func count(field func(*Proxy) *int) func(*line) {
	return func(x *line) {
		if n, ok := x.integer(0, maxInt32); ok {
			*field(x.px.Proxy) = n
		}
	}
}

func parseRetries(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'retries' expects an integer argument (dispatch counts for one).")
		return
	}
	count(func(p *Proxy) *int { return &p.Retries })(x)
}

func switchedBy(disabled bool) func(*line) {
	return func(x *line) {
		if x.atMost(0) {
			x.px.Disabled = disabled
		}
	}
}

// proxyKeywords are the lines of proxies that are read, options apart.
var proxyKeywords = []Keyword{
	{Name: "backlog", In: inFront, Usage: "<conns>", Text: "Length of the kernel's queue of connections for the binds that do not say.", Example: "backlog 1024", parse: func(x *line) {
		if n, ok := x.integer(0, maxInt32); ok {
			x.px.backlog = n
		}
	}},
	{Name: "bind", In: InFrontend, Usage: "<address>:<port>[,…] [options]", Text: "Where the frontend listens.", Example: "bind 127.0.0.1:8080", parse: parseBind},
	{Name: "capture cookie", In: InFrontend, Usage: "<name> len <length>", Text: "Keeps the first cookie whose name begins so for the log, of the request and of the answer.", Example: "capture cookie JSESSIONID len 40", parse: parseCaptureCookie},
	{Name: "capture request header", In: InFrontend, Usage: "<name> len <length>", Text: "Keeps a header of the request for the log.", Example: "capture request header Host len 40", parse: parseCapture(false)},
	{Name: "capture response header", In: InFrontend, Usage: "<name> len <length>", Text: "Keeps a header of the answer for the log.", Example: "capture response header Content-Length len 12", parse: parseCapture(true)},
	{Name: "cookie", In: inBack, Usage: "<name> [insert|rewrite|prefix] [indirect] [nocache] [postonly] [preserve] [httponly] [secure] [domain <domain>]… [maxidle <time>] [maxlife <time>] [dynamic] [attr <value>]…", Text: "Keeps a client on its server by a cookie: one of our own that is put into answers (insert, to which the other options belong), or the application's, whose value is replaced (rewrite) or led by the server's and a '~' (prefix). Without a mode the application sets it itself.", Example: "cookie SRV insert indirect nocache httponly", parse: parseCookie},
	{Name: "declare capture", In: InFrontend, Usage: "request|response len <length>", Text: "Makes a capture slot that http-request capture fills by its number.", Example: "declare capture request len 20", Strict: true, parse: parseDeclareCapture},
	{Name: "default-server", In: inBack, Usage: "<options>", Text: "Options for the server lines that follow.", Example: "default-server check inter 5s fall 3 rise 2", Strict: true, parse: parseDefaultServer},
	{Name: "description", In: InFrontend | InBackend, Usage: "<text>", Text: "A text for the statistics page.", Example: "description The API", parse: parseDescription},
	{Name: "disabled", In: inProxy, Text: "The proxy is not started.", Example: "disabled", parse: switchedBy(true)},
	{Name: "dynamic-cookie-key", In: inBack, Usage: "<secret>", Text: "With cookie … dynamic: servers without a cookie value get one made of this and their address, the same in every balancer.", Example: "dynamic-cookie-key swordfish", parse: parseCookieKey},
	{Name: "enabled", In: inProxy, Text: "Takes back disabled.", Example: "enabled", parse: switchedBy(false)},
	{Name: "errorfile", In: inProxy, Usage: "<status> <file>", Text: "The answer for an error made here: a file with status line, headers and body. It is read once, at start.", Example: "errorfile 503 503.http", parse: parseErrorFile},
	{Name: "errorfiles", In: inProxy, Usage: "<section> [<status>…]", Text: "Takes the answers of an http-errors section, or some of them.", Example: "errorfiles site", parse: parseErrorFiles},
	{Name: "errorloc", In: inProxy, Usage: "<status> <url>", Text: "Answers an error with a redirection (302).", Example: "errorloc 503 /sorry", parse: parseErrorLoc(302)},
	{Name: "errorloc302", In: inProxy, Usage: "<status> <url>", Text: "Answers an error with a redirection (302).", Example: "errorloc302 503 /sorry", parse: parseErrorLoc(302)},
	{Name: "errorloc303", In: inProxy, Usage: "<status> <url>", Text: "Answers an error with a redirection that is fetched by GET (303).", Example: "errorloc303 503 /sorry", parse: parseErrorLoc(303)},
	{Name: "fullconn", In: inBack, Usage: "<conns>", Text: "Load at which servers with minconn get their whole maxconn.", Example: "fullconn 1000", parse: count(func(p *Proxy) *int { return &p.FullConn })},
	{Name: "http-error", In: inProxy, Usage: "status <status> [<reply>]", Text: "The answer for an error made here, written as that of http-request return.", Example: "http-error status 503 content-type text/plain lf-string \"sorry, %[src]\"", parse: parseHTTPError},
	{Name: "http-reuse", In: inBack, Usage: "never|safe|aggressive|always", Text: "Which requests may go over idle server connections of other clients.", Example: "http-reuse safe", parse: parseReuse},
	{Name: "http-send-name-header", In: inBack, Usage: "<name>", Text: "Tells a server its own name in this header.", Example: "http-send-name-header X-Server", parse: parseSendName},
	{Name: "id", In: InFrontend | InBackend, Usage: "<number>", Text: "The proxy's number in statistics.", Example: "id 7", parse: parseProxyID},
	{Name: "log", In: inProxy, Usage: "global | <address> [len <length>] [format <format>] [sample <ranges>:<size>] <facility> [<level> [<minlevel>]]", Text: "Where log lines go.", Example: "log 127.0.0.1:514 local0", No: true, parse: parseLog},
	{Name: "log-format", In: inFront, Usage: "<format>", Text: "The traffic log's line, made of %-tags and %[expressions]. Between % and the name {+Q}, {+X} and {+E} quote, write numbers in hexadecimal, and escape for RFC 5424; %o sets them for all that follows. With %{+json}o the line is a JSON object of the items that have a name, as in %(client)ci or %(bytes:str)B.", Example: "log-format \"%ci:%cp %ST %B\"", parse: parseLogFormat},
	{Name: "log-format-sd", In: inFront, Usage: "<format>", Text: "The structured data of RFC 5424 in lines of log targets with format rfc5424; flag E escapes what needs it there.", Example: "log-format-sd \"%{+Q,+E}o [request@32473 method=%HM uri=%HU]\"", parse: parseDataFormat},
	{Name: "error-log-format", In: inFront, Usage: "<format>", Text: "The line of connections that failed before there was a request: a head that could not be read or did not come in time, a PROXY header that was none.", Example: "error-log-format \"%ci:%cp [%t] %f %ST %ts\"", parse: parseErrorFormat},
	{Name: "log-tag", In: inProxy, Usage: "<text>", Text: "The program's name in log lines.", Example: "log-tag balancer", parse: func(x *line) {
		if x.needs("a tag for use in syslog") {
			x.px.LogTag = x.arg(0)
		}
	}},
	{Name: "maxconn", In: inFront, Usage: "<conns>", Text: "Most client connections at once; more wait in the kernel's queue.", Example: "maxconn 2000", parse: count(func(p *Proxy) *int { return &p.MaxConn })},
	{Name: "mode", In: inProxy, Usage: "http|tcp", Text: "Whether the proxy speaks HTTP or passes bytes; tcp where it is not given.", Example: "mode http", parse: parseMode},
	{Name: "monitor fail", In: InFrontend, Usage: "{if|unless} <condition>", Text: "Answers 503 to the path of monitor-uri under this condition.", Example: "monitor fail if { src 192.0.2.1 }", parse: parseMonitorFail},
	{Name: "monitor-uri", In: inFront, Usage: "<uri>", Text: "Answers 200 to this path without asking a server.", Example: "monitor-uri /ping", parse: parseMonitorURI},
	{Name: "load-server-state-from-file", In: inBack, Usage: "{ global | local | none }", Text: "Lets new servers begin in the state that a file says: the text of show servers state. global: server-state-file; local: server-state-file-name, or a file of the backend's name. Servers that a reload keeps have their state without it.", Example: "load-server-state-from-file none", parse: parseStateFrom},
	{Name: "server-state-file-name", In: inBack, Usage: "[use-backend-name | <file>]", Text: "The file of load-server-state-from-file local; a relative name is looked for in server-state-base.", Example: "server-state-file-name states/web", parse: parseStateName},
	{Name: "server", In: InBackend, Usage: "<name> <address>:<port> [options]", Text: "A server of the backend.", Differs: "the port must be written.", Example: "server s1 127.0.0.1:8080 check", Strict: true, parse: parseServer},
	{Name: "unique-id-format", In: inProxy, Usage: "<format>", Text: "Gives every request a number, for %ID and the fetch unique-id.", Example: "unique-id-format %{+X}o\\ %ci:%cp_%Ts_%rt", parse: parseUniqueID},
	{Name: "unique-id-header", In: inProxy, Usage: "<name>", Text: "Tells the servers the number of the request in this header.", Example: "unique-id-header X-Request-ID", parse: parseUniqueIDHeader},
	timeout("check", "How long the answer to a check may take, once connected.", inBack, func(t *Timeouts) *time.Duration { return &t.Check }),
	timeout("client", "How long a client may be silent.", inFront, func(t *Timeouts) *time.Duration { return &t.Client }),
	timeout("client-fin", "How long a client may be silent once one side has closed.", inFront, func(t *Timeouts) *time.Duration { return &t.ClientFin }),
	timeout("client-hs", "How long a client may take until its session begins: for the TLS handshake, and before it for a PROXY header; client where not given.", inFront, func(t *Timeouts) *time.Duration { return &t.ClientHS }),
	timeout("connect", "How long a connection to a server may take.", inBack, func(t *Timeouts) *time.Duration { return &t.Connect }),
	timeout("http-keep-alive", "How long a kept connection may wait for its next request; http-request where not given.", inProxy, func(t *Timeouts) *time.Duration { return &t.HTTPKeepAlive }),
	timeout("http-request", "How long all headers of a request may take.", inProxy, func(t *Timeouts) *time.Duration { return &t.HTTPRequest }),
	timeout("queue", "How long a request may wait for a free server; connect where not given.", inBack, func(t *Timeouts) *time.Duration { return &t.Queue }),
	timeout("server", "How long a server may be silent.", inBack, func(t *Timeouts) *time.Duration { return &t.Server }),
	timeout("server-fin", "How long a server may be silent once one side has closed.", inBack, func(t *Timeouts) *time.Duration { return &t.ServerFin }),
	timeout("tarpit", "How long http-request tarpit holds a client; connect where not given.", inProxy, func(t *Timeouts) *time.Duration { return &t.Tarpit }),
	timeout("tunnel", "How long both sides of a WebSocket or other tunnel may be silent; replaces client and server there.", inBack, func(t *Timeouts) *time.Duration { return &t.Tunnel }),
}
