package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// An exchange is one client connection with its requests.
type exchange struct {
	number   int
	requests []request
	pipeline bool // all requests in one write, before a reply is read
}

// A request is what the client sends, and what it must know to read the reply.
type request struct {
	id     string
	method string
	head   string // with the empty line
	body   string // as framed
	odd    string // what is wrong with it; empty: nothing
	old    bool   // HTTP/1.0
	expect bool   // it waits for a reply, 100 or final, before its body
}

// generate makes exchange n of a seed; each stands for itself, so that one can
// be played again alone.
func generate(seed uint64, n int) exchange {
	g := generator{rand.New(rand.NewPCG(seed, uint64(n)))}
	e := exchange{number: n}
	for i := range 1 + g.IntN(3)*g.IntN(2) {
		r := g.request(fmt.Sprintf("%d.%d", n, i))
		e.requests = append(e.requests, r)
		if r.odd != "" || r.old || hangsUp.MatchString(r.head) {
			break // nothing behind it is answered, by one of the two at least
		}
	}
	e.pipeline = g.one(4)
	for _, r := range e.requests {
		e.pipeline = e.pipeline && !r.expect && r.odd == ""
	}
	return e
}

type generator struct{ *rand.Rand }

// one is true once in n.
func (g generator) one(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g generator, of ...T) T { return of[g.IntN(len(of))] }

func (g generator) request(id string) request {
	r := request{id: id, method: g.method()}
	minor := 1
	if g.one(10) {
		minor = 0
	}
	r.old = minor == 0
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	host := pick(g, "a.test", "b.test", "A.Test", "a.test:8080")
	odd := g.one(12)
	target := g.target(r.method, host)
	if odd { // to a server that is the same whether both let it pass or not
		target = "/ring/odd?do=200.length.5."
	}
	add("%s %s HTTP/1.%d", r.method, target, minor)
	if minor == 1 || g.one(2) {
		add("Host: %s", host)
	}
	add("X-Id: %s", id)
	for range g.IntN(7) {
		add("%s", g.field())
	}
	if g.one(12) {
		add("Connection: %s", pick(g, "close", "keep-alive", "Keep-Alive, X-Hop", "close, TE"))
	}
	var body []string
	// haproxy answers 413 to a body of GET, HEAD or DELETE in HTTP/1.0.
	if takesBody(r.method) && !g.one(4) || minor == 1 && g.one(30) {
		body, r.body = g.body(minor)
		lines = append(lines, body...)
		if minor == 1 && len(r.body) > 0 && g.one(8) {
			r.expect = true
			add("Expect: 100-continue")
		}
	}
	if odd {
		lines, r.odd = g.spoil(lines)
	}
	r.head = strings.Join(lines, "\r\n") + "\r\n\r\n"
	return r
}

func takesBody(method string) bool { return method == "POST" || method == "PUT" || method == "PATCH" }

func (g generator) method() string {
	return pick(g, "GET", "GET", "GET", "GET", "GET", "GET", "POST", "POST", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "PURGE", "FOO")
}

var areas = []string{"/", "/a", "/api/x", "/API/y", "/deny", "/slow-down", "/x.php", "/top-Secret", "/old", "/moved/here", "/secure", "/inside",
	"/gone/away", "/rewrite/me", "/none", "/refused", "/sticky", "/sticky/x", "/ring/1", "/ring/2/3", "/map/1", "/map/2", "/closing", "/reusing", "/hls/track-1/seg-1.ts"}

func (g generator) target(method, host string) string {
	if method == "OPTIONS" && g.one(2) {
		return "*"
	}
	t := pick(g, areas...)
	for range g.IntN(3) {
		t += pick(g, "/", "/x", "/%41", "/..", "//", "/a;b=1", "/~u", "/%zz", "/+")
	}
	t += "?do=" + g.deed()
	for range g.IntN(3) {
		t += pick(g, "&a=1", "&add=1", "&x", "&=", "&b=%20c", "&long="+strings.Repeat("z", g.IntN(300)))
	}
	if g.one(25) {
		t = "http://" + host + t
	}
	return t
}

