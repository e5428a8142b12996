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
	flag("allbackups", "Uses all backup servers at once instead of the first.", inBack, func(p *Proxy) *bool { return &p.AllBackups }),
	flag("dontlog-normal", "Logs only what went wrong.", inFront, func(p *Proxy) *bool { return &p.DontLogNormal }),
	flag("dontlognull", "Does not log connections on which nothing was sent.", inFront, func(p *Proxy) *bool { return &p.DontLogNull }),
	flag("log-health-checks", "Logs every change of a check's result.", inBack, func(p *Proxy) *bool { return &p.LogHealthChecks }),
	flag("logasap", "Logs when the headers of the answer are sent.", inFront, func(p *Proxy) *bool { return &p.LogASAP }),
	flag("socket-stats", "Counts every listener apart.", inFront, func(p *Proxy) *bool { return &p.SocketStats }),
	{Name: "option forwardfor", In: inProxy, Usage: "[except <network>] [header <name>] [if-none]", Text: "Adds the client's address in X-Forwarded-For.", Example: "option forwardfor except 127.0.0.0/8", No: true, parse: parseForwardFor},
	{Name: "option http-keep-alive", In: inProxy, Text: "Keeps the connections of client and server; the default.", Example: "option http-keep-alive", No: true, parse: parseKeep(KeepAlive)},
	{Name: "option http-server-close", In: inProxy, Text: "Keeps the client's connection and closes the server's after each answer.", Example: "option http-server-close", No: true, parse: parseKeep(KeepServerClose)},
	{Name: "option httpchk", In: inBack, Usage: "[<method>] [<uri>] [<version>]", Text: "Checks by an HTTP request; 2xx and 3xx pass where http-check expect says nothing else.", Example: "option httpchk GET /health", parse: parseHTTPChk},
	{Name: "option httpclose", In: inProxy, Text: "Closes the connections of client and server after each answer.", Example: "option httpclose", No: true, parse: parseKeep(KeepClose)},
	{Name: "option httplog", In: inProxy, Text: "Logs HAProxy's HTTP line.", Example: "option httplog", parse: setFormat("http")},
	{Name: "option redispatch", In: inBack, Usage: "[<interval>]", Text: "A retry may go to another server: the last one, or every one counted by a positive interval.", Example: "option redispatch", No: true, parse: parseRedispatch},
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
		x.px.Redispatch = n
	}
}

func parseForwardFor(x *line) {
	if x.no || x.dflt {
		x.px.ForwardFor = nil
		return
	}
	f := &ForwardFor{Header: "X-Forwarded-For"}
	for i := 0; i < len(x.args); i++ {
		switch x.args[i].Text {
		case "if-none":
			f.IfNone = true
		case "except":
			i++
			net, err := parseNetwork(x.arg(i))
			if err != nil {
				x.alert(x.at(i), "'option forwardfor' : 'except' expects <address>[/mask] as argument (got '%s').", x.arg(i))
				return
			}
			f.Except = append(f.Except, net)
		case "header":
			i++
			if x.arg(i) == "" {
				x.alert(x.name, "'option forwardfor' : 'header' expects <header_name> as argument.")
				return
			}
			f.Header = x.arg(i)
		default:
			x.choose(i, "'option forwardfor' only supports optional values: 'except', 'header' and 'if-none'.", "except", "header", "if-none")
			return
		}
	}
	x.px.ForwardFor = f
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
	if x.arg(1) == "" {
		x.alert(x.name, "'errorfile' expects <status_code> and <file> as arguments.")
		return
	}
	status, err := atoi(x.arg(0))
	if err != nil || !slices.Contains(errorStatuses, status) {
		x.alert(x.args[0], "errorfile : status code '%s' not handled.", x.arg(0))
		return
	}
	data, err := x.readNamed(x.arg(1))
	if err != nil {
		x.alert(x.args[1], "errorfile : error opening file '%s'.", x.arg(1))
		return
	}
	answer, err := rule.ParseErrorFile(data)
	if err != nil {
		x.alert(x.args[1], "errorfile : '%s': %s", x.arg(1), err)
		return
	}
	if x.atMost(2) {
		x.setError(status, answer)
	}
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

func (x *line) setError(status int, a *rule.Answer) {
	if x.px.Errors == nil {
		x.px.Errors = map[int]*rule.Answer{}
	}
	x.px.Errors[status] = a
}

// parseRetryOn reads `retry-on`; only what needs no kept request is done.
func parseRetryOn(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'retry-on' expects at least one keyword.")
		return
	}
	for _, w := range x.args {
		switch {
		case w.Text == "conn-failure":
		case slices.Contains(retryEvents, w.Text):
			x.alert(w, "keyword 'retry-on %s' is known but not supported yet: requests are not kept for another try.", w.Text)
		default:
			x.alert(w, "'retry-on': unknown keyword '%s'", w.Text)
		}
	}
}

