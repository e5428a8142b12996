package keywords

import "strings"

// tierOne are the keywords without which a front door of this kind does not
// work: what real files and test suites use first. A name is the place
// (bind, server, cli, opt, global, section, pp …) and the word; proxy keywords
// and rules stand as they are written. HTTP/2 and stick tables are not here.
var tierOne = names(`
	cli show stat; cli clear counters; cli help; cli show servers state; cli disable server; cli enable server; cli reload
	bind fd@; bind proto; bind accept-proxy; bind abns@; bind unix path; bind expose-fd; bind level; bind level admin
	env ${VAR-default}; pp .if; pp .endif; pp .if feature(); prefix no
	opt -L; opt -Ws; opt -S
	global thread-groups; global tune.idle-pool.shared; global log; global stats socket
	section global; section defaults; section listen; section frontend; section backend
	mode; mode http; mode tcp; bind; server; default_backend; use_backend; retries; default-server; vars
	timeout client; timeout connect; timeout server; timeout queue
	balance roundrobin; balance uri; balance uri path-only; balance first
	option splice-response; option log-health-checks; option httpchk; option smtpchk; option httplog; option abortonclose
	option accept-unsafe-violations-in-http-request; option socket-stats
	option forwardfor; option forwardfor if-none; option forwardfor except; option originalto; option originalto except
	monitor-uri; errorfile; http-reuse; http-reuse aggressive; http-reuse always; http-reuse never; http-reuse safe
	log; log global; log len; log udp address; log-format; %hr; %r; %[expr]; capture request header
	cookie; cookie insert; cookie indirect; server cookie; server backup; server maxconn; server maxqueue; server pool-max-conn
	server check; server no-check; server inter; server downinter; server fall; server rise; server proto; server abns@; server send-proxy-v2
	stats admin; stats enable; stats refresh; stats uri
	http-request set-method; http-request return; http-request return status; http-request return hdr; http-request del-header
	http-request capture; http-request set-retries; http-request deny; http-request deny deny_status; http-request set-src
	http-request set-dst; http-request set-header; http-request set-var; http-request use-service; http-request reject
	http-request use-service prometheus-exporter; http-response del-header; http-after-response set-header; http-after-response set-status
	http-check send; http-check send hdr; http-check send body; http-check send meth; http-check send uri; http-check send ver
	http-check expect; http-check expect status; http-check expect fhdr; http-check expect hdr; http-check set-var
	acl; acl { }; if and unless; TRUE; -m found; no pattern; numbers with operators
	req.hdr; http_first_req; be_max_retries; cur_max_retries; path; hdr; req.fhdr_cnt; res.fhdr; str; var; capture.req.hdr; status
	base64; concat; sha1
`)

func names(text string) []string {
	var list []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		for _, name := range strings.Split(line, ";") {
			list = append(list, strings.TrimSpace(name))
		}
	}
	return list
}
