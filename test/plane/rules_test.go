package plane

import (
	"strings"
	"testing"
)

// ruled is one request after the other on one connection, under rules.
type ruled struct {
	global, front, back string
	reply               string   // of the server; "": hello
	requests            []string // without the Host field
	own                 outcome
	logs                int
}

func (r *ruled) exchange() *exchange {
	reply := r.reply
	if reply == "" {
		reply = hello
	}
	return &exchange{
		global: r.global, front: r.front, back: r.back, own: r.own, logs: r.logs,
		same: func(s string) string {
			return siteAddress.ReplaceAllString(ownTexts(s), "SITE")
		},
		server: func(p *peer) {
			for {
				p.request()
				p.send(reply)
			}
		},
		client: func(_ *world, dial func() *peer) {
			c := dial()
			for _, request := range r.requests {
				method, _, _ := strings.Cut(request, " ")
				c.send(strings.Replace(request, "\r\n", "\r\nHost: a\r\n", 1))
				c.reply(method)
			}
		},
	}
}

const plainGet = "GET /a/b?q=1 HTTP/1.1\r\nX: one\r\nH: a, b\r\n\r\n"

// TestRulesOfRepliesAsInHAProxy compares what http-response and
// http-after-response do, and what they see of the request.
func TestRulesOfRepliesAsInHAProxy(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*ruled{
		"return answers in place of the server": {back: "http-response return status 404 content-type text/plain string other hdr X-A %[status] if { status 200 }", requests: []string{plainGet},
			own: outcome{client: "HTTP/1.1 404 Not Found\ncontent-length: 5\ncontent-type: text/plain\nx-a: 200\n\nbody \"other\"",
				log: `fe be/s1 t/t/t/-1/t 404 - - LH-- 0 "GET /a/b?q=1 HTTP/1.1"`}},
		"return without a body": {front: "http-response return status 404 if { status 200 }", requests: []string{plainGet}},
		"redirect":              {back: "http-response redirect location /x%[status] code 303", requests: []string{plainGet}},
		"deny with a reply of its own": {back: "http-response deny status 503 hdr X-Why no content-type text/plain lf-string %[status]%[res.hdr(x)]", requests: []string{plainGet},
			own: outcome{client: "HTTP/1.1 503 Service Unavailable\ncontent-length: 3\ncontent-type: text/plain\nx-why: no\n\nbody \"200\""}},
		"deny as it is": {front: "http-response deny", requests: []string{plainGet}},
		"answers of rules meet http-after-response": {back: "http-response return status 200 content-type text/plain string x\nhttp-after-response set-header X-After %[status]\nhttp-after-response set-status 201 if { status 200 }",
			requests: []string{plainGet}},
		"the request is remembered": {front: "capture request header X len 10\nhttp-request set-path /new\nhttp-request set-var(txn.p) path\nhttp-request set-var(req.r) str(r)\nhttp-request set-var(sess.s) str(s)",
			back: "http-response set-header X-M %[method]\nhttp-response set-header X-CM %[capture.req.method]\nhttp-response set-header X-CV %[capture.req.ver]\n" +
				"http-response set-header X-CU %[capture.req.uri]\nhttp-response set-header X-CH %[capture.req.hdr(0)]\nhttp-response set-header X-P %[var(txn.p)]\nhttp-response set-header X-R [%[var(req.r)]]\n" +
				"http-response set-header X-S %[var(sess.s)]\nhttp-response set-header X-Src %[src]\nhttp-response set-header X-Id %[srv_id]:%[be_name]:%[fe_name]:%[srv_name]\n" +
				"http-after-response set-header A-M %[method]:%[capture.req.uri]:%[var(txn.p)]\nhttp-response set-header X-Get yes if METH_GET", requests: []string{plainGet, "HEAD /h HTTP/1.1\r\n\r\n"}},
		"a session's variable stays for the next request": {front: "http-request set-header X-Was %[var(sess.s)]:%[var(txn.t)]:%[var(req.r)]\nhttp-request set-var(sess.s) str(one),concat(,sess.s)\nhttp-request set-var(txn.t) str(t)\nhttp-request set-var(req.r) str(r)",
			requests: []string{plainGet, plainGet, plainGet}},
		"variables of the reply end with it": {back: "http-response set-var(res.r) status\nhttp-response set-header X-R %[var(res.r)]\nhttp-request set-header X-R [%[var(res.r)]]", requests: []string{plainGet, plainGet}},
		"captures of pipelined requests": {front: "declare capture request len 8\ndeclare capture response len 4\nhttp-request capture req.hdr(y) id 0\nhttp-response capture res.hdr(content-length) id 0\ncapture request header X len 2\nhttp-request set-header X-C %[capture.req.hdr(0)]/%[capture.req.hdr(1)]",
			requests: []string{"GET /1 HTTP/1.1\r\nX: abc\r\nY: 123456789\r\n\r\n", "GET /2 HTTP/1.1\r\nX: d\r\n\r\n", "GET /3 HTTP/1.1\r\nY: z\r\n\r\n"}},
		"the log's level and silence": {front: "http-request set-log-level silent if { path /quiet }\nhttp-response set-log-level err", requests: []string{"GET /quiet HTTP/1.1\r\n\r\n", plainGet}, logs: 2},
		"fields of the reply": {reply: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: one\r\nX: two, three\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n\r\nhello",
			back: "http-response replace-header X t(.*) T\\1\nhttp-response replace-value X one 1\nhttp-response add-header Y %[res.hdr(x,-1)]:%[res.fhdr(x)]:%[res.hdr_cnt(x)]:%[res.cook(b)]:%[res.cook_cnt(b)]\n" +
				"http-response del-header Set-Cookie\nhttp-response set-status 203 reason Mine\nhttp-response set-header S %[status]:%[res.ver]:%[capture.res.ver]", requests: []string{plainGet}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compare(t, r.exchange())
		})
	}
}

