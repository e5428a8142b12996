package rule

var (
	onRequest  = []Set{HTTPRequest}
	onResponse = []Set{HTTPResponse}
	onMessages = []Set{HTTPRequest, HTTPResponse}
	onReplies  = []Set{HTTPResponse, HTTPAfterResponse}
	onAll      = []Set{HTTPRequest, HTTPResponse, HTTPAfterResponse}

	onConnection = []Set{TCPRequestConnection}
	onContent    = []Set{TCPRequestContent}
	onTCPReply   = []Set{TCPResponseContent}
	onTCPData    = []Set{TCPRequestContent, TCPResponseContent}
	onTCPRequest = []Set{TCPRequestConnection, TCPRequestSession, TCPRequestContent}
	onTCP        = []Set{TCPRequestConnection, TCPRequestSession, TCPRequestContent, TCPResponseContent}
)

const (
	withoutMark  = "Accepted and without meaning here: packets are not marked."
	withoutOrder = "Accepted and without meaning here: queues are served in the order of arrival."
)

// actionTable is every action of HAProxy: those with parse work, the others are
// planned. Examples are parsed by a test.
var actionTable = []actionSpec{
	{"add-header", onAll, "<name> <format>", "Adds a field, also when one of this name is there.", "X-Trace %[src]", "", false, parseAddHeader},
	{"allow", onAll, "", "Ends this list of rules; what follows goes on.", "if { src 192.0.2.0/24 }", "if { status 404 }", true, parseAllow},
	{"capture", onRequest, "<expression> len <length> | id <slot>", "Keeps a value for the logs.", "req.hdr(user-agent) len 64", "", false, parseCapture},
	{"capture", onReplies, "<expression> id <slot>", "Keeps a value of the reply for the logs.", "res.hdr(content-type) id 0", "res.hdr(content-type) id 0", false, parseCapture},
	{"auth", onRequest, "[realm <name>]", "Asks the client for a name and a password, with 401.", "realm Team unless { http_auth(team) }", "", true, parseAuth},
	{"set-bc-mark", onRequest, "<mark>", withoutMark, "1", "", false, parseMark},
	{"set-bc-tos", onRequest, "<tos>", withoutMark, "0x10", "", false, parseMark},
	{"set-fc-mark", onMessages, "<mark>", withoutMark, "1", "", false, parseMark},
	{"set-fc-tos", onMessages, "<tos>", withoutMark, "0x10", "", false, parseMark},
	{"set-mark", onMessages, "<mark>", withoutMark, "1", "", false, parseMark},
	{"set-priority-class", onRequest, "<expression>", withoutOrder, "int(1)", "", false, parsePriority},
	{"set-priority-offset", onRequest, "<expression>", withoutOrder, "int(1)", "", false, parsePriority},
	{"set-tos", onMessages, "<tos>", withoutMark, "0x10", "", false, parseMark},
	{"del-header", onAll, "<name> [-m str|beg|end|sub|reg]", "Deletes all fields of this name, or of matching names.", "X-Debug", "", false, parseDelHeader},
	{"deny", onMessages, "[status <code>] [<reply>]", "Answers with an error, 403 or 502.", "deny_status 429 if { path_beg /private/ }", "status 502 if { res.hdr(x-broken) -m found }", true, parseDeny},
	{"redirect", onMessages, "location|prefix|scheme <format> [code <code>] [drop-query] [append-slash] [ignore-empty] [set-cookie NAME[=value]|clear-cookie NAME[=]]", "Answers with a redirection, 302 unless said otherwise.", "scheme https code 301 unless { ssl_fc }", "location /sorry code 303 if { status 503 }", true, parseRedirect},
	{"reject", onRequest, "", "Closes the connection without an answer.", "if { src 192.0.2.66 }", "", true, parseReject},
	{"replace-header", onAll, "<name> <regex> <replacement>", "Replaces what the regex matches in whole values of a field.", "User-Agent curl.* curl", "", false, parseReplaceHeader},
	{"replace-path", onRequest, "<regex> <replacement>", "Replaces what the regex matches in the path.", "/old/(.*) /new/\\1", "", false, parseReplacePath},
	{"replace-pathq", onRequest, "<regex> <replacement>", "Replaces what the regex matches in path and query.", "/old/(.*) /new/\\1", "", false, parseReplacePathq},
	{"replace-uri", onRequest, "<regex> <replacement>", "Replaces what the regex matches in the request target.", "/old/(.*) /new/\\1", "", false, parseReplaceURI},
	{"replace-value", onAll, "<name> <regex> <replacement>", "Replaces what the regex matches in each value of a field's list.", "X-Forwarded-For ^192\\.0\\.2\\..*$ hidden", "", false, parseReplaceValue},
	{"return", onMessages, "[status <code>] [<reply>]", "Answers at once, 200 unless said otherwise.", "status 200 content-type text/plain string ok if { path /ping }", "status 200 content-type text/plain string sorry if { status 503 }", true, parseReturn},
	{"set-header", onAll, "<name> <format>", "Replaces all fields of this name by one.", "X-Forwarded-Proto http", "X-Frame-Options DENY", false, parseSetHeader},
	{"set-log-level", onMessages, "<level>|silent", "Sets the level of this request's log line, or suppresses it.", "silent if { path /health }", "silent if { status 304 }", false, parseLogLevel},
	{"set-method", onRequest, "<format>", "Replaces the method.", "GET if { method HEAD }", "", false, parseSetMethod},
	{"set-path", onRequest, "<format>", "Replaces the path, the query stays.", "/v2%[path]", "", false, parseSetPath},
	{"set-pathq", onRequest, "<format>", "Replaces path and query.", "/v2%[pathq]", "", false, parseSetPathq},
	{"set-query", onRequest, "<format>", "Replaces what follows the question mark.", "%[query]&lb=1", "", false, parseSetQuery},
	{"set-status", onReplies, "<status> [reason <text>]", "Replaces the status.", "503 reason Maintenance", "", false, parseSetStatus},
	{"set-uri", onRequest, "<format>", "Replaces the request target.", "/all%[path]", "", false, parseSetURI},
	{"set-var*", onAll, "(<name>[,<condition>…]) <expression>", "Sets a variable.", "(txn.path) path,lower", "(txn.type) res.hdr(content-type),lower", false, parseSetVar},
	{"set-var-fmt*", onAll, "(<name>[,<condition>…]) <format>", "Sets a variable to a text.", "(txn.who) %ci:%cp", "", false, parseSetVarFmt},
	{"strict-mode", onAll, "on|off", "With off, a rewriting that is not possible is left out instead of answered with 500.", "off", "", false, parseStrictMode},
	{"tarpit", onRequest, "[status <code>] [<reply>]", "Waits for timeout tarpit, then answers 500.", "if { path_beg /wp-admin/ }", "", true, parseTarpit},
	{"unset-var*", onAll, "(<name>)", "Forgets a variable.", "(txn.path)", "", false, parseUnsetVar},
	{"disable-l7-retry", onRequest, "", "The request is not sent to a server twice.", "if { method POST }", "", false, parseDisableRetry},
	{"early-hint", onRequest, "<name> <format>", "Sends a field in an interim 103 reply before the request goes on.", "Link \"</style.css>; rel=preload; as=style\" if { path / }", "", false, parseEarlyHint},
	{"set-dst", onRequest, "<expression>", "Replaces the address that the client connected to, for rules and logs.", "hdr_ip(x-dst)", "", false, parseSetDst},
	{"set-dst-port", onRequest, "<expression>", "Replaces the port that the client connected to, for rules and logs.", "int(4000)", "", false, parseSetDstPort},
	{"set-nice", onMessages, "<number>", "Accepted and without meaning here: no stream is served before others.", "0", "", false, parseSetNice},
	{"set-retries", onRequest, "<number>|<expression>", "Replaces the backend's retries for this request.", "3", "", false, parseSetRetries},
	{"set-src", onRequest, "<expression>", "Replaces the client's address for rules, option forwardfor and logs.", "hdr_ip(x-forwarded-for,-1)", "", false, parseSetSrc},
	{"set-src-port", onRequest, "<expression>", "Replaces the client's port, for rules and logs.", "int(4000)", "", false, parseSetSrcPort},
	{"set-timeout", onRequest, "client|connect|queue|server|tarpit|tunnel <time>|<expression>", "Replaces a timeout for this request; an expression gives milliseconds.", "server 5s if { path_beg /slow }", "", false, parseSetTimeout},
	{"wait-for-body", onMessages, "time <time> [at-least <bytes>]", "Keeps the body before the rules go on: all of it, so many bytes, or what tune.bufsize takes.", "time 1s at-least 1k if METH_POST", "time 1s at-least 1k if { status 200 }", false, parseWaitForBody},
	{"use-service", onRequest, "<service>", "Hands the request to a service inside.", "prometheus-exporter if { path /metrics }", "", true, parseUseService},

	{name: "add-acl*", sets: onMessages}, {name: "cache-store", sets: onResponse},
	{name: "cache-use", sets: onRequest}, {name: "del-acl*", sets: onMessages},
	{name: "del-map*", sets: onMessages}, {name: "do-log", sets: onAll},
	{name: "do-resolve*", sets: onRequest}, {name: "normalize-uri", sets: onRequest},
	{name: "pause", sets: onMessages}, {name: "sc-add-gpc*", sets: onAll}, {name: "sc-inc-gpc*", sets: onAll},
	{name: "sc-inc-gpc0*", sets: onAll}, {name: "sc-inc-gpc1*", sets: onAll}, {name: "sc-set-gpt*", sets: onAll},
	{name: "sc-set-gpt0*", sets: onAll}, {name: "send-spoe-group", sets: onMessages}, {name: "set-bandwidth-limit", sets: onMessages},

	{name: "set-map*", sets: onMessages},

	{name: "silent-drop", sets: onMessages}, {name: "track-sc0", sets: onMessages},
	{name: "track-sc1", sets: onMessages}, {name: "track-sc2", sets: onMessages},
	{name: "wait-for-handshake", sets: onRequest},

	{"accept", onTCP, "", "Ends this list of rules; what follows goes on.", "if { src 192.0.2.0/24 }", "", true, parseAllow},
	{"close", onTCPReply, "", "Closes the server's connection; the client gets what has come before.", "", "if { res.len gt 100000 }", true, parseClose},
	{"expect-proxy", onConnection, "layer4", "A PROXY protocol header comes first, as with accept-proxy.", "layer4 if { src 127.0.0.0/8 }", "", false, parseExpectProxy},
	{"reject", onTCP, "", "Closes the connection.", "if { src 192.0.2.66 }", "", true, parseReject},
	{"set-dst", onTCPRequest, "<expression>", "Replaces the address that the client connected to, for rules and logs.", "str(192.0.2.1)", "", false, parseSetDst},
	{"set-dst-port", onTCPRequest, "<expression>", "Replaces the port that the client connected to, for rules and logs.", "int(4000)", "", false, parseSetDstPort},
	{"set-src", onTCPRequest, "<expression>", "Replaces the client's address for rules and logs.", "src,ipmask(24)", "", false, parseSetSrc},
	{"set-src-port", onTCPRequest, "<expression>", "Replaces the client's port, for rules and logs.", "int(4000)", "", false, parseSetSrcPort},
	{"set-var*", onTCP, "(<name>[,<condition>…]) <expression>", "Sets a variable; one of the session (sess.) stays for all requests of a connection.", "(sess.from) src", "", false, parseSetVar},
	{"set-var-fmt*", onTCP, "(<name>[,<condition>…]) <format>", "Sets a variable to a text.", "(sess.who) %ci:%cp", "", false, parseSetVarFmt},
	{"unset-var*", onTCP, "(<name>)", "Forgets a variable.", "(sess.who)", "", false, parseUnsetVar},

	{name: "capture", sets: onTCPRequest}, {name: "expect-netscaler-cip", sets: onConnection},
	{name: "track-sc0", sets: onTCPRequest}, {name: "track-sc1", sets: onTCPRequest}, {name: "track-sc2", sets: onTCPRequest},
	{name: "sc-add-gpc*", sets: onTCP}, {name: "sc-inc-gpc*", sets: onTCP}, {name: "sc-inc-gpc0*", sets: onTCP}, {name: "sc-inc-gpc1*", sets: onTCP},
	{name: "sc-set-gpt*", sets: onTCP}, {name: "sc-set-gpt0*", sets: onTCP}, {name: "set-fc-mark", sets: onTCP}, {name: "set-fc-tos", sets: onTCP},
	{name: "set-mark", sets: onTCP}, {name: "set-tos", sets: onTCP}, {name: "silent-drop", sets: onTCP},
	{name: "do-log", sets: onTCPData}, {name: "set-bandwidth-limit", sets: onTCPData}, {name: "set-log-level", sets: onTCPData}, {name: "set-nice", sets: onTCPData},
	{name: "send-spoe-group", sets: onTCPData}, {name: "do-resolve*", sets: onContent}, {name: "set-bc-mark", sets: onContent}, {name: "set-bc-tos", sets: onContent},
	{name: "set-priority-class", sets: onContent}, {name: "set-priority-offset", sets: onContent}, {name: "switch-mode", sets: onContent}, {name: "use-service", sets: onContent},
}
