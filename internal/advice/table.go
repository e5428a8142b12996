package advice

// table is all advice. The ids and the sentences are an interface: programs
// filter by the first, people search the second.
var table = []Advice{
	{
		ID:      "timeout-missing",
		What:    "timeout client, server or connect is not set.",
		Why:     "A peer that falls silent then holds its connection for ever; each costs a descriptor until none is left.",
		Instead: "timeout connect 5s, timeout client 60s and timeout server 60s in defaults",
		find:    timeoutMissing,
	}, {
		ID:      "timeout-tunnel",
		What:    "timeout tunnel is not set, and every HTTP backend can turn into a tunnel: a WebSocket is one.",
		Why:     "Without it a tunnel is ended by the shorter of timeout client and timeout server: a chat in which nobody speaks for a minute is cut.",
		Instead: "timeout tunnel 1h, longer than the pings of the application are apart",
		find:    timeoutTunnel,
	}, {
		ID:      "timeout-http-request",
		What:    "timeout http-request is not set on an HTTP frontend.",
		Why:     "A client may then send its head a byte at a time for as long as timeout client lasts after each byte; a few thousand such clients fill maxconn.",
		Instead: "timeout http-request 10s",
		find:    timeoutHTTPRequest,
	}, {
		ID:      "timeout-queue",
		What:    "Servers have a maxconn, and timeout queue is not set.",
		Why:     "A request that waits for a slot then waits as long as timeout connect, and for ever where that is missing; its user has left long before.",
		Instead: "timeout queue 30s, or less than the users wait",
		find:    timeoutQueue,
	}, {
		ID:      "queue-without-maxconn",
		What:    "timeout queue is set, and no server has a maxconn.",
		Why:     "Nothing ever waits: every request is sent at once, and a slow server gets all of them together.",
		Instead: "server … maxconn N, with N what the server can work on at a time",
		find:    queueWithoutMaxconn,
	}, {
		ID:      "hash-scatters-segments",
		What:    "balance uri hashes whole paths, and the requests are segments of media.",
		Why:     "/hls/track-1/seg-1.ts and seg-2.ts are different keys, so one track is spread over all servers: measured with 2,000 tracks, not one had its segments on one server. Each server's cache then holds all tracks.",
		Instead: "balance uri depth 2: /hls/track-1 is the key",
		find:    hashScatters,
	}, {
		ID:      "hash-includes-query",
		What:    "balance uri whole hashes the query too.",
		Why:     "A token, a time or a random number behind the question mark sends the same object to another server each time.",
		Instead: "balance uri, with depth where paths are long",
		find:    hashQuery,
	}, {
		ID:      "hash-map-based",
		What:    "The key is mapped by hash-type map-based, which is the default.",
		Why:     "When one of N servers goes down or comes back, the table is built anew and about (N-1)/N of all keys change their server: caches are cold just when a server is missing.",
		Instead: "hash-type consistent: about 1/N of the keys move",
		find:    hashMapBased,
	}, {
		ID:      "ring-uneven",
		What:    "hash-type consistent with small weights: the ring has few points.",
		Why:     "A server has 16 points for each unit of weight. With few points the shares are uneven; what they are in this file stands in the finding.",
		Instead: "weight 100 on every server of the backend, in one change: it moves keys once",
		find:    ringUneven,
	}, {
		ID:      "server-id-missing",
		What:    "Servers are placed by their number, and it is not written.",
		Why:     "Without id the number is the place in the file: a line that is removed renumbers all below it, and their keys move to other servers.",
		Instead: "server … id 1, id 2 and so on; never reused",
		find:    serverIDMissing,
	}, {
		ID:      "redispatch-last-retry",
		What:    "option redispatch without a number moves on the last retry only.",
		Why:     "HAProxy asks the dead server retries times, a second apart, before it asks another: measured, each request of a sticky user took 2.0 s until the server was marked down. bascule moves at once when the connection is refused, and keeps the schedule when it times out.",
		Instead: "option redispatch 1",
		find:    redispatchLast,
	}, {
		ID:      "redispatch-off",
		What:    "A backend of several servers without option redispatch whose clients have a cookie, or without bascule's own retries.",
		Why:     "Requests that a cookie holds to a server that refuses connections end with 503 although another server could answer, until that server is found down. In HAProxy so do all others: measured, 64 of 3,435 when one of two servers was killed.",
		Instead: "option redispatch 1",
		find:    redispatchOff,
	}, {
		ID:      "retries-0",
		What:    "retries 0.",
		Why:     "One refused connection, as each restart of a server makes, is a 503 for its user. A connection that did not come about carried no request: trying again is safe.",
		Instead: "retries 3, with option redispatch 1",
		find:    retriesZero,
	}, {
		ID:      "check-missing",
		What:    "A server without check.",
		Why:     "It counts as up whatever happens: when it dies it goes on getting its share of the requests, and each of them waits and fails.",
		Instead: "default-server check inter 2s fall 3 rise 2",
		find:    checkMissing,
	}, {
		ID:      "check-slow",
		What:    "inter times fall is long.",
		Why:     "So long a dead server stays in rotation, and stays the one that its users' cookies ask for.",
		Instead: "inter 2s, or fastinter 500ms beside a long inter: it is used once a check has failed",
		find:    checkSlow,
	}, {
		ID:      "tunnel-outlives-server",
		What:    "Checked servers without on-marked-down shutdown-sessions.",
		Why:     "A WebSocket to a server that was marked down stays until it is idle for timeout tunnel: its user waits for messages that never come.",
		Instead: "default-server on-marked-down shutdown-sessions",
		find:    tunnelOutlives,
	}, {
		ID:      "slowstart-static",
		What:    "slowstart with an algorithm whose weights do not change while it runs.",
		Why:     "static-rr and map-based hashing give a server its whole weight at once; slowstart is accepted and does nothing.",
		Instead: "balance roundrobin or leastconn, or hash-type consistent",
		find:    slowstartStatic,
	}, {
		ID:      "minconn-half-set",
		What:    "minconn without maxconn or fullconn, or fullconn without minconn.",
		Why:     "The limit grows from minconn to maxconn as the backend's load grows to fullconn. Without maxconn there is nothing to grow to, and minconn is the limit; without fullconn it grows until a tenth of what the frontends' maxconn let in is there, which nobody wrote down.",
		Instead: "all three: fullconn 1000 in the backend, minconn 10 maxconn 100 on its servers",
		find:    minconnHalf,
	}, {
		ID:      "cookie-flags",
		What:    "The persistence cookie lacks HttpOnly, Secure or SameSite.",
		Why:     "Without HttpOnly a script of the page reads it; without Secure it travels in clear once the user types http://; without SameSite it comes with requests that other sites cause.",
		Instead: "cookie SRV insert indirect nocache httponly secure attr \"SameSite=Lax\"; secure only where users come by https",
		find:    cookieFlags,
	}, {
		ID:      "forwardfor-trust",
		What:    "option forwardfor adds to what the client wrote into the header.",
		Why:     "Clients can send X-Forwarded-For themselves, and an application that takes the first value believes them: limits, logs and allow lists are theirs to choose.",
		Instead: "http-request del-header X-Forwarded-For before it, in the frontend that clients reach",
		find:    forwardForTrust,
	}, {
		ID:      "httpclose",
		What:    "option httpclose.",
		Why:     "Every request then opens a connection to us and another to a server: round trips for the user, with TLS two more, and CPU on three machines.",
		Instead: "nothing: connections are kept by default. option http-server-close where a server cannot keep them",
		find:    httpClose,
	}, {
		ID:      "stats-open",
		What:    "The statistics page or the metrics without a password, on an address that others reach.",
		Why:     "It names every server, address, state and rate to whoever asks.",
		Instead: "bind 127.0.0.1:9100, or stats auth, or http-request deny unless { src 10.0.0.0/8 }",
		find:    statsOpen,
	}, {
		ID:      "socket-open",
		What:    "A runtime socket of level admin that others may write to.",
		Why:     "Who can write to it can take every server out of rotation.",
		Instead: "stats socket /run/haproxy/admin.sock mode 660 group haproxy level admin",
		find:    socketOpen,
	}, {
		ID:      "no-default-backend",
		What:    "A frontend whose use_backend lines all have conditions, and no default_backend.",
		Why:     "Requests that none of them takes get 503, which looks like an outage.",
		Instead: "default_backend, or http-request deny deny_status 404 as the last rule",
		find:    noDefaultBackend,
	}, {
		ID:      "ciphers-unusable",
		What:    "A cipher suite or a curve that Go's TLS does not have, or a list of TLS 1.3 that leaves one out.",
		Why:     "bascule's TLS is Go's crypto/tls: it has neither DHE nor CAMELLIA nor 3DES, and of TLS 1.3 always AES and CHACHA20. A name that is not there is left out of the list.",
		Instead: "the ECDHE suites with GCM or CHACHA20; TLS 1.3 chooses by itself",
		find:    ciphersUnusable,
	}, {
		ID:      "without-meaning",
		What:    "A keyword that is accepted and does nothing here.",
		Why:     "It tunes what bascule does otherwise or does not have; the reason stands in the finding. It does no harm and can stay.",
		Instead: "nothing",
		find:    withoutMeaning,
	},
}
