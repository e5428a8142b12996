package plane

import (
	"os"
	"path/filepath"
	"testing"
)

// TestAnswersFromFilesAsInHAProxy compares return and deny in all forms that
// read files.
func TestAnswersFromFilesAsInHAProxy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := file("plain.txt", "as it is %[path]\n")
	formatted := file("format.txt", "path %[path] of %[src]\n")
	reply := file("reply.txt", "status %[status]\n")
	whole := file("whole.http", "HTTP/1.1 404 Not Here\r\nContent-Type: text/plain\r\nX-File: yes\r\nContent-Length: 12\r\n\r\nfrom a file\n")
	empty := file("empty.txt", "")
	sections := "\nhttp-errors mine\n    errorfile 404 " + whole + "\n    errorfile 403 " + empty
	three := []string{"GET /1 HTTP/1.1\r\n\r\n", "GET /2 HTTP/1.1\r\n\r\n", "HEAD /1 HTTP/1.1\r\n\r\n"}
	for name, r := range map[string]*ruled{
		"return with a file":        {front: "http-request return status 200 content-type text/plain file " + plain + " hdr X-A %[path] if { path /1 }", requests: three},
		"return with an empty file": {front: "http-request return status 200 content-type text/plain file " + empty + " if { path /1 }", requests: three},
		"return with a format":      {front: "http-request return status 200 content-type text/plain lf-file " + formatted + " if { path /1 }", requests: three},
		"return with an error file": {front: "http-request return status 404 errorfile " + whole + " if { path /1 }", requests: three},
		"return with error files":   {global: sections, front: "http-request return status 404 errorfiles mine if { path /1 }", requests: three},
		"return with the defaults":  {global: sections, front: "errorfiles mine 404\nhttp-request return status 404 default-errorfiles if { path /1 }", requests: three},
		"deny with a file":          {front: "http-request deny status 429 content-type text/plain file " + plain + " if { path /1 }", requests: three[:2]},
		"deny with a format":        {front: "http-request deny status 403 content-type text/plain lf-file " + formatted + " if { path /1 }", requests: three[:2]},
		"deny with an error file":   {front: "http-request deny status 404 errorfile " + whole + " if { path /1 }", requests: three[:2]},
		"deny with error files":     {global: sections, front: "http-request deny status 404 errorfiles mine if { path /1 }", requests: three[:2]},
		"deny with the defaults":    {global: sections, front: "errorfiles mine 404\nhttp-request deny status 404 default-errorfiles if { path /1 }", requests: three[:2]},
		"deny of a reply, by a file": {back: "http-response deny status 502 content-type text/plain lf-file " + reply, requests: three[1:2],
			own: outcome{client: "HTTP/1.1 502 Bad Gateway\ncontent-length: 11\ncontent-type: text/plain\n\nbody \"status 200\\n\""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compare(t, r.exchange())
		})
	}
}

// TestTimeoutsOfRulesAsInHAProxy compares set-timeout by what it does.
func TestTimeoutsOfRulesAsInHAProxy(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]*exchange{
		"server":                  {back: "http-request set-timeout server 1500ms", server: silent, client: asks(get("1.1"))},
		"server by an expression": {back: "http-request set-timeout server int(200)", server: silent, client: asks(get("1.1"))},
		"tunnel": {back: "http-request set-timeout tunnel 4s", server: func(p *peer) {
			p.request()
			p.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			p.rest()
		}, client: func(_ *world, dial func() *peer) {
			c := dial()
			c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			c.head()
			c.rest()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x.same = ownTexts
			compare(t, x)
		})
	}
}

// TestStatusesOfRulesAsInHAProxy compares what set-status makes of replies with
// and without a body.
func TestStatusesOfRulesAsInHAProxy(t *testing.T) {
	t.Parallel()
	const empty = "HTTP/1.1 204 No Content\r\n\r\n"
	const unchanged = "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"
	refused := outcome{
		client: "HTTP/1.1 500 Internal Server Error\ncache-control: no-cache\ncontent-length: N\ncontent-type: text/html\n\nbody PAGE\n\nEOF",
		log:    `fe be/s1 t/t/t/-1/t 500 - - PH-- 0 "GET / HTTP/1.1"`,
	}
	for _, x := range []struct {
		status, reply string
		own           outcome
	}{
		{status: "204", reply: hello}, {status: "304", reply: hello}, {status: "599", reply: hello}, {status: "999", reply: hello},
		{status: "304", reply: empty},
		// No client finds the end of what haproxy makes of these.
		{status: "200", reply: empty, own: outcome{client: "HTTP/1.1 200 OK\ncontent-length: 0\n\nbody \"\"\n\nEOF"}},
		{status: "200", reply: unchanged, own: outcome{client: "HTTP/1.1 200 OK\ncontent-length: 0\n\nbody \"\"\n\nEOF"}},
		// A final reply cannot become an interim one.
		{status: "100", reply: hello, own: refused}, {status: "101", reply: hello, own: refused}, {status: "199", reply: hello, own: refused},
	} {
		t.Run(x.status+" for "+x.reply[9:12], func(t *testing.T) {
			t.Parallel()
			compare(t, &exchange{
				back: "http-response set-status " + x.status, own: x.own, logs: 1, same: ownTexts,
				server: func(p *peer) {
					p.request()
					p.send(x.reply)
					p.hold()
				},
				client: func(_ *world, dial func() *peer) {
					c := dial()
					c.send(get("1.1"))
					c.closeWrite()
					c.reply("GET")
					c.rest()
				},
			})
		})
	}
}
