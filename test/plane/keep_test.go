package plane

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// replies answers every request on a connection with the same bytes.
func replies(reply string) func(*peer) {
	return func(p *peer) {
		for {
			p.request()
			p.send(reply)
		}
	}
}

// once answers one request and closes.
func once(reply string) func(*peer) {
	return func(p *peer) {
		p.request()
		p.send(reply)
	}
}

// asks sends requests one after the other on one connection, each after the
// reply before it, and then reads to the end.
func asks(requests ...string) func(*world, func() *peer) {
	return func(_ *world, dial func() *peer) {
		c := dial()
		for _, r := range requests {
			c.send(r)
			c.reply(strings.Fields(r)[0])
		}
		c.closeWrite()
		c.rest()
	}
}

func get(version string, fields ...string) string {
	return "GET / HTTP/" + version + "\r\nHost: a\r\n" + lines(fields) + "\r\n"
}

func lines(fields []string) string {
	if len(fields) == 0 {
		return ""
	}
	return strings.Join(fields, "\r\n") + "\r\n"
}

// versionLine and hopField are what is said to the next side only. bascule
// speaks HTTP/1.1 whatever the other side speaks (RFC 9112 §2.3), and passes
// none of this on (RFC 9110 §7.6.1); haproxy passes on the version and most
// of the fields.
var (
	versionLine = regexp.MustCompile(`(?m)^(?:HTTP/1\.(\d)( .*)|([A-Z]+ \S+) HTTP/1\.(\d))((?:\n.+)*)`)
	hopField    = regexp.MustCompile(`(?m)^(?:connection|proxy-connection|keep-alive|te|x-hop):.*\n?`)
)

// meaning replaces the version and the fields of a hop by what they mean: may
// the connection be used again?
func meaning(s string) string {
	return versionLine.ReplaceAllStringFunc(s, func(head string) string {
		m := versionLine.FindStringSubmatch(head)
		minor, fields := m[1]+m[4], m[5]+"\n"
		keeps := minor == "1"
		for _, line := range strings.Split(fields, "\n") {
			if v, ok := strings.CutPrefix(line, "connection: "); ok {
				keeps = (keeps || v == "keep-alive") && v != "close"
			}
		}
		return fmt.Sprintf("%s%s (keeps: %v)%s", m[2], m[3], keeps, strings.TrimSuffix(hopField.ReplaceAllString(fields, ""), "\n"))
	})
}

// TestConnectionsAreKeptAndClosedAsHAProxyDoes compares the Connection fields
// on both sides, and how many connections there are, for every mode.
func TestConnectionsAreKeptAndClosedAsHAProxyDoes(t *testing.T) {
	t.Parallel()
	requests := map[string][]string{
		"1.1":                              {get("1.1"), get("1.1")},
		"1.1 that closes":                  {get("1.1", "Connection: close")},
		"1.1 that keeps":                   {get("1.1", "Connection: keep-alive"), get("1.1", "Connection: keep-alive")},
		"1.0":                              {get("1.0")},
		"1.0 that keeps":                   {get("1.0", "Connection: keep-alive"), get("1.0", "Connection: Keep-Alive")},
		"1.1 with Keep-Alive":              {get("1.1", "Connection: keep-alive, X-Hop", "Keep-Alive: timeout=5", "X-Hop: 1")},
		"1.1 with Proxy-Connection":        {get("1.1", "Proxy-Connection: close"), get("1.1", "Proxy-Connection: keep-alive")},
		"1.0 that keeps and closes":        {get("1.0", "Connection: keep-alive, close")},
		"1.0 that keeps its proxy":         {get("1.0", "Proxy-Connection: keep-alive")},
		"1.1 with TE":                      {get("1.1", "Connection: TE", "TE: trailers")},
		"1.1 that closes after it has not": {get("1.1"), get("1.1", "Connection: close")},
	}
	servers := map[string]func(*peer){
		"1.1":                        replies(hello),
		"1.1 that closes":            once("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"),
		"1.0":                        once("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
		"1.0 that keeps":             replies("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"),
		"1.1 that keeps":             replies("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=9\r\nContent-Length: 5\r\n\r\nhello"),
		"1.1 with chunks":            replies("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
		"1.1 with Connection fields": replies("HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 5\r\n\r\nhello"),
	}
	modes := []string{"option http-keep-alive", "option http-server-close", "option httpclose"}
	for _, mode := range modes {
		for rn, rs := range requests {
			for sn, s := range servers {
				if strings.Contains(sn, "chunks") && strings.HasPrefix(rn, "1.0") {
					continue // haproxy sends chunks to clients of HTTP/1.0, which do not know them
				}
				if mode != modes[0] && sn != "1.1" && sn != "1.0 that keeps" && sn != "1.1 with chunks" {
					continue
				}
				t.Run(mode+", client "+rn+", server "+sn, func(t *testing.T) {
					t.Parallel()
					compare(t, &exchange{defaults: mode, server: s, client: asks(rs...), same: meaning})
				})
			}
		}
	}
}

// TestTheModesOfBothProxiesAddUp compares what a frontend's and a backend's mode
// make together.
func TestTheModesOfBothProxiesAddUp(t *testing.T) {
	t.Parallel()
	modes := []string{"option http-keep-alive", "option http-server-close", "option httpclose"}
	for _, front := range modes {
		for _, back := range modes {
			for name, r := range map[string][]string{
				"1.1": {get("1.1"), get("1.1")}, "1.0": {get("1.0", "Connection: keep-alive"), get("1.0", "Connection: keep-alive")},
			} {
				t.Run(front+", "+back+", client "+name, func(t *testing.T) {
					t.Parallel()
					compare(t, &exchange{front: front, back: back, server: replies(hello), client: asks(r...), same: meaning})
				})
			}
		}
	}
}
