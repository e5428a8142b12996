package config

import (
	"strconv"
	"strings"
)

// A group is keywords that stand in the same places and have the same reason.
// "name=2" is an option that takes two words, "name!" one that `no` may precede.
type group struct {
	in     Section
	status Status
	why    string
	names  string // separated by commas
}

// keywords makes the records of a list of groups.
func keywords(groups []group) []Keyword {
	var list []Keyword
	for _, g := range groups {
		for _, name := range strings.Split(g.names, ",") {
			kw := Keyword{Name: strings.TrimSpace(name), In: g.in, Status: g.status, Why: g.why}
			if n, ok := strings.CutSuffix(kw.Name, "!"); ok {
				kw.Name, kw.No = n, true
			}
			if n, values, ok := strings.Cut(kw.Name, "="); ok {
				kw.Name = n
				kw.Values, _ = strconv.Atoi(values)
			}
			list = append(list, kw)
		}
	}
	return list
}

// Reasons that several groups share.
const (
	whySigalgs  = "TLS chooses among the signatures that both know by itself"
	whyOpenSSL  = "TLS is Go's own, not OpenSSL's"
	whyResponse = "OCSP responses are read from files"
	whyEarly    = "data before the handshake's end can be sent again by others"
	whyNPN      = "alpn took its place"
	whyKernel   = "TLS is spoken in the process"
	whyQUIC     = "QUIC is not spoken"
	whyH2       = "HTTP/2 is not built yet"
	whyLua      = "Lua is not embedded"
	whyTables   = "stick tables are not built yet"
	whyProxyOut = "the PROXY protocol is sent without what it says of TLS"
	whyDNS      = "names are resolved at start only"
	whyMail     = "mail is not sent; scrape the metrics"
	whyMemory   = "memory is managed otherwise"
	whyPoller   = "there is one poller, epoll"
	whyLoops    = "threads and loops are one thing and need no placing"
	whyCopies   = "large bodies and tunnels are always moved inside the kernel, see nosplice"
	whyDevices  = "device databases are not read"
)