// deed is what the server shall do: status, framing, size, and letters for more.
func (g generator) deed() string {
	status := pick(g, 200, 200, 200, 200, 200, 201, 204, 206, 301, 304, 400, 403, 404, 500, 503)
	framing := pick(g, "length", "length", "length", "chunked", "chunked", "close")
	size := pick(g, 0, 1, 10, 100, 1000, 5000, 17000, 70000)
	more := ""
	for _, letter := range "hkvwt" {
		if letter == 'h' && size > 5000 {
			continue // haproxy loses the end of a large reply behind an interim one
		}
		if g.one(9) {
			more += string(letter)
		}
	}
	if g.one(25) { // what follows an interim reply at once may come instead of it
		more = strings.Replace(more, "h", "", 1) + pick(g, "x", "n", "g", "l")
	}
	return fmt.Sprintf("%d.%s.%d.%s", status, framing, size, more)
}

func (g generator) field() string {
	return pick(g,
		"Accept: */*", "accept-encoding: gzip, br", "ACCEPT-LANGUAGE: de;q=0.5",
		"Cookie: a=1", "Cookie: SRV=one", "Cookie: a=1; SRV=two; c=3", "Cookie: SRV=gone; a=x", "Cookie: a=\"q;r\"; b", "cookie: SRV=two",
		"X-Forwarded-For: 192.0.2.1", "X-Many: abc", "X-Many: def", "X-List: a, b,c ,  b", "X-Drop: me", "x-drop: me too", "X-Let: 1",
		"Authorization: Bearer  two  spaces", "X-Empty:", "X-Blank:   ", "X-Tabs:\ta\tb\t", "X-Space:  a  b  ", "X-Latin: caf\xe9",
		"X-Long: "+strings.Repeat("y", g.IntN(2000)), "TE: trailers", "Range: bytes=0-9", "If-None-Match: \"x\"", "X_Under: 1", "X-Area: forged",
		"Upgrade: nothing", "Keep-Alive: 5", "Proxy-Connection: close", "Sec-WebSocket-Key: AbC==", "Origin: http://a.test")
}

// body returns the fields that announce a body, and the body.
func (g generator) body(minor int) (fields []string, body string) {
	data := strings.Repeat("0123456789abcdef", 6000)[:pick(g, 0, 1, 16, 1000, 9000, 16384, 90000)+g.IntN(10)]
	if minor == 0 || !g.one(3) {
		return []string{fmt.Sprintf("Content-Length: %d", len(data))}, data
	}
	var b strings.Builder
	for len(data) > 0 {
		n := min(len(data), 1+g.IntN(5000))
		fmt.Fprintf(&b, pick(g, "%x", "%X", "0%x", "%x;a=b", "%x ; c=\"d\""), n)
		b.WriteString("\r\n" + data[:n] + "\r\n")
		data = data[n:]
	}
	b.WriteString("0\r\n" + pick(g, "", "", "X-Sum: 1\r\n") + "\r\n")
	return []string{pick(g, "Transfer-Encoding: chunked", "transfer-encoding: Chunked")}, b.String()
}

// spoil makes a head that should not pass, and says how.
func (g generator) spoil(lines []string) (spoiled []string, how string) {
	how = pick(g, "length and coding", "two lengths", "list of lengths", "signed length", "space before the colon", "no colon", "empty name",
		"bad version", "control byte", "NUL", "fold", "two hosts", "space in the target", "unknown coding", "bare CR", "huge")
	extra := map[string][]string{
		"length and coding":      {"Content-Length: 5", "Transfer-Encoding: chunked"},
		"two lengths":            {"Content-Length: 5", "Content-Length: 6"},
		"list of lengths":        {"Content-Length: 5, 6"},
		"signed length":          {"Content-Length: +5"},
		"space before the colon": {"X-Odd : 1"},
		"no colon":               {"X-Odd"},
		"empty name":             {": odd"},
		"control byte":           {"X-Odd: a\x01b"},
		"NUL":                    {"X-Odd: a\x00b"},
		"fold":                   {"X-Odd: a", " b"},
		"two hosts":              {"Host: other.test"},
		"unknown coding":         {"Transfer-Encoding: gzip"},
		"bare CR":                {"X-Odd: a\rb"},
		"huge":                   {"X-Odd: " + strings.Repeat("h", 20000)},
	}[how]
	switch how {
	case "bad version":
		lines[0] = strings.Replace(lines[0], "HTTP/1.", pick(g, "HTTP/2.", "HTTP/1", "http/1.", "HTTP/1.1."), 1)
	case "space in the target":
		lines[0] = strings.Replace(lines[0], "?do", " ?do", 1)
	}
	return append(lines, extra...), how
}
