package plane

import (
	"fmt"
	"strings"
	"testing"
)

// numbered are requests with a path each, so that it shows which connection
// carried which.
func numbered(path string, fields ...string) string {
	return "GET /" + path + " HTTP/1.1\r\nHost: a\r\n" + lines(fields) + "\r\n"
}

// turns sends the words of a sentence as paths of requests, each on the
// connection of its first letter, one after the other.
func turns(words ...string) func(*world, func() *peer) {
	return func(_ *world, dial func() *peer) {
		conns := map[byte]*peer{}
		for _, word := range words {
			c := conns[word[0]]
			if c == nil {
				c = dial()
				conns[word[0]] = c
			}
			c.send(numbered(word))
			c.reply("GET")
		}
	}
}

// TestServerConnectionsAreSharedAsHAProxyDoes compares which request goes over
// which server connection.
func TestServerConnectionsAreSharedAsHAProxyDoes(t *testing.T) {
	t.Parallel()
	plays := map[string]func(*world, func() *peer){
		"two clients, one after the other": turns("a1", "a2", "b1", "b2", "a3"),
		"two clients in turns":             turns("a1", "b1", "a2", "b2", "a3", "b3"),
		"first requests only":              turns("a1", "b1", "c1", "d1"),
		"a proven connection":              turns("a1", "a2", "b1", "c1", "b2"),
	}
	for _, policy := range []string{"never", "safe", "aggressive", "always"} {
		for name, play := range plays {
			t.Run(policy+", "+name, func(t *testing.T) {
				t.Parallel()
				compare(t, &exchange{back: "http-reuse " + policy, server: replies(hello), client: play})
			})
		}
	}
	for _, options := range []string{"pool-max-conn 0", "pool-max-conn 1", "pool-purge-delay 0", "pool-low-conn 2"} {
		for _, policy := range []string{"never", "always"} {
			t.Run(options+", "+policy, func(t *testing.T) {
				t.Parallel()
				compare(t, &exchange{back: "http-reuse " + policy, options: options, server: replies(hello), client: turns("a1", "a2", "a3", "b1", "a4", "b2")})
			})
		}
	}
	two := func(reply string) []func(*peer) { return []func(*peer){replies(reply), replies(reply)} }
	for name, x := range map[string]*exchange{
		"never, two servers": {back: "http-reuse never", servers: two(hello), client: turns("a1", "a2", "a3", "b1", "a4", "b2")},
		"NTLM binds a connection to its client": {
			back:   "http-reuse always",
			server: replies("HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 2\r\n\r\nno"),
			client: turns("a1", "b1", "a2", "b2"),
		},
		"Basic does not": {
			back:   "http-reuse always",
			server: replies("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 2\r\n\r\nno"),
			client: turns("a1", "b1", "a2", "b2"),
		},
		"a login stays with its server": {
			servers: two("HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 2\r\n\r\nno"),
			client:  turns("a1", "a2", "b1", "b2", "a3"),
		},
		"prefer-last-server":                {back: "option prefer-last-server", servers: two(hello), client: turns("a1", "a2", "b1", "b2", "a3")},
		"prefer-last-server, reuse never":   {back: "option prefer-last-server\nhttp-reuse never", servers: two(hello), client: turns("a1", "a2", "b1", "b2", "a3")},
		"no prefer-last-server":             {servers: two(hello), client: turns("a1", "a2", "b1", "b2", "a3")},
		"prefer-last-server, balance first": {back: "option prefer-last-server\nhttp-reuse never\nbalance uri", servers: two(hello), client: turns("a1", "a2", "b1", "b2", "a3")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compare(t, x)
		})
	}
}

// TestOptionsOfConnections compares the options that change what is said of a
// connection, or how it ends.
func TestOptionsOfConnections(t *testing.T) {
	t.Parallel()
	cases := map[string]*exchange{
		"probes that end":      {front: "option http-ignore-probes", client: probe, logs: -1},
		"probes that time out": {front: "option http-ignore-probes", defaults: "timeout http-request 100ms", client: waiting, logs: -1},
		"null that times out":  {front: "option dontlognull", defaults: "timeout http-request 100ms", client: waiting, logs: -1, same: firstLine},
		// A client that has not sent it by then is a probe that times out.
		"half a probe":        {front: "option http-ignore-probes", defaults: "timeout http-request 4s", client: asks("GET / HT"), same: ownTexts},
		"originalto":          {back: "option originalto", server: replies(hello), client: asks(get("1.1")), same: withoutAddress},
		"originalto, by name": {front: "option originalto header X-To", server: replies(hello), client: asks(get("1.1", "X-To: b")), same: withoutAddress},
		"originalto, except":  {back: "option originalto except 127.0.0.0/8", server: replies(hello), client: asks(get("1.1")), same: withoutAddress},
		"originalto, both":    {front: "option originalto header X-Front", back: "option originalto header X-Back", server: replies(hello), client: asks(get("1.1")), same: withoutAddress},
	}
	for _, mode := range []string{"http-keep-alive", "http-server-close", "httpclose"} {
		for _, version := range []string{"1.0", "1.1"} {
			cases[fmt.Sprintf("pretend-keepalive, %s, client %s", mode, version)] = &exchange{
				back: "option http-pretend-keepalive\noption " + mode, server: replies(hello),
				client: asks(get(version, "Connection: keep-alive"), get(version, "Connection: keep-alive")), same: meaning,
			}
		}
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compare(t, x)
		})
	}
}

func probe(_ *world, dial func() *peer) {
	c := dial()
	c.closeWrite()
	c.rest()
}

func waiting(_ *world, dial func() *peer) { dial().rest() }

// firstLine hides all of a page but its status.
func firstLine(s string) string {
	line, _, _ := strings.Cut(ownTexts(s), "\\r\\n")
	return line
}

// withoutAddress hides the address of the site, which each proxy has its own of.
func withoutAddress(s string) string { return siteAddress.ReplaceAllString(s, "ADDRESS") }