// globalOthers are HAProxy's keywords of the global section that are not read.
var globalOthers = keywords([]group{
	{InGlobal, Without, whyLoops, "cpu-map, cpu-policy, cpu-set, numa-cpu-mapping!, thread-group, thread-groups, thread-hard-limit, tune.listener.default-shards, tune.listener.multi-queue, tune.runqueue-depth, tune.sched.low-latency, tune.takeover-other-tg-connections, tune.renice.runtime, tune.renice.startup"},
	{InGlobal, Without, whyPoller, "busy-polling!, noepoll, noevports, nokqueue, nopoll, tune.epoll.mask-events, tune.fd.edge-triggered, tune.maxpollevents, tune.events.max-events-at-once"},
	{InGlobal, Without, whyCopies, "tune.disable-fast-forward, tune.disable-zero-copy-forwarding, tune.applet.zero-copy-forwarding, tune.pt.zero-copy-forwarding, tune.h1.zero-copy-fwd-recv, tune.h1.zero-copy-fwd-send, tune.h2.zero-copy-fwd-send, tune.quic.zero-copy-fwd-send, tune.recv_enough"},
	{InGlobal, Without, whyMemory, "no-memory-trimming, tune.buffers.limit, tune.buffers.reserve, tune.bufsize.small, tune.fail-alloc, tune.memory.hot-size, tune.pattern.cache-size, tune.ring.queues, tune.defaults.purge, tune.vars.global-max-size, tune.vars.proc-max-size, tune.vars.reqres-max-size, tune.vars.sess-max-size, tune.vars.txn-max-size"},
	{InGlobal, Without, "a loop's turn is bounded by bytes and requests", "tune.maxaccept, tune.max-checks-per-thread, tune.max-rules-at-once, tune.idletimer, warn-blocked-traffic-after"},
	{InGlobal, Without, "a reload makes no new process", "mworker-max-reloads, close-spread-time"},
	{InGlobal, Without, "no other program is started", "insecure-fork-wanted!, insecure-setuid-wanted, set-dumpable!"},
	{InGlobal, Without, "descriptors cost nothing before they are used", "prealloc-fd"},
	{InGlobal, Without, "listeners of their own per loop are always used, and names always resolved", "noreuseport, nogetaddrinfo"},
	{InGlobal, Without, "there are no peers", "localpeer, cluster-secret, tune.peers.max-updates-at-once"},
	{InGlobal, Without, "it announces directives that are refused by name", "expose-experimental-directives, expose-deprecated-directives"},
	{InGlobal, Without, "messages are what -q and -V ask for", "quiet, debug"},
	{InGlobal, Without, "a runtime session lasts as long as its client", "stats calculate-max-counters"},
	{InGlobal, Without, "profiling is read at run time", "profiling.tasks, profiling.memory, profiling.tasks.automatic, anonkey, stress-level"},
	{InGlobal, Planned, whySigalgs, "ssl-default-bind-client-sigalgs, ssl-default-bind-sigalgs, ssl-default-server-client-sigalgs, ssl-default-server-sigalgs"},
	{InGlobal, Without, "DHE is not spoken", "ssl-dh-param-file, tune.ssl.default-dh-param"},
	{InGlobal, Without, whyOpenSSL, "ssl-engine, ssl-mode-async, ssl-propquery, ssl-provider, ssl-provider-path"},
	{InGlobal, Planned, "name the ciphers and curves that may be spoken", "ssl-security-level"},
	{InGlobal, Planned, "keys are read without a passphrase; keep them in files that bascule's user alone can read", "ssl-passphrase-cmd"},
	{InGlobal, Planned, "certificates are shown as they stand in their files; leave the root out of these", "ssl-skip-self-issued-ca"},
	{InGlobal, Without, whyResponse, "ocsp-update.disable, ocsp-update.httpproxy, ocsp-update.maxdelay, ocsp-update.mindelay, ocsp-update.mode, tune.ssl.ocsp-update.maxdelay, tune.ssl.ocsp-update.mindelay"},
	{InGlobal, Without, "certificates come from files", "acme.scheduler"},
	{InGlobal, Without, "sessions are kept by the clients, in tickets", "tune.ssl.cachesize, tune.ssl.force-private-cache, tune.ssl.lifetime, tune.ssl.ssl-ctx-cache-size"},
	{InGlobal, Without, "what clients offer is not kept", "tune.ssl.capture-buffer-size, tune.ssl.capture-cipherlist-size"},
	{InGlobal, Without, "certificates are sent as they are", "tune.ssl.certificate-compression"},
	{InGlobal, Without, "records are as large as TLS lets them be", "tune.ssl.hard-maxrecord, tune.ssl.maxrecord"},
	{InGlobal, Without, "the keys of connections are told to nobody", "tune.ssl.keylog"},
	{InGlobal, Without, "HTTP/2 is refused until it is built", "h2-workaround-bogus-websocket-clients, tune.h2.be.glitches-threshold, tune.h2.be.initial-window-size, tune.h2.be.max-concurrent-streams, tune.h2.be.max-frames-at-once, tune.h2.be.rxbuf, tune.h2.fe.glitches-threshold, tune.h2.fe.initial-window-size, tune.h2.fe.max-concurrent-streams, tune.h2.fe.max-frames-at-once, tune.h2.fe.max-rst-at-once, tune.h2.fe.max-total-streams, tune.h2.fe.rxbuf, tune.h2.header-table-size, tune.h2.initial-window-size, tune.h2.log-errors, tune.h2.max-concurrent-streams, tune.h2.max-frame-size, tune.glitches.kill.cpu-usage, tune.h1.be.glitches-threshold, tune.h1.fe.glitches-threshold"},
	{InGlobal, Without, whyQUIC, "limited-quic, no-quic, tune.quic.be.cc.cubic-min-losses, tune.quic.cc-hystart, tune.quic.disable-tx-pacing, tune.quic.disable-udp-gso, tune.quic.frontend.conn-tx-buffers.limit, tune.quic.frontend.default-max-window-size, tune.quic.frontend.glitches-threshold, tune.quic.frontend.max-data-size, tune.quic.frontend.max-idle-timeout, tune.quic.frontend.max-streams-bidi, tune.quic.frontend.max-tx-mem, tune.quic.max-frame-loss, tune.quic.reorder-ratio, tune.quic.retry-threshold, tune.quic.socket-owner, tune.quic.backend.max-idle-timeout"},
	{InGlobal, Without, "no script is run", "tune.lua.bool-sample-conversion, tune.lua.burst-timeout, tune.lua.forced-yield, tune.lua.log.loggers, tune.lua.log.stderr, tune.lua.maxmem, tune.lua.openlibs, tune.lua.service-timeout, tune.lua.session-timeout, tune.lua.task-timeout"},
	{InGlobal, Without, "answers are not compressed", "maxcompcpuusage, maxcomprate, maxzlibmem, tune.comp.maxlevel, tune.zlib.memlevel, tune.zlib.windowsize"},
	{InGlobal, Without, "no request is made from inside", "httpclient.resolvers.disabled, httpclient.resolvers.id, httpclient.resolvers.prefer, httpclient.retries, httpclient.ssl.ca-file, httpclient.ssl.verify, httpclient.timeout.connect, dns-accept-family"},
	{InGlobal, Without, "captured values keep their own length", "tune.http.cookielen, tune.http.logurilen"},
	{InGlobal, Without, "the PROXY protocol is not sent to servers yet", "pp2-never-send-local"},
	{InGlobal, Without, "stick counters are not built yet, and what uses them is refused", "tune.stick-counters"},
	{InGlobal, Without, "the configuration is parsed at once", "force-cfg-parser-pause"},
	{InGlobal, Planned, "what waits in the kernel for one peer is bounded already", "tune.notsent-lowat.client, tune.notsent-lowat.server"},
	{InGlobal, Planned, "datagrams and log rings have the kernel's buffers", "tune.rcvbuf.backend, tune.rcvbuf.frontend, tune.sndbuf.backend, tune.sndbuf.frontend"},
	{InGlobal, Planned, whyLua, "lua-load, lua-load-per-thread, lua-prepend-path"},
	{InGlobal, Planned, whyDevices, "51degrees-allow-unmatched, 51degrees-cache-size, 51degrees-data-file, 51degrees-difference, 51degrees-drift, 51degrees-property-name-list, 51degrees-property-separator, 51degrees-use-performance-graph, 51degrees-use-predictive-graph, deviceatlas-json-file, deviceatlas-log-level, deviceatlas-properties-cookie, deviceatlas-separator, wurfl-cache-size, wurfl-data-file, wurfl-information-list, wurfl-information-list-separator"},
	{InGlobal, Planned, "other programs are not started", "external-check"},
	{InGlobal, Planned, "header names keep the case they came in", "h1-case-adjust, h1-case-adjust-file"},
	{InGlobal, Planned, "framing is strict", "h1-accept-payload-with-any-method, h1-do-not-close-on-insecure-transfer-encoding"},
	{InGlobal, Planned, "capabilities are kept as the process needs them", "setcap"},
	{InGlobal, Planned, "bound ports are not refused by number", "harden.reject-privileged-ports.tcp, harden.reject-privileged-ports.quic"},
	{InGlobal, Planned, "write the whole path and its mode in every bind", "unix-bind"},
	{InGlobal, Planned, "counters are kept across a reload without a file", "stats-file, shm-stats-file, shm-stats-file-max-objects"},
	{InGlobal, Planned, "statuses are counted by class", "http-err-codes, http-fail-codes"},
	{InGlobal, Planned, "write stats socket", "stats bind-process"},
})

