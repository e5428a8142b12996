package main

import (
	"fmt"
	"strings"
)

// row is one workload of the table.
type row struct {
	name    string
	title   string
	conns   int
	body    int // bytes of an answer's body, or of a WebSocket message
	uris    int // how many different URIs are asked for, one after the other; 0: one
	rate    int // requests per second, begun by the clock; 0: each answer begins the next
	loops   int // threads of the proxy, each with a core of its own as far as there are any; 0: one
	balance string
	options string // more lines for the section defaults

	webSocket bool
	closing   bool   // a new connection for each request
	key       string // of the certificate: over TLS 1.3, AES-128-GCM and X25519 alone; empty: in clear
	resumed   bool   // each connection resumes a session by its ticket
	upload    int    // bytes of each request's body
	idle      bool   // connections are opened and left alone: what they cost is memory
	log       bool   // every request logged in HAProxy's httplog format to a syslog socket

	target target
}

// target is what the first proxy's figure shall reach; 0: nothing is asked.
type target struct {
	haproxy float64 // at most so much of HAProxy's figure
	nginx   float64 // at most so much of nginx's
	own     float64 // at most this figure itself
}

// pacedRate is a load that every proxy here carries with half of a core to spare,
// so that the latencies are those of the work and not of a queue.
const pacedRate = 20_000

var rows = append([]row{
	{name: "h1-64", title: "HTTP/1 keep-alive, 64 connections, 100 B", conns: 64, body: 100, target: target{haproxy: 0.75, nginx: 1}},
	{name: "h1-1000", title: "HTTP/1 keep-alive, 1,000 connections, 100 B", conns: 1000, body: 100, target: target{haproxy: 0.75, nginx: 1}},
	{name: "h1-4000", title: "HTTP/1 keep-alive, 4,000 connections, 100 B", conns: 4000, body: 100, target: target{haproxy: 0.75, nginx: 1}},
	{name: "h1-16k", title: "HTTP/1 keep-alive, 64 connections, 16 KiB", conns: 64, body: 16 << 10, target: target{haproxy: 0.75, nginx: 1}},
	{name: "h1-1m", title: "HTTP/1 keep-alive, 64 connections, 1 MiB, `option splice-auto`", conns: 64, body: 1 << 20, options: "    option splice-auto", target: target{haproxy: 1}},
	{name: "h1-close", title: "a connection per request, 64 at once, 100 B", conns: 64, body: 100, closing: true, target: target{haproxy: 1}},
	{name: "h1-hash", title: "`balance uri`, `hash-type consistent`, 10,000 URIs, 64 connections, 100 B", conns: 64, body: 100, uris: 10_000, balance: "uri\n    hash-type consistent", target: target{haproxy: 0.75, nginx: 1}},
	{name: "ws-1000", title: "WebSocket echo, 1,000 connections, 64 B, per message there and back", conns: 1000, body: 64, webSocket: true, target: target{haproxy: 0.85}},
	{name: "ws-idle", title: "memory of an idle WebSocket, 9,000 open, `option httplog`", conns: 9000, body: 64, webSocket: true, idle: true, log: true, target: target{own: 1}},
	{name: "h1-64-log", title: "HTTP/1 keep-alive, 64 connections, 100 B, every request logged by UDP", conns: 64, body: 100, log: true, target: target{haproxy: 0.85}},
	{name: "h1-64-paced", title: "p99 at 20,000 requests/s, begun by the clock, 64 connections, 100 B", conns: 64, body: 100, rate: pacedRate, target: target{haproxy: 1}},
	{name: "h1-64-2loops", title: "HTTP/1 keep-alive, 64 connections, 100 B, two loops on two cores, load and servers on the second", conns: 64, body: 100, loops: 2},
}, secured()...)

// secured are the rows over TLS. What RSA costs is Go's arithmetic against OpenSSL's: it
// has no target.
func secured() []row {
	return []row{
		{name: "tls-64", title: "TLS, HTTP/1 keep-alive, 64 connections, 100 B", conns: 64, body: 100, key: ecdsaKey, target: target{haproxy: 0.85}},
		{name: "tls-16k", title: "TLS, HTTP/1 keep-alive, 64 connections, 16 KiB", conns: 64, body: 16 << 10, key: ecdsaKey, target: target{haproxy: 1}},
		{name: "tls-ecdsa", title: "TLS, a handshake per request, ECDSA P-256, 64 at once", conns: 64, body: 100, closing: true, key: ecdsaKey, target: target{haproxy: 1.1}},
		{name: "tls-rsa", title: "TLS, a handshake per request, RSA 2048, 64 at once", conns: 64, body: 100, closing: true, key: rsaKey},
		{name: "tls-resumed", title: "TLS, a resumed handshake per request, 64 at once", conns: 64, body: 100, closing: true, key: ecdsaKey, resumed: true, target: target{haproxy: 1.1}},
		{name: "tls-ws-1000", title: "TLS, WebSocket echo, 1,000 connections, 64 B, per message there and back", conns: 1000, body: 64, webSocket: true, key: ecdsaKey, target: target{haproxy: 0.85}},
		{name: "tls-idle", title: "memory of an idle TLS connection after a request, 4,000 open", conns: 4000, body: 100, idle: true, key: ecdsaKey},
		{name: "tls-idle-1m", title: "memory of an idle TLS connection after an upload of 1 MiB, 1,000 open", conns: 1000, body: 100, upload: 1 << 20, idle: true, key: ecdsaKey},
	}
}

// figure is the number that the row compares: CPU time in µs, a latency in µs or
// memory in KiB. Less is better.
func (r row) figure(m round) float64 {
	switch {
	case r.idle:
		return m.KiBPerConn
	case r.rate > 0:
		return m.P99
	}
	return m.MicrosPerRequest
}

// show is the row's cell of the table.
func (r row) show(m round) string {
	switch {
	case r.idle:
		return fmt.Sprintf("%.2f KiB", m.KiBPerConn)
	case r.rate > 0:
		return fmt.Sprintf("p50 %.0f, p99 %.0f µs (%.1f µs)", m.P50, m.P99, m.MicrosPerRequest)
	}
	return fmt.Sprintf("%.1f µs, %s/s", m.MicrosPerRequest, thousands(m.PerSecond))
}

func thousands(n float64) string {
	if n < 10_000 {
		return fmt.Sprintf("%.1fk", n/1000)
	}
	return fmt.Sprintf("%.0fk", n/1000)
}

// descriptors is what one load opens at most under the row: a client's and a server's
// end of each connection, and some more.
func (r row) descriptors() int { return 2*r.conns + 100 }

// threads is the number of the proxy's loops.
func (r row) threads() int { return max(1, r.loops) }

// sliced says whether the proxies take turns within the row: not where the clock begins
// requests or nothing is asked.
func (r row) sliced() bool { return !r.idle && r.rate == 0 }

// choose returns the entries of all that a comma-separated list names, in the
// list's order; an empty list means all.
func choose[T any](all []T, list string, name func(T) string) ([]T, error) {
	if list == "" {
		return all, nil
	}
	var chosen []T
	for want := range strings.SplitSeq(list, ",") {
		found := false
		for _, one := range all {
			if name(one) == want {
				chosen, found = append(chosen, one), true
			}
		}
		if !found {
			return nil, fmt.Errorf("%q is not one of %s", want, names(all, name))
		}
	}
	return chosen, nil
}

func names[T any](all []T, name func(T) string) string {
	var list []string
	for _, one := range all {
		list = append(list, name(one))
	}
	return strings.Join(list, ", ")
}
