package keywords

// checked is a backend whose check asks /check of the server itself.
func checked(lines, options string) string {
	return "frontend f\n    bind $F1\n    default_backend b\nbackend b\n" + lines + "    server s1 $S1 check inter 1s fall 2 rise 2 " + options + "\n"
}

// refuse makes s1 fail its checks, or pass them again.
func refuse(on bool) step { return told("s1", func(s *server) { s.refuses = on }) }

// checkRows are active checks.
var checkRows = []row{
	{name: "a server that fails is taken out, and comes back", covers: "server check; server inter; server fall; server rise; option httpchk; option log-health-checks",
		cfg: checked("    option httpchk GET /check\n    option log-health-checks\n", ""),
		steps: []step{
			state("b/s1", "check_status", "L7OK"), saw("s1", "GET /check HTTP/1.0"), refuse(true), state("b/s1", "status", "DOWN"), get("/", "503"),
			logged("Health check for server b/s1 failed", "503"), logged("Server b/s1 is DOWN"),
			refuse(false), state("b/s1", "status", "UP"), logged("Health check for server b/s1 succeeded"), logged("Server b/s1 is UP"), get("/", "\ns1\n"),
		}},
	{name: "a server that is down is asked less often", covers: "server downinter",
		cfg: checked("    option httpchk GET /check\n", "downinter 1h"),
		steps: []step{
			state("b/s1", "check_status", "L7OK"), refuse(true), state("b/s1", "status", "DOWN"), refuse(false),
			func(w *world) error { // nothing asks again within the hour
				n := len(w.servers["s1"].seen())
				return steady(w, func() bool { return len(w.servers["s1"].seen()) == n })
			},
		}},
	{name: "a check is taken back", covers: "server no-check; default-server",
		cfg:   two + "    default-server check inter 1s\n    server s1 $S1\n    server s2 $S2 no-check\n",
		steps: []step{state("b/s1", "check_status", "L4OK"), state("b/s2", "status", "no check"), connected("s2", 0)}},
	{name: "the request of a check is free", covers: "http-check send; http-check send meth; http-check send uri; http-check send ver; http-check send hdr; http-check send body",
		cfg:   checked("    option httpchk\n    http-check send meth POST uri /check/me ver HTTP/1.1 hdr Host checks hdr X-Why test body hello\n", ""),
		steps: []step{state("b/s1", "check_status", "L7OK"), saw("s1", "POST /check/me HTTP/1.1\r\n", "checks\r\n", "test\r\n", "\r\n\r\nhello")}},
	{name: "an answer passes by its status", covers: "http-check expect; http-check expect status",
		cfg: checked("    option httpchk GET /status/404\n    http-check expect status 404\n", ""), steps: []step{state("b/s1", "check_status", "L7OK"), state("b/s1", "check_code", "404")}},
	{name: "an answer fails by its status", covers: "http-check expect status",
		cfg: checked("    option httpchk GET /check\n    http-check expect status 201\n", ""), steps: []step{state("b/s1", "check_status", "L7STS"), state("b/s1", "status", "DOWN")}},
	{name: "an answer passes by its headers", covers: "http-check expect fhdr; http-check expect hdr",
		cfg: "frontend f\n    bind $F1\n    default_backend b\nbackend b\n    option httpchk GET /check\n    http-check expect hdr name server value s1\n    server s1 $S1 check inter 1s fall 2\n    server s2 $S2 check inter 1s fall 2\n" +
			"backend c\n    option httpchk GET /check\n    http-check expect fhdr name server value -m beg s2\n    server s1 $S1 check inter 1s fall 2\n    server s2 $S2 check inter 1s fall 2\n",
		steps: []step{state("b/s1", "check_status", "L7OK"), state("b/s2", "status", "DOWN"), state("c/s2", "check_status", "L7OK"), state("c/s1", "status", "DOWN")}},
	{name: "a check has variables", covers: "http-check set-var; vars",
		cfg:   checked("    option httpchk\n    http-check set-var(check.where) str(/check/var)\n    http-check send meth GET uri-lf \"%[var(check.where)]\"\n", ""),
		steps: []step{state("b/s1", "check_status", "L7OK"), saw("s1", "GET /check/var ")}},
	{name: "mail servers are greeted", covers: "option smtpchk",
		cfg: "listen l\n    mode tcp\n    option tcplog\n    bind $F1\n    option smtpchk EHLO lab\n    timeout check 3s\n    server s1 $S1 check inter 1s fall 2 rise 1\n    server s2 $S2 check inter 1s fall 2\n",
		steps: []step{
			told("s1", func(s *server) { s.banner = "220 mail\r\n" }), told("s2", func(s *server) { s.banner = "554 no\r\n" }),
			state("l/s1", "check_status", "L7OK"), state("l/s2", "status", "DOWN"), eventually(saw("s1", "!GET")), func(w *world) error {
				for _, l := range w.servers["s1"].seen() {
					if l == "EHLO lab\r\n" {
						return nil
					}
				}
				return contains("nothing", []string{"EHLO lab"})
			},
		}},
}