// proxyOthers are HAProxy's keywords of proxies that are not read.
var proxyOthers = keywords([]group{
	{inProxy, Without, whyLoops, "bind-process"},
	{inProxy, Without, whyCopies, "option splice-auto!, option splice-request!, option splice-response!"},
	{inFront, Without, "counters are always live", "option contstats!"},
	{inFront, Without, whyH2, "option disable-h2-upgrade!"},
	{inFront, Without, "Connection alone is read and written, as by HAProxy itself whatever this option says", "option http-use-proxy-header!"},
	{inProxy, Without, "only short replies wait, for 20 ms at most; no option safe-replay lets them go on at once", "option http-no-delay!, option http-use-htx!"},
	{inFront, Without, "the kernel's acknowledgements are not delayed", "option tcp-smart-accept!"},
	{inBack, Without, "the kernel's acknowledgements are not delayed", "option tcp-smart-connect!"},
	{inBack, Without, "sticky requests do not wait behind others", "max-keep-alive-queue"},
	{inProxy, Planned, "answers are not compressed yet", "compression"},
	{InBackend, Planned, "write a server line", "dispatch, option transparent!, transparent"},
	{inProxy, Planned, whyMail, "email-alert from, email-alert level, email-alert mailers, email-alert myhostname, email-alert to"},
	{inFront, Planned, "a stream is logged at its end, or with option logasap once its answer begins", "log-steps"},
	{InFrontend | InBackend, Planned, "filters are not built", "filter"},
	{InBackend, Planned, "persistence is decided by the cookie and the server's state", "persist rdp-cookie"},
	{InFrontend, Planned, "backends are chosen by use_backend", "force-be-switch"},
	{inBack, Planned, "answers are not inspected for it", "option checkcache!"},
	{inFront, Planned, "header names keep the case they came in", "option h1-case-adjust-bogus-client!"},
	{inBack, Planned, "header names keep the case they came in", "option h1-case-adjust-bogus-server!"},
	{inProxy, Planned, "trailers are not dropped", "option http-drop-request-trailers!, option http-drop-response-trailers!"},
	{inProxy, Planned, "both directions share a timeout", "option independent-streams!"},
	{inBack, Planned, "other programs are not started; ask the server by option httpchk or option tcp-check", "option external-check, external-check command, external-check path"},
	{inBack, Planned, "use option tcp-check", "option ldap-check, option mysql-check, option pgsql-check, option spop-check"},
	{inProxy, Planned, "only option forwardfor is written", "option forwarded!"},
	{inProxy, Planned, "small buffers are not a choice", "option use-small-buffers!"},
	{InFrontend | InBackend, Planned, "use stats auth or http-request deny", "stats http-request"},
	{inProxy, Without, "the page has no columns of protocols; the metrics and show stat have what is counted of TLS", "stats show-modules"},
	{InBackend, Planned, whyTables, "stick match, stick on, stick store-request, stick store-response"},
	{InFrontend | InBackend, Planned, whyTables, "stick-table"},
	{InBackend, Planned, "FastCGI servers are not spoken to", "use-fcgi-app"},
	{InFrontend | InBackend, Planned, "name proxies by id", "guid"},
	{inBack, Planned, "idle connections per session are not limited apart", "max-session-srv-conns"},
	{inFront, Planned, whyQUIC, "quic-initial"},
	{InFrontend, Planned, "rules on a finished request are not built", "http-after-request"},
})