// retryEvents are the values of retry-on that need a kept request.
var retryEvents = []string{
	"none", "empty-response", "response-timeout", "junk-response", "0rtt-rejected", "all-retryable-errors",
	"401", "403", "404", "408", "421", "425", "429", "500", "501", "502", "503", "504",
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
	{Name: "balance", In: inBack, Usage: "roundrobin | static-rr | leastconn | first | source | random[(<draws>)] | uri [whole] [len <bytes>] [depth <directories>] [path-only]",
		Text: "How a server is chosen; roundrobin where it is not given. With uri the path up to the question mark is the key: whole takes the query too, depth only so many directories, len only so many bytes, path-only leaves scheme and host out.", Example: "balance uri depth 2", parse: parseBalance},
	{Name: "bind", In: InFrontend, Usage: "<address>:<port>[,…] [options]", Text: "Where the frontend listens.", Example: "bind 127.0.0.1:8080", parse: parseBind},
	{Name: "capture request header", In: InFrontend, Usage: "<name> len <length>", Text: "Keeps a header of the request for the log.", Example: "capture request header Host len 40", parse: parseCapture(false)},
	{Name: "capture response header", In: InFrontend, Usage: "<name> len <length>", Text: "Keeps a header of the answer for the log.", Example: "capture response header Content-Length len 12", parse: parseCapture(true)},
	{Name: "cookie", In: inBack, Usage: "<name> insert [indirect] [nocache] [postonly] [preserve] [httponly] [secure] [domain <domain>] [maxidle <time>] [maxlife <time>] [attr <value>]", Text: "Keeps a client on its server by a cookie that is put into answers.", Example: "cookie SRV insert indirect nocache httponly", parse: parseCookie},
	{Name: "declare capture", In: InFrontend, Usage: "request|response len <length>", Text: "Makes a capture slot that http-request capture fills by its number.", Example: "declare capture request len 20", Strict: true, parse: parseDeclareCapture},
	{Name: "default-server", In: inBack, Usage: "<options>", Text: "Options for the server lines that follow.", Example: "default-server check inter 5s fall 3 rise 2", Strict: true, parse: parseDefaultServer},
	{Name: "description", In: InFrontend | InBackend, Usage: "<text>", Text: "A text for the statistics page.", Example: "description The API", parse: parseDescription},
	{Name: "disabled", In: inProxy, Text: "The proxy is not started.", Example: "disabled", parse: switchedBy(true)},
	{Name: "enabled", In: inProxy, Text: "Takes back disabled.", Example: "enabled", parse: switchedBy(false)},
	{Name: "errorfile", In: inProxy, Usage: "<status> <file>", Text: "The answer for an error made here: a file with status line, headers and body. It is read once, at start.", Example: "errorfile 503 503.http", parse: parseErrorFile},
	{Name: "errorloc", In: inProxy, Usage: "<status> <url>", Text: "Answers an error with a redirection (302).", Example: "errorloc 503 /sorry", parse: parseErrorLoc(302)},
	{Name: "errorloc302", In: inProxy, Usage: "<status> <url>", Text: "Answers an error with a redirection (302).", Example: "errorloc302 503 /sorry", parse: parseErrorLoc(302)},
	{Name: "errorloc303", In: inProxy, Usage: "<status> <url>", Text: "Answers an error with a redirection that is fetched by GET (303).", Example: "errorloc303 503 /sorry", parse: parseErrorLoc(303)},
	{Name: "fullconn", In: inBack, Usage: "<conns>", Text: "Load at which servers with minconn get their whole maxconn.", Example: "fullconn 1000", parse: count(func(p *Proxy) *int { return &p.FullConn })},
	{Name: "hash-type", In: inBack, Usage: "consistent|map-based [<function>] [avalanche]", Text: "How a key becomes a server; map-based where it is not given. With consistent, adding or removing one of N servers moves about 1/N of the keys. Functions: sdbm (the default), djb2, wt6, crc32, none.", Example: "hash-type consistent", parse: parseHashType},
	{Name: "http-check disable-on-404", In: inBack, Text: "A server that answers 404 to its check gets no new clients and keeps those it has.", Example: "option httpchk\nhttp-check disable-on-404", parse: func(x *line) { x.px.Check.DisableOn404 = true }},
	{Name: "http-check expect", In: inBack, Usage: "[!] {status|rstatus|string|rstring} <pattern>", Text: "What an answer must be for a check to pass; 2xx and 3xx where it is not given.", Differs: "one line a section; the patterns hdr, fhdr and string-lf are planned.", Example: "option httpchk\nhttp-check expect status 200-299", parse: parseCheckExpect},
	{Name: "http-check send", In: inBack, Usage: "[meth <method>] [uri <uri>] [ver <version>] [hdr <name> <value>]… [body <text>]", Text: "The request of a check; what it leaves out is that of option httpchk.", Differs: "one line a section, and constants only.", Example: "option httpchk\nhttp-check send meth GET uri /health ver HTTP/1.1 hdr Host balancer", parse: parseCheckSend},
	{Name: "http-reuse", In: inBack, Usage: "never|safe|aggressive|always", Text: "Which requests may go over idle server connections of other clients.", Example: "http-reuse safe", parse: parseReuse},
	{Name: "id", In: InFrontend | InBackend, Usage: "<number>", Text: "The proxy's number in statistics.", Example: "id 7", parse: parseProxyID},
	{Name: "log", In: inProxy, Usage: "global | <address> [len <length>] [format <format>] <facility> [<level> [<minlevel>]]", Text: "Where log lines go.", Example: "log 127.0.0.1:514 local0", No: true, parse: parseLog},
	{Name: "log-format", In: inFront, Usage: "<format>", Text: "The traffic log's line, made of %-tags and %[expressions].", Example: "log-format \"%ci:%cp %ST %B\"", parse: parseLogFormat},
	{Name: "log-tag", In: inProxy, Usage: "<text>", Text: "The program's name in log lines.", Example: "log-tag balancer", parse: func(x *line) {
		if x.needs("a tag for use in syslog") {
			x.px.LogTag = x.arg(0)
		}
	}},
	{Name: "maxconn", In: inFront, Usage: "<conns>", Text: "Most client connections at once; more wait in the kernel's queue.", Example: "maxconn 2000", parse: count(func(p *Proxy) *int { return &p.MaxConn })},
	{Name: "mode", In: inProxy, Usage: "http|tcp", Text: "Whether the proxy speaks HTTP or passes bytes; tcp where it is not given.", Example: "mode http", parse: parseMode},
	{Name: "monitor-uri", In: inFront, Usage: "<uri>", Text: "Answers 200 to this path without asking a server.", Example: "monitor-uri /ping", parse: parseMonitorURI},
	{Name: "retries", In: inBack, Usage: "<count>", Text: "How often a connection to a server is tried again; 3 where not given.", Example: "retries 3", parse: parseRetries},
	{Name: "retry-on", In: inBack, Usage: "conn-failure", Text: "What is tried again.", Differs: "a failed connection is the only one yet.", Example: "retry-on conn-failure", Strict: true, parse: parseRetryOn},
	{Name: "server", In: InBackend, Usage: "<name> <address>:<port> [options]", Text: "A server of the backend.", Differs: "the port must be written.", Example: "server s1 127.0.0.1:8080 check", Strict: true, parse: parseServer},
	timeout("check", "How long the answer to a check may take, once connected.", inBack, func(t *Timeouts) *time.Duration { return &t.Check }),
	timeout("client", "How long a client may be silent.", inFront, func(t *Timeouts) *time.Duration { return &t.Client }),
	timeout("client-fin", "How long a client may be silent once one side has closed.", inFront, func(t *Timeouts) *time.Duration { return &t.ClientFin }),
	timeout("connect", "How long a connection to a server may take.", inBack, func(t *Timeouts) *time.Duration { return &t.Connect }),
	timeout("http-keep-alive", "How long a kept connection may wait for its next request; http-request where not given.", inProxy, func(t *Timeouts) *time.Duration { return &t.HTTPKeepAlive }),
	timeout("http-request", "How long all headers of a request may take.", inProxy, func(t *Timeouts) *time.Duration { return &t.HTTPRequest }),
	timeout("queue", "How long a request may wait for a free server; connect where not given.", inBack, func(t *Timeouts) *time.Duration { return &t.Queue }),
	timeout("server", "How long a server may be silent.", inBack, func(t *Timeouts) *time.Duration { return &t.Server }),
	timeout("server-fin", "How long a server may be silent once one side has closed.", inBack, func(t *Timeouts) *time.Duration { return &t.ServerFin }),
	timeout("tarpit", "How long http-request tarpit holds a client; connect where not given.", inProxy, func(t *Timeouts) *time.Duration { return &t.Tarpit }),
	timeout("tunnel", "How long both sides of a WebSocket or other tunnel may be silent; replaces client and server there.", inBack, func(t *Timeouts) *time.Duration { return &t.Tunnel }),
}
