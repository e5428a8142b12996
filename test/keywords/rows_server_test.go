package keywords

import (
	"fmt"
	"strings"
)

// two are two servers behind one frontend, to be completed.
const two = "frontend f\n    bind $F1\n    default_backend b\nbackend b\n"

// stock makes bascule count and pause as HAProxy does: what it does on its own divides a pause.
const stock = "    .if feature(BASCULE)\n    no option safe-replay\n    no option redispatch-at-once\n    .endif\n"

// serverRows are the choice of a server, its limits and its connections.
var serverRows = []row{
	{name: "servers take turns", covers: "balance roundrobin",
		cfg: two + "    balance roundrobin\n    server s1 $S1\n    server s2 $S2\n", steps: []step{get("/", "\ns1\n"), get("/", "\ns2\n"), get("/", "\ns1\n")}},
	{name: "a path has its server", covers: "balance uri; balance uri path-only",
		cfg: two + "    balance uri path-only\n    server s1 $S1\n    server s2 $S2\n    server s3 $S3\n",
		steps: []step{sameServer("/a/b", "/a/b?x=1", "/a/b"), spreads("/k%d"),
			func(w *world) error { // scheme and authority do not count
				plain, err := w.talk("$F1", "GET /a/b HTTP/1.1\r\nHost: other\r\n\r\n")
				if err != nil {
					return err
				}
				whole, err := w.talk("$F1", "GET http://other/a/b HTTP/1.1\r\nHost: other\r\n\r\n")
				if err == nil && nameIn(plain) != nameIn(whole) {
					err = fmt.Errorf("%s and %s", nameIn(plain), nameIn(whole))
				}
				return err
			}}},
	{name: "the first server with room takes all", covers: "balance first; server maxconn",
		cfg:   two + "    balance first\n    server s1 $S1 maxconn 1\n    server s2 $S2 maxconn 1\n",
		steps: []step{get("/", "\ns1\n"), state("b/s1", "scur", "0"), get("/", "\ns1\n"), state("b/s1", "scur", "0"), hold("$F1", "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"), eventually(reachedAtLeast("s1", 3)), get("/", "\ns2\n")}},
	{name: "a backup waits for the others to go", covers: "server backup; cli disable server; cli enable server",
		cfg:   two + "    server s1 $S1\n    server s2 $S2 backup\n",
		steps: []step{get("/", "\ns1\n"), ask("disable server b/s1"), state("b/s1", "status", "MAINT"), get("/", "\ns2\n"), ask("enable server b/s1"), eventually(get("/", "\ns1\n"))}},
	{name: "a cookie keeps its server", covers: "cookie; cookie insert; cookie indirect; server cookie",
		cfg:   two + "    cookie SRV insert indirect\n    server s1 $S1 cookie one\n    server s2 $S2 cookie two\n",
		steps: []step{get("/", "Set-Cookie: SRV=one; path=/", "\ns1\n"), getWith("/", "Cookie: SRV=two; a=b\n", "\ns2\n", "!Set-Cookie"), saw("s2", "!SRV", "a=b")}},
	{name: "a refused connection is tried again", covers: "retries; cur_max_retries; be_max_retries; http-request set-retries", alone: "2.6 knows neither set-retries nor the fetches",
		cfg:   two + stock + "    retries 1\n    timeout connect 1m\n    option redispatch\n    http-request set-retries 2 if { path /two }\n    http-after-response set-header X-Retries %[be_max_retries]-%[cur_max_retries]\n    server dead $DEAD\n",
		steps: []step{get("/", "503", "X-Retries: 1-1"), get("/two", "503", "X-Retries: 1-2"), logged("/two", " 503 ", "/2 0/0")}},
	{name: "a connection that does not come about is counted", covers: "retries; timeout connect",
		cfg:   two + stock + "    retries 2\n    timeout connect 1m\n    server dead $DEAD\n",
		steps: []step{get("/x", "503"), logged("/x", " 503 ", " SC", "/2 0/0"), state("b/dead", "wretr", "2")}},
	{name: "requests wait for a slot, not for ever", covers: "server maxconn; timeout queue",
		cfg:   two + "    timeout queue 2s\n    server s1 $S1 maxconn 1\n",
		steps: []step{hold("$F1", "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"), eventually(reachedAtLeast("s1", 1)), get("/y", "503"), logged("/y", " 503 ", " sQ")}},
	{name: "a queue has an end", covers: "server maxqueue",
		cfg: two + "    timeout queue 1m\n    option redispatch\n    cookie SRV insert indirect\n    server s1 $S1 maxconn 1 maxqueue 1 cookie one\n    server s2 $S2 cookie two\n",
		steps: []step{
			hold("$F1", "GET /slow HTTP/1.1\r\nHost: a\r\nCookie: SRV=one\r\n\r\n"), eventually(reachedAtLeast("s1", 1)),
			hold("$F1", "GET /q HTTP/1.1\r\nHost: a\r\nCookie: SRV=one\r\n\r\n"), state("b/s1", "qcur", "1"),
			getWith("/z", "Cookie: SRV=one\n", "\ns2\n"),
		}},
	{name: "a client that left does not wait", covers: "option abortonclose",
		cfg: "defaults\n    mode http\n    log $LOG local0\n    option httplog\n    timeout connect 1m\n    timeout client 1m\n    timeout server 1m\n    timeout queue 1m\n    option abortonclose\n" + two + "    server s1 $S1 maxconn 1\n",
		steps: []step{
			hold("$F1", "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"), eventually(reachedAtLeast("s1", 1)),
			hold("$F1", "GET /gone HTTP/1.1\r\nHost: a\r\n\r\n"), state("b/BACKEND", "qcur", "1"),
			func(w *world) error { w.conns[1].Close(); return nil },
			state("b/BACKEND", "qcur", "0"), logged("/gone", " CQ"), reached("s1", 1),
		}},
	{name: "connections are used again as told", covers: "http-reuse; http-reuse never",
		cfg: two + "    http-reuse never\n    server s1 $S1\n", steps: []step{get("/"), get("/"), get("/"), connected("s1", 3)}},
	{name: "connections are used again by all", covers: "http-reuse always; http-reuse",
		cfg: two + "    http-reuse always\n    server s1 $S1 pool-purge-delay 1m\n", steps: []step{get("/"), get("/"), get("/"), connected("s1", 1)}},
	{name: "connections are used again aggressively", covers: "http-reuse aggressive",
		cfg:   two + "    http-reuse aggressive\n    server s1 $S1 pool-purge-delay 1m\n",
		steps: []step{send("$F1", "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), get("/"), connected("s1", 1)}},
	{name: "connections are used again safely", covers: "http-reuse safe; http_first_req",
		cfg: two + "    http-reuse safe\n    http-request set-header X-First yes if { http_first_req }\n    server s1 $S1 pool-purge-delay 1m\n",
		steps: []step{
			get("/a"), saw("s1", "GET /a", "X-First: yes"),
			send("$F1", "GET /b HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.1\r\nHost: a\r\n\r\n"), saw("s1", "GET /c", "!X-First"),
			func(w *world) error {
				if n := w.servers["s1"].connections(); n > 2 {
					return fmt.Errorf("%d connections", n)
				}
				return nil
			},
		}},
	{name: "no idle connection is kept", covers: "server pool-max-conn",
		cfg: two + "    http-reuse always\n    server s1 $S1 pool-max-conn 0\n", steps: []step{get("/"), get("/"), connected("s1", 2)}},
	{name: "defaults of servers", covers: "default-server",
		cfg: two + "    default-server weight 0\n    server s1 $S1\n    server s2 $S2 weight 1\n", steps: []step{get("/", "\ns2\n"), get("/", "\ns2\n")}},
	{name: "backends are chosen by rules", covers: "use_backend; if and unless; acl; acl { }; TRUE; path; hdr",
		cfg:   "frontend f\n    bind $F1\n    acl api path_beg /api/\n    use_backend c if api\n    use_backend d if { hdr(host) -i other.example.com } TRUE\n    use_backend b unless { path /none }\nbackend b\n    server s1 $S1\nbackend c\n    server s2 $S2\nbackend d\n    server s3 $S3\n",
		steps: []step{get("/", "\ns1\n"), get("/api/x", "\ns2\n"), send("$F1", "GET / HTTP/1.1\r\nHost: Other.example.com\r\n\r\n", "\ns3\n"), get("/none", "503")}},
}

// nameIn is the server that a reply came from.
func nameIn(reply string) string {
	_, rest, _ := strings.Cut(reply, "Server: ")
	name, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(name)
}

// sameServer asks for paths that one server has.
func sameServer(paths ...string) step {
	return func(w *world) error {
		first := ""
		for _, p := range paths {
			text, err := w.talk("$F1", "GET "+p+" HTTP/1.1\r\nHost: a\r\n\r\n")
			if err != nil {
				return err
			}
			if first == "" {
				first = nameIn(text)
			}
			if got := nameIn(text); got != first {
				return fmt.Errorf("%s went to %s, want %s", p, got, first)
			}
		}
		return nil
	}
}

// spreads asks for many paths, which several servers have.
func spreads(format string) step {
	return func(w *world) error {
		names := map[string]bool{}
		for i := range 30 {
			text, err := w.talk("$F1", fmt.Sprintf("GET "+format+" HTTP/1.1\r\nHost: a\r\n\r\n", i))
			if err != nil {
				return err
			}
			names[nameIn(text)] = true
		}
		if len(names) < 2 {
			return fmt.Errorf("all went to %v", names)
		}
		return nil
	}
}

// reachedAtLeast says that a server got requests.
func reachedAtLeast(name string, n int) step {
	return func(w *world) error {
		if got := len(w.servers[name].seen()); got < n {
			return fmt.Errorf("%s got %d requests, want %d", name, got, n)
		}
		return nil
	}
}
