package keywords

// rules is a frontend with rules in front of a server.
func rules(lines string) string {
	return "frontend f\n    bind $F1\n" + lines + "    default_backend b\nbackend b\n    server s1 $S1\n"
}

// ruleRows are rules, conditions, fetches and converters.
var ruleRows = []row{
	{name: "a method is another", covers: "http-request set-method", cfg: rules("    http-request set-method PUT if { method PURGE }\n"),
		steps: []step{send("$F1", "PURGE /a HTTP/1.1\r\nHost: a\r\n\r\n", "200"), saw("s1", "PUT /a HTTP/1.1")}},
	{name: "an answer is made here", covers: "http-request return; http-request return status; http-request return hdr",
		cfg:   rules("    http-request return status 203 content-type text/plain string \"made here\" hdr X-Made yes if { path /made }\n"),
		steps: []step{get("/made", "203", "Content-Type: text/plain", "X-Made: yes", "made here"), get("/", "\ns1\n"), reached("s1", 1)}},
	{name: "headers come and go", covers: "http-request set-header; http-request del-header; http-response del-header; http-after-response set-header; hdr; req.hdr",
		cfg:   rules("    http-request set-header X-Set %[hdr(host)]-%[req.hdr(x-in)]\n    http-request del-header X-Del\n    http-response del-header Server\n    http-after-response set-header X-After yes\n    http-request deny if { path /no }\n"),
		steps: []step{getWith("/", "X-In: in\nX-Del: 1\nX-Set: old\n", "X-After: yes", "!Server:"), saw("s1", "a-in\r\n", "!X-Del", "!old"), get("/no", "403", "X-After: yes")}},
	{name: "a request is denied", covers: "http-request deny; http-request deny deny_status; if and unless",
		cfg:   rules("    http-request deny if { path /a }\n    http-request deny deny_status 429 unless { path /ok }\n"),
		steps: []step{get("/a", "403"), get("/b", "429"), get("/ok", "\ns1\n"), logged("/b", " 429 ", " PR"), state("f/FRONTEND", "dreq", "2")}},
	{name: "a connection is closed without a word", covers: "http-request reject", cfg: rules("    http-request reject if { path /bye }\n"),
		steps: []step{closed("$F1", "GET /bye HTTP/1.1\r\nHost: a\r\n\r\n"), get("/", "\ns1\n"), logged("/bye", " PR")}},
	{name: "the client is somebody else", covers: "http-request set-src; option forwardfor",
		cfg:   rules("    option forwardfor\n    http-request set-src req.hdr(x-real-ip) if { req.hdr(x-real-ip) -m found }\n    http-request deny if { src 192.0.2.66 }\n"),
		steps: []step{getWith("/", "X-Real-IP: 192.0.2.5\n", "200"), saw("s1", "X-Forwarded-For: 192.0.2.5"), getWith("/d", "X-Real-IP: 192.0.2.66\n", "403"), logged("192.0.2.66:", "/d")}},
	{name: "variables carry values", covers: "vars; var; http-request set-var; str; -m found",
		cfg:   rules("    http-request set-var(txn.who) req.hdr(x-user)\n    http-request set-var(req.none) str()\n    http-request set-header X-Who %[var(txn.who)] if { var(txn.who) -m found }\n    http-response set-header X-Back %[var(txn.who)]\n    http-request deny if { var(txn.never) -m found }\n"),
		steps: []step{getWith("/", "X-User: ann\n", "X-Back: ann"), saw("s1", "X-Who: ann"), get("/"), saw("s1", "!X-Who")}},
	{name: "a sample alone is a test", covers: "no pattern; -m found; acl",
		cfg:   rules("    acl has req.hdr(x-has) -m found\n    http-request return status 200 content-type a/b string has if has\n    http-request return status 200 content-type a/b string big if { req.hdr_val(x-n) gt 10 }\n    http-request return status 200 content-type a/b string true if { always_true } { path /t }\n    http-request return status 200 content-type a/b string first if { http_first_req } { path /f }\n"),
		steps: []step{getWith("/", "X-Has: \n", "has"), getWith("/", "X-N: 11\n", "big"), get("/t", "true"), get("/f", "first"), get("/", "\ns1\n")}},
	{name: "numbers are compared", covers: "numbers with operators; req.fhdr_cnt",
		cfg:   rules("    http-request deny deny_status 400 if { req.fhdr_cnt(x-a) gt 1 }\n    http-request deny deny_status 404 if { req.fhdr_cnt(x-b) 2:3 }\n    http-request deny deny_status 410 if { path,length eq 5 }\n"),
		steps: []step{getWith("/", "X-A: 1, 2\n", "200"), getWith("/", "X-A: 1\nX-A: 2\n", "400"), getWith("/", "X-B: 1\nX-B: 2\n", "404"), get("/1234", "410"), get("/123", "200")}},
	{name: "the reply is looked at", covers: "status; res.fhdr; http-after-response set-status; http-after-response set-header",
		cfg:   rules("    http-response set-header X-Was %[status]\n    http-response set-header X-Name %[res.fhdr(server)]\n    http-after-response set-status 418 if { status 404 }\n    http-after-response set-status 500 reason Broken if { status 503 }\n"),
		steps: []step{get("/", "200", "X-Was: 200", "X-Name: s1"), get("/status/404", "418", "X-Was: 404"), get("/status/503", "500 Broken")}},
	{name: "samples are converted", covers: "base64; concat; sha1; str; path",
		cfg:   rules("    http-request set-header X-B %[path,base64]\n    http-request set-var(txn.x) str(mid)\n    http-request set-header X-C %[str(a),concat(<,txn.x,>)]\n    http-request set-header X-S %[path,sha1,hex]\n"),
		steps: []step{get("/p"), saw("s1", "X-B: L3A=", "X-C: a<mid>", "X-S: CA85A389D362533706FA2F54EC9AF609A5B8A397")}},
}
