package balance

import (
	"bufio"
	"fmt"
	"testing"
)

// A keyCase is a request, its method, target and fields as they are sent, with
// the key that a "balance" line finds in it.
type keyCase struct {
	words  string
	server func(method, target string, fields []string, body string) (key string, ok bool)
	ask    []keyRequest
}

type keyRequest struct {
	method, target string
	fields         []string
	body           string
}

func get(target string, fields ...string) keyRequest {
	return keyRequest{"GET", target, fields, ""}
}

func byParam(name string) func(method, target string, fields []string, body string) (string, bool) {
	return func(_, target string, _ []string, _ string) (string, bool) {
		v, ok := Param([]byte(target), name)
		return string(v), ok
	}
}

func byHeader(domain bool) func(method, target string, fields []string, body string) (string, bool) {
	return func(_, _ string, fields []string, _ string) (string, bool) {
		if len(fields) == 0 {
			return "", false
		}
		v := FirstValue([]byte(fields[0]))
		if domain {
			v = Domain(v)
		}
		return string(v), true
	}
}

var keyCases = []keyCase{
	{"url_param id", byParam("id"), []keyRequest{
		get("/?id=a"), get("/?id=b&x=1"), get("/?x=1&id=c"), get("/?x=1&id=d&id=e"), get("/?id="), get("/?id=&x=1"), get("/?x=1&id="),
		get("/?idx=1"), get("/?xid=1"), get("/?ID=1"), get("/"), get("/id=7"), get("/?id"), get("/?id=a?b"), get("/?&&id=f"), get("/?x&id=g"),
		get("/?id=%20"), get("/?a=id=5"), get("/?id=5;id=6"), get("/?i&id=h"), get("http://x.test/?id=k"),
	}},
	{"url_param id check_post", func(method, target string, _ []string, body string) (string, bool) {
		v, ok := Param([]byte(target), "id")
		if !ok && method == "POST" {
			v, ok = FormParam([]byte(body), "id")
		}
		return string(v), ok
	}, []keyRequest{
		{"POST", "/", nil, "id=a"}, {"POST", "/", nil, "id=b&x=1"}, {"POST", "/", nil, "x=1&id=c"}, {"POST", "/?id=z", nil, "id=d"},
		{"POST", "/", nil, "id="}, {"POST", "/", nil, "id=&y=1"}, {"POST", "/", nil, "id= q"}, {"POST", "/", nil, "id=\"q"}, {"POST", "/", nil, "x=1"},
		{"POST", "/", nil, "id=\r\n"}, {"POST", "/", nil, "id=a(b"}, {"PUT", "/", nil, "id=a"}, get("/?id=q"),
	}},
	{"hdr(x-key)", byHeader(false), []keyRequest{
		get("/", "a"), get("/", "b, c"), get("/", "d,e"), get("/"), get("/", "\"x,y\",z"), get("/", "  f  "), get("/", "\"\\\"g,h\",i"),
	}},
	{"hdr(x-key) use_domain_only", byHeader(true), []keyRequest{
		get("/", "www.example.test"), get("/", "example.test"), get("/", "localhost"), get("/", "a.b.c.example.test:8080"), get("/", "127.0.0.1"), get("/", ".test"), get("/", "www..test"),
		get("/", "a.b."), get("/", "a."), get("/"),
	}},
}

// A request without a key takes its turn: the first of its connection's section
// so far goes to the first server of the map or the ring, and so on.
func TestKeysOfRequestsAreThoseOfHAProxy(t *testing.T) {
	o := newOracle(t)
	weights := []int{3, 1, 2, 5, 1}
	type asked struct {
		keyCase
		typeCase
		section string
	}
	var list []asked
	for _, h := range []typeCase{{"map-based", false, SDBM, false}, {"consistent", true, SDBM, true}, {"consistent djb2", true, DJB2, false}} {
		for _, k := range keyCases {
			list = append(list, asked{k, h, o.section("", []string{"balance " + k.words, "hash-type " + h.words}, serverLines(weights))})
		}
	}
	o.start()
	for _, q := range list {
		entries := entriesOf(weights)
		lookup, turn := q.lookup(entries), 0
		for _, r := range q.ask {
			got := o.once(q.section, r)
			key, ok := q.server(r.method, r.target, r.fields, r.body)
			var want int
			if ok {
				want = lookup(Hash(q.function, []byte(key)))
			} else if q.consistent {
				owners := NewRing(entries).Owners()
				want = int(owners[turn%len(owners)])
				turn++
			} else {
				slots := Map(entries).Slots()
				want = int(slots[turn%len(slots)])
				turn++
			}
			if got != want {
				t.Errorf("balance %s, hash-type %s: %s %s %q %q (key %q %t): haproxy takes s%d, we take s%d",
					q.keyCase.words, q.typeCase.words, r.method, r.target, r.fields, r.body, key, ok, got, want)
			}
		}
	}
}

// once sends one request, the body all at once, and reads the server's number.
func (o *oracle) once(section string, r keyRequest) int {
	o.t.Helper()
	conn := o.dial(section)
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x.test\r\n", r.method, r.target)
	for _, f := range r.fields {
		fmt.Fprintf(conn, "X-Key: %s\r\n", f)
	}
	if r.body != "" {
		fmt.Fprintf(conn, "Content-Length: %d\r\n", len(r.body))
	}
	fmt.Fprintf(conn, "\r\n%s", r.body)
	n, err := readNumber(bufio.NewReader(conn))
	if err != nil {
		o.t.Fatalf("%s %+v: %v", section, r, err)
	}
	return n
}