// bindOthers are HAProxy's options of bind lines that are not read.
var bindOthers = keywords([]group{
	{OnBind, Planned, "certificates are not made for each name that clients ask for", "ca-sign-file=1, ca-sign-pass=1, ca-sign-use-chain, generate-certificates"},
	{OnBind, Planned, whySigalgs, "client-sigalgs=1, sigalgs=1"},
	{OnBind, Planned, whyEarly, "allow-0rtt"},
	{OnBind, Planned, "the client's first message is not encrypted", "ech=1"},
	{OnBind, Planned, whyKernel, "ktls=1"},
	{OnBind, Planned, whyNPN, "npn=1"},
	{OnBind, Planned, whyResponse, "ocsp-update=1"},
	{OnBind, Planned, whyQUIC, "quic-cc-algo=1, quic-force-retry, quic-socket=1"},
	{OnBind, Planned, "the NetScaler header is not read", "accept-netscaler-cip=1"},
	{OnBind, Planned, "the kernel's values stand", "cc=1, tcp-md5sig=1, idle-ping=1"},
	{OnBind, Planned, "transparent proxying is not built", "transparent, namespace=1"},
	{OnBind, Planned, "severity is set in the session by set severity-output", "severity-output=1"},
	{OnBind, Planned, "reverse connections are not made", "nbconn=1"},
	{OnBind, Planned, "listeners are named by name and id", "guid-prefix=1, label=1"},
	{OnBind, Without, whyLoops, "process=1, shards=1, thread=1"},
})

// serverOthers are HAProxy's options of server lines that are not read.
var serverOthers = keywords([]group{
	{OnServer, Planned, "TLS 1.2 and 1.3 alone are spoken", "force-sslv3, force-tlsv10, force-tlsv11"},
	{OnServer, Planned, "nothing is agreed on again within a connection", "renegotiate"},
	{OnServer, Planned, whySigalgs, "client-sigalgs=1, sigalgs=1"},
	{OnServer, Planned, whyEarly, "allow-0rtt"},
	{OnServer, Planned, whyKernel, "ktls=1"},
	{OnServer, Planned, whyNPN, "npn=1"},
	{OnServer, Planned, whyProxyOut, "proxy-v2-options=1, send-proxy-v2-ssl, send-proxy-v2-ssl-cn, set-proxy-v2-tlv-fmt=1"},
	{OnServer, Planned, whyDNS, "resolve-net=1, resolve-opts=1, resolve-prefer=1, resolvers=1"},
	{OnServer, Planned, "the kernel chooses the source address", "namespace=1, usesrc=1"},
	{OnServer, Planned, "SOCKS4 is not spoken", "socks4=1, check-via-socks4"},
	{OnServer, Planned, "checks go by the server's own protocol", "check-proto=1, check-pool-conn-name=1, check-reuse-pool, healthcheck=1"},
	{OnServer, Planned, "servers are named by name and id", "guid=1"},
	{OnServer, Planned, "use http-request redirect", "redir=1"},
	{OnServer, Planned, "connections are not retired by their number of requests", "strict-maxconn, idle-ping=1"},
	{OnServer, Planned, "the kernel's values stand", "cc=1, tcp-md5sig=1"},
	{OnServer, Planned, "syslog is written, not forwarded", "log-bufsize=1, log-proto=1"},
	{OnServer, Without, "idle connections are kept by their own rules", "pool-conn-name=1"},
	{OnServer, Without, "it takes back what is never there", "no-check-sni-auto, no-send-proxy-v2-ssl, no-send-proxy-v2-ssl-cn, no-tfo, no-check-reuse-pool, no-renegotiate"},
	{OnServer, Without, "there are no stick tables", "non-stick, stick"},
	{OnServer, Without, "connections are kept, so that their first packet matters little", "tfo"},
})