// TestRulesOfRequestsAsInHAProxy compares what servers are sent, clients get
// and the log says.
func TestRulesOfRequestsAsInHAProxy(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*ruled{
		"edits of the target": {front: "http-request set-method PUT if { path /m }\nhttp-request set-path /p%[path] if { path_beg /a }\nhttp-request set-query x=%[query] if { path /p/a/b }\nhttp-request replace-path ^/p(.*) /q\\1\nhttp-request set-pathq /pq?%[query] if { path /pathq }\nhttp-request set-uri /u?v if { path /uri }\nhttp-request replace-pathq (.*)z(.*) \\2z\\1\nhttp-request replace-uri /old /new",
			requests: []string{plainGet, "GET /m HTTP/1.1\r\n\r\n", "GET /pathq?r HTTP/1.1\r\n\r\n", "GET /uri HTTP/1.1\r\n\r\n", "GET /1z2?3 HTTP/1.1\r\n\r\n", "GET /old HTTP/1.1\r\n\r\n"}},
		"set-src and forwardfor": {front: "option forwardfor\nhttp-request set-src str(192.0.2.9)\nhttp-request set-src-port int(77)\nhttp-request set-dst str(198.51.100.1)\nhttp-request set-dst-port int(88)\nhttp-request set-header X-Ends %[src]:%[src_port]-%[dst]:%[dst_port]-%[fc_dst]",
			back: "http-request set-header X-Back %[src]:%[src_port]-%[dst]:%[dst_port]", requests: []string{plainGet, plainGet}},
		"figures": {front: "http-request set-header X-F %[nbsrv(be)]:%[be_conn(be)]:%[fe_conn]:%[queue(be)]:%[srv_is_up(be/s1)]:%[avg_queue(be)]:%[srv_queue(be/s1)]:%[str(be),nbsrv]:%[fe_conn(fe)]\nhttp-request set-header X-W %[srv_weight(be/s1)]:%[srv_uweight(be/s1)]:%[srv_iweight(be/s1)]",
			back: "http-request set-header X-B %[be_conn]:%[nbsrv]:%[srv_conn(s1)]:%[connslots(be)]:%[be_conn_free(be)]:%[srv_conn_free(be/s1)]:%[be_server_timeout]:%[be_tunnel_timeout]:%[be_id]\nhttp-response set-header X-R %[srv_conn(be/s1)]:%[be_conn(be)]", requests: []string{plainGet, plainGet}},
		"timeouts that rules set": {back: "http-request set-timeout server 30s\nhttp-request set-timeout tunnel int(7000)\nhttp-request set-header X-T %[cur_server_timeout]:%[cur_tunnel_timeout]:%[be_server_timeout]", requests: []string{plainGet}},
		"deny in its forms": {front: "http-request deny deny_status 429 if { path /1 }\nhttp-request deny status 404 hdr X-A %[path] if { path /2 }\nhttp-request return status 200 content-type text/plain lf-string %[method]:%[src] if { path /3 }\nhttp-request redirect prefix /p code 301 if { path /4 }\nhttp-request redirect scheme https if { path /5 }\nhttp-request redirect location /z?%[query] code 308 set-cookie A=1 if { path /6 }",
			requests: []string{"GET /1 HTTP/1.1\r\n\r\n", "GET /2 HTTP/1.1\r\n\r\n", "GET /3 HTTP/1.1\r\n\r\n", "GET /4?q HTTP/1.1\r\n\r\n", "GET /5?q HTTP/1.1\r\n\r\n", "GET /6?q HTTP/1.1\r\n\r\n", "HEAD /3 HTTP/1.1\r\n\r\n"}},
		"allow in the frontend, deny in the backend": {front: "http-request allow\nhttp-request deny", back: "http-request deny deny_status 410", requests: []string{plainGet}},
		"a log format sees the request":              {front: "capture request header X len 5\nlog-format \"%HM %[capture.req.hdr(0)] %[var(txn.a)] %[src] %[capture.req.uri] %[method] %ST\"\nhttp-request set-var(txn.a) path\nhttp-request set-path /other", requests: []string{plainGet, "GET /c HTTP/1.1\r\n\r\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compare(t, r.exchange())
		})
	}
}
