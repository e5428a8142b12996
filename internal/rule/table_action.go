package rule

var (
	onRequest  = []Set{HTTPRequest}
	onResponse = []Set{HTTPResponse}
	onMessages = []Set{HTTPRequest, HTTPResponse}
	onReplies  = []Set{HTTPResponse, HTTPAfterResponse}
	onAll      = []Set{HTTPRequest, HTTPResponse, HTTPAfterResponse}
)

// actionTable is every action of HAProxy: those with parse work, the others are
// planned. Examples are parsed by a test.
var actionTable = []actionSpec{
	{"add-header", onAll, "<name> <format>", "Adds a field, also when one of this name is there.", "X-Trace %[src]", "", false, parseAddHeader},
	{"allow", onAll, "", "Ends this list of rules; what follows goes on.", "if { src 192.0.2.0/24 }", "if { status 404 }", true, parseAllow},
	{"capture", onRequest, "<expression> len <length> | id <slot>", "Keeps a value for the logs.", "req.hdr(user-agent) len 64", "", false, parseCapture},
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
	{"use-service", onRequest, "<service>", "Hands the request to a service inside.", "prometheus-exporter if { path /metrics }", "", true, parseUseService},

	{name: "add-acl*", sets: onMessages}, {name: "auth", sets: onRequest}, {name: "cache-store", sets: onResponse},
	{name: "cache-use", sets: onRequest}, {name: "capture", sets: onReplies}, {name: "del-acl*", sets: onMessages},
	{name: "del-map*", sets: onMessages}, {name: "disable-l7-retry", sets: onRequest}, {name: "do-log", sets: onAll},
	{name: "do-resolve*", sets: onRequest}, {name: "early-hint", sets: onRequest}, {name: "normalize-uri", sets: onRequest},
	{name: "pause", sets: onMessages}, {name: "sc-add-gpc*", sets: onAll}, {name: "sc-inc-gpc*", sets: onAll},
	{name: "sc-inc-gpc0*", sets: onAll}, {name: "sc-inc-gpc1*", sets: onAll}, {name: "sc-set-gpt*", sets: onAll},
	{name: "sc-set-gpt0*", sets: onAll}, {name: "send-spoe-group", sets: onMessages}, {name: "set-bandwidth-limit", sets: onMessages},
	{name: "set-bc-mark", sets: onRequest}, {name: "set-bc-tos", sets: onRequest}, {name: "set-dst", sets: onRequest},
	{name: "set-dst-port", sets: onRequest}, {name: "set-fc-mark", sets: onMessages}, {name: "set-fc-tos", sets: onMessages},
	{name: "set-map*", sets: onMessages}, {name: "set-mark", sets: onMessages}, {name: "set-nice", sets: onMessages},
	{name: "set-priority-class", sets: onRequest}, {name: "set-priority-offset", sets: onRequest}, {name: "set-retries", sets: onRequest},
	{name: "set-src", sets: onRequest}, {name: "set-src-port", sets: onRequest}, {name: "set-timeout", sets: onMessages},
	{name: "set-tos", sets: onMessages}, {name: "silent-drop", sets: onMessages}, {name: "track-sc0", sets: onMessages},
	{name: "track-sc1", sets: onMessages}, {name: "track-sc2", sets: onMessages}, {name: "wait-for-body", sets: onMessages},
	{name: "wait-for-handshake", sets: onRequest},
}
