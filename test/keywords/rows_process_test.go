package keywords

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// one is the smallest file with a server.
const one = `frontend f
    bind $F1
    default_backend b
backend b
    server s1 $S1
`

// processRows are the process: its files, flags and conditions.
var processRows = []row{
	{name: "sections are read and serve", covers: "section global; section defaults; section frontend; section backend; bind; server; default_backend; mode; mode http",
		cfg: one, steps: []step{get("/a", "HTTP/1.1 200", "\ns1\n"), saw("s1", "GET /a HTTP/1.1\r\n")}},
	{name: "a listen section is both sides", covers: "section listen",
		cfg: "listen l\n    bind $F1\n    server s1 $S1\n", steps: []step{get("/", "\ns1\n"), ask("show stat", "\nl,FRONTEND,", "\nl,s1,", "\nl,BACKEND,")}},
	{name: "variables have defaults", covers: "env ${VAR-default}",
		cfg:   "frontend f\n    bind $F1\n    http-request return status 200 content-type text/plain string \"${KEYWORDS_NOT_SET-fallback}\"\n",
		steps: []step{get("/", "fallback")}},
	{name: "conditions choose lines", covers: "pp .if; pp .endif; pp .if feature()",
		cfg: "frontend f\n    bind $F1\n.if feature(THREAD)\n    http-request return status 200 content-type a/b string threads\n.endif\n" +
			".if feature(MAGIC)\n    http-request deny\n.endif\n",
		steps: []step{get("/", "threads")}},
	{name: "own lines stand behind a feature", covers: "pp .if feature()", alone: "haproxy skips them",
		cfg:   "frontend f\n    bind $F1\n.if feature(BASCULE)\n    http-request return status 200 content-type a/b string own\n.endif\n",
		steps: []step{get("/", "own")}},
	{name: "no takes an option back", covers: "prefix no",
		cfg: "defaults\n    mode http\n    timeout connect 1m\n    timeout client 1m\n    timeout server 1m\n    retries 1\n    option redispatch\nfrontend f\n    bind $F1\n    default_backend b\nbackend b\n    .if feature(BASCULE)\n    no option safe-replay\n    .endif\n    no option redispatch\n    server dead $DEAD\n    server s1 $S1\n" +
			"frontend g\n    bind $F2\n    default_backend c\nbackend c\n    server dead $DEAD\n    server s1 $S1\n",
		steps: []step{get("/", "503"), get("/", "\ns1\n"), send("$F2", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\ns1\n")}},
	{name: "threads are grouped", covers: "global thread-groups; global tune.idle-pool.shared", alone: "2.6 knows no thread-groups without an experimental directive",
		global: "    thread-groups 1\n    tune.idle-pool.shared off\n", cfg: one, steps: []step{get("/", "\ns1\n")}},
	{name: "idle connections are shared or not", covers: "global tune.idle-pool.shared", global: "    tune.idle-pool.shared off\n", cfg: one, steps: []step{get("/", "\ns1\n")}},
	{name: "the local peer has a name", covers: "opt -L", flags: "-L edge-7",
		cfg:   "frontend f\n    bind $F1\n    http-request return status 200 content-type a/b string \"$HAPROXY_LOCALPEER\"\n",
		steps: []step{get("/", "edge-7")}},
	{name: "a master and its worker", covers: "opt -Ws; opt -S; cli reload", flags: "-Ws -S $DIR/master.sock", cfg: one,
		steps: []step{
			get("/", "\ns1\n"),
			eventually(send2("$DIR/master.sock", "show proc", "master", "worker")),
			rewrite("server s1 $S1", "server s1 $S2"),
			send2("$DIR/master.sock", "reload"),
			eventually(get("/", "\ns2\n")),
		}},
	{name: "sockets are inherited", covers: "bind fd@",
		cfg: "frontend f\n    bind fd@3\n    default_backend b\nbackend b\n    server s1 $S1\n", steps: []step{send("$F4", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\ns1\n")}},
	{name: "unix sockets of both kinds", covers: "bind unix path; bind abns@; server abns@",
		cfg: "frontend u\n    bind $F1\n    bind $DIR/front.sock mode 600 user root group root\n    default_backend b\n" +
			"backend b\n    option log-health-checks\n    server relay abns@$ABNS check inter 1s\n" +
			"frontend a\n    bind abns@$ABNS\n    option dontlognull\n    default_backend c\nbackend c\n    option forwardfor\n    server s1 $S1\n" +
			"listen t\n    mode tcp\n    option tcplog\n    bind unix@$DIR/tcp.sock\n    server back unix@$DIR/front.sock\n",
		steps: []step{
			send("$DIR/front.sock", "GET /one HTTP/1.1\r\nHost: a\r\n\r\n", "\ns1\n"), saw("s1", "!X-Forwarded-For"),
			logged(" unix:2 [", " u b/relay ", "GET /one "), logged(" unix:1 [", " a c/s1 ", "GET /one "),
			get("/two", "\ns1\n"), logged(" 127.0.0.1:", " u b/relay ", "GET /two "),
			send("$DIR/tcp.sock", "GET /three HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "\ns1\n"), logged(" unix:1 [", " t t/back "),
			state("b/relay", "check_status", "L4OK"), ask("show servers state b", " b 1 relay - 2 0 1 1 ", " - 0 - 0 0 - - 0\n"),
			logged("Health check for server b/relay succeeded, reason: Layer4 check passed"),
			func(w *world) error {
				info, err := os.Stat(w.vars["DIR"] + "/front.sock")
				if err == nil && info.Mode().Perm() != 0o600 {
					err = fmt.Errorf("the socket's mode is %s", info.Mode())
				}
				return err
			},
		}},
	{name: "nobody serves a server's unix socket", covers: "server abns@",
		cfg: "frontend f\n    bind $F1\n    use_backend down if { path /down }\n    default_backend b\n" +
			"backend b\n" + stock + "    retries 2\n    server s1 unix@$DIR/none.sock\n" +
			"backend down\n    option log-health-checks\n    server s1 $DIR/none.sock check inter 1s\n    server s2 abns@$ABNS check inter 1s\n",
		steps: []step{
			get("/one", "503"), logged(" f b/s1 ", "/-1/", " 503 ", " SC", "/2 0/0 "), state("b/s1", "wretr", "2"), state("b/s1", "econ", "1"),
			state("down/s1", "status", "DOWN"), state("down/s2", "status", "DOWN"), state("down/s2", "check_status", "SOCKERR"), state("down/s2", "addr", "unix"),
			logged(`Health check for server down/s1 failed, reason: Socket error, info: "General socket error (No such file or directory)", check duration: `),
			logged(`Health check for server down/s2 failed, reason: Socket error, info: "General socket error (Connection refused)", check duration: `),
			get("/down", "503"), logged(" f down/<NOSRV> ", " 503 ", " SC"),
		}},
	{name: "log lines go where log says", covers: "global log; log global; log; log udp address; log len; option httplog", global: "    log $LOG len 200 local3 info\n",
		cfg: "defaults\n    mode http\n    log global\n    option httplog\n    timeout connect 1m\n    timeout client 1m\n    timeout server 1m\n" + one,
		steps: []step{
			get("/" + strings.Repeat("l", 300)), logged("<158>", " f b/s1 ", "/lll"),
			func(w *world) error {
				for _, l := range w.logs.lines() {
					if len(strings.TrimSpace(l)) > 200 {
						return fmt.Errorf("a line of %d bytes: %q", len(l), l)
					}
				}
				return nil
			},
		}},
	{name: "the log's format is free", covers: "log-format; %hr; %r; %[expr]; capture request header; http-request capture; capture.req.hdr; base64; concat; sha1; str; req.hdr",
		cfg: "frontend f\n    bind $F1\n    capture request header Host len 20\n    http-request capture req.hdr(x-a),base64 len 20\n" +
			"    http-request set-header X-Cat %[str(a),concat(-,,b)]\n    http-request set-header X-Host %[capture.req.hdr(0)]\n    http-request set-header X-Sha %[str(abc),sha1,hex]\n" +
			"    log-format \"captured:%hr line:%{+Q}r status:%ST expr:%[dst_port,mul(0)]\"\n    default_backend b\nbackend b\n    server s1 $S1\n",
		steps: []step{
			getWith("/x", "X-A: hey\n", "200"),
			saw("s1", "X-Cat: a-b", "X-Host: a\r\n", "X-Sha: A9993E364706816ABA3E25717850C26C9CD0D89D"),
			logged("captured:{a|aGV5}", `line:"GET /x HTTP/1.1"`, "status:200", "expr:0"),
		}},
}

// send2 gives a command to a unix socket that answers and closes.
func send2(to, command string, want ...string) step {
	return func(w *world) error {
		cmd := exec.Command("socat", "-t", "10", "-", "UNIX-CONNECT:"+w.fill(to))
		cmd.Stdin = strings.NewReader(command + "\n")
		out, err := cmd.CombinedOutput()
		if err != nil && len(want) > 0 {
			return fmt.Errorf("%s: %w: %s", command, err, out)
		}
		return contains(string(out), want)
	}
}
