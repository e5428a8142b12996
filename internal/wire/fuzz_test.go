package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// roomy is what a written head is read back with: it may have grown.
var roomy = Limits{MaxHead: 1 << 20, MaxFields: 1000}

// A request that we accept, net/http reads as the same request, and what we
// write of it reads back as the same.
func FuzzRequest(f *testing.F) {
	for _, v := range requestVerdicts {
		if len(v.head) < 4096 {
			f.Add([]byte(v.head))
		}
	}
	f.Add(browserHead)
	f.Fuzz(func(t *testing.T, data []byte) {
		var r Request
		switch r.Parse(data, nil) {
		case Bad:
			if r.Fault().Why == "" || r.Fault().Offset > len(data) {
				t.Fatalf("got fault %+v", *r.Fault())
			}
			return
		case More:
			return
		}
		compareRequest(t, &r, data)
		for _, conn := range []Conn{ConnNone, ConnClose, ConnKeepAlive, ConnUpgrade} {
			if conn == ConnUpgrade && !r.Upgrade {
				continue
			}
			out := r.AppendTo(nil, r.Body, r.Length, conn)
			var again Request
			if again.Parse(out, &roomy) != Done || again.Size() != len(out) {
				t.Fatalf("what was written is refused: %s\n%q", again.Fault().Why, out)
			}
			if !bytes.Equal(again.Target(), r.Target()) || !bytes.Equal(again.MethodBytes(), r.MethodBytes()) ||
				again.Body != r.Body || again.Length != r.Length || again.Close != (conn == ConnClose) {
				t.Fatalf("got %+v\nfrom %+v", again, r)
			}
			compareWritten(t, &r.Head, &again.Head, conn)
		}
		dropSRV(t, &r)
	})
}

// What relaxed parsing accepts is framed as strict parsing would frame it, and
// what is written of it reads back as the same: a loose name or value never
// becomes another field.
func FuzzLooseRequest(f *testing.F) {
	for _, v := range requestVerdicts {
		if len(v.head) < 4096 {
			f.Add([]byte(v.head))
		}
	}
	f.Add([]byte("GET /\r\n\r\n"))
	f.Add([]byte(get("X A\x00: \x01b", "X/B : c")))
	f.Fuzz(func(t *testing.T, data []byte) {
		var strict, r, again Request
		if r.Parse(data, &loose) != Done {
			if strict.Parse(data, nil) == Done {
				t.Fatalf("strict parsing takes what relaxed does not: %s", r.Fault().Why)
			}
			return
		}
		if strict.Parse(data, nil) == Done && (strict.Size() != r.Size() || strict.Body != r.Body || strict.Length != r.Length || len(strict.Fields) != len(r.Fields)) {
			t.Fatalf("relaxed %+v\nstrict %+v", r, strict)
		}
		for i := range r.Fields {
			if name := r.Name(&r.Fields[i]); !isToken(name) && readsAsFraming(name) {
				t.Fatalf("%q is accepted", name)
			}
		}
		out := r.AppendTo(nil, r.Body, r.Length, ConnNone)
		limits := Limits{MaxHead: roomy.MaxHead, MaxFields: roomy.MaxFields, Relaxed: true}
		if again.Parse(out, &limits) != Done || again.Size() != len(out) {
			t.Fatalf("what was written is refused: %s\n%q", again.Fault().Why, out)
		}
		if again.Body != r.Body || again.Length != r.Length {
			t.Fatalf("got %+v\nfrom %+v", again, r)
		}
		compareWritten(t, &r.Head, &again.Head, ConnNone)
	})
}

// dropSRV removes a cookie and checks that nothing else is lost.
func dropSRV(t *testing.T, r *Request) {
	name := []byte("SRV")
	before := strings.Count(strings.Join(listFields(&r.Head), "\n"), "=")
	_, _, _, had := CookieValue(&r.Head, name)
	r.RemoveCookie(name)
	if _, _, _, has := CookieValue(&r.Head, name); has {
		t.Fatal("a removed cookie is found")
	}
	after := strings.Count(strings.Join(listFields(&r.Head), "\n"), "=")
	if !had && before != after {
		t.Fatalf("removing no cookie changed %d to %d", before, after)
	}
	var again Request
	if out := r.AppendTo(nil, r.Body, r.Length, ConnNone); again.Parse(out, &roomy) != Done {
		t.Fatalf("without a cookie it is refused: %s\n%q", again.Fault().Why, out)
	}
}

func compareRequest(t *testing.T, r *Request, data []byte) {
	for bytes.HasPrefix(data, []byte("\r\n")) {
		data = data[2:]
	}
	req, err := http.ReadRequest(bufio.NewReaderSize(bytes.NewReader(data), 1<<16))
	if err != nil {
		if !stricter(err) {
			t.Fatalf("net/http refuses what we accept: %v\n%q", err, data)
		}
		return
	}
	if req.Method != string(r.MethodBytes()) || req.RequestURI != string(r.Target()) || req.ProtoMinor != int(r.Minor) {
		t.Fatalf("net/http reads %q %q 1.%d", req.Method, req.RequestURI, req.ProtoMinor)
	}
	compareBody(t, &r.Head, req.ContentLength, req.TransferEncoding)
	compareFields(t, &r.Head, req.Header)
}

// stricter is true for what net/http refuses in the parts that we pass on as
// they are: escapes and ports inside a target, and names in Trailer.
func stricter(err error) bool {
	var inTarget *url.Error
	return errors.As(err, &inTarget) || strings.Contains(err.Error(), "bad trailer key")
}

// gap is true if there may be white space before a colon, which only we remove.
func gap(head []byte) bool {
	return bytes.Contains(head, []byte(" :")) || bytes.Contains(head, []byte("\t:"))
}

func compareBody(t *testing.T, h *Head, length int64, codings []string) {
	if (h.Body == BodyChunked) != (len(codings) > 0) {
		t.Fatalf("net/http reads codings %q, we body %d", codings, h.Body)
	}
	if h.Body == BodyLength && length != h.Length {
		t.Fatalf("net/http reads length %d, we %d", length, h.Length)
	}
	if h.Body == BodyNone && length > 0 && !h.HasLength {
		t.Fatalf("net/http reads length %d, we none", length)
	}
}

// compareFields wants every field that net/http does not itself take away.
func compareFields(t *testing.T, h *Head, header http.Header) {
	seen := map[string][]string{}
	for i := range h.Fields {
		if f := &h.Fields[i]; f.ID == FieldOther || f.ID == FieldCookie || f.ID == FieldSetCookie {
			name := textproto.CanonicalMIMEHeaderKey(string(h.Name(f)))
			seen[name] = append(seen[name], string(h.Value(f)))
		}
	}
	for name, values := range seen {
		if got := header[name]; strings.Join(got, "\n") != strings.Join(values, "\n") {
			t.Fatalf("%s: net/http reads %q, we %q", name, got, values)
		}
	}
}

// compareWritten wants the fields that may pass, once and in order, and of those
// for one connection only our own.
func compareWritten(t *testing.T, from, to *Head, conn Conn) {
	var want []string
	for i := range from.Fields {
		f := &from.Fields[i]
		if !f.hop || conn == ConnUpgrade && f.ID == FieldUpgrade {
			want = append(want, string(from.Name(f))+": "+string(from.Value(f)))
		}
	}
	got := listFields(to)
	if len(got) < len(want) || strings.Join(got[:len(want)], "\n") != strings.Join(want, "\n") {
		t.Fatalf("wrote %q\nwant  %q", got, want)
	}
	for _, line := range got[len(want):] {
		switch name, _, _ := strings.Cut(line, ":"); name {
		case "host", "content-length", "transfer-encoding", "connection":
		default:
			t.Fatalf("wrote %q besides", line)
		}
	}
}

// A reply that we accept, net/http reads as the same reply, and what we write of
// it reads back as the same.
func FuzzReply(f *testing.F) {
	for i, v := range replyVerdicts {
		if len(v.head) < 4096 {
			f.Add([]byte(v.head), i%5 == 0)
		}
	}
	f.Add(serverHead, false)
	f.Fuzz(func(t *testing.T, data []byte, head bool) {
		method, name := MethodGet, "GET"
		if head {
			method, name = MethodHead, "HEAD"
		}
		var p Reply
		if p.Parse(data, nil, method) != Done {
			return
		}
		resp, err := http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(data), 1<<16), &http.Request{Method: name})
		if err == nil {
			if resp.StatusCode != p.Status || resp.ProtoMinor != int(p.Minor) {
				t.Fatalf("net/http reads %d 1.%d", resp.StatusCode, resp.ProtoMinor)
			}
			if p.Body == BodyLength || p.Body == BodyChunked {
				compareBody(t, &p.Head, resp.ContentLength, resp.TransferEncoding)
			}
			if p.Body == BodyClose && (resp.ContentLength != -1 || len(resp.TransferEncoding) > 0) {
				t.Fatalf("net/http reads length %d, we until the end", resp.ContentLength)
			}
			if !gap(data[:p.Size()]) {
				compareFields(t, &p.Head, resp.Header)
			}
		} else if !stricter(err) && !gap(data[:p.Size()]) {
			t.Fatalf("net/http refuses what we accept: %v\n%q", err, data)
		}
		out := p.AppendTo(nil, 1, p.Body, p.Length, ConnNone)
		var again Reply
		if again.Parse(out, &roomy, method) != Done || again.Size() != len(out) {
			t.Fatalf("what was written is refused: %s\n%q", again.Fault().Why, out)
		}
		if again.Status != p.Status || again.Body != p.Body || !bytes.Equal(again.Reason(), p.Reason()) ||
			p.Body == BodyLength && again.Length != p.Length {
			t.Fatalf("got %+v\nfrom %+v", again, p)
		}
		compareWritten(t, &p.Head, &again.Head, ConnNone)
	})
}

// Relaxed replies are framed as strict ones, and read back as the same.
func FuzzLooseReply(f *testing.F) {
	for _, v := range replyVerdicts {
		if len(v.head) < 4096 {
			f.Add([]byte(v.head))
		}
	}
	f.Add([]byte("HTTP/01.10 200 OK\r\nTransfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var strict, p, again Reply
		if p.Parse(data, &loose, MethodGet) != Done {
			if strict.Parse(data, nil, MethodGet) == Done {
				t.Fatalf("strict parsing takes what relaxed does not: %s", p.Fault().Why)
			}
			return
		}
		if strict.Parse(data, nil, MethodGet) == Done && (strict.Size() != p.Size() || strict.Body != p.Body || strict.Length != p.Length) {
			t.Fatalf("relaxed %+v\nstrict %+v", p, strict)
		}
		out := p.AppendTo(nil, 1, p.Body, p.Length, ConnNone)
		limits := Limits{MaxHead: roomy.MaxHead, MaxFields: roomy.MaxFields, Relaxed: true}
		if again.Parse(out, &limits, MethodGet) != Done || again.Size() != len(out) {
			t.Fatalf("what was written is refused: %s\n%q", again.Fault().Why, out)
		}
		if again.Status != p.Status || again.Body != p.Body || p.Body == BodyLength && again.Length != p.Length {
			t.Fatalf("got %+v\nfrom %+v", again, p)
		}
	})
}

// Cookies are found as a plain split finds them, and removing one leaves the
// others byte for byte, in order.
func FuzzCookies(f *testing.F) {
	f.Add([]byte("a=b; SRV=api-1; c=d"), []byte("SRV"))
	f.Add([]byte(";;SRV = x ;SRV=y; SRV; SRVX=z"), []byte("SRV"))
	f.Add([]byte("a=\"b; SRV=x\"; SRV="), []byte("a"))
	f.Fuzz(func(t *testing.T, value, name []byte) {
		if !isToken(name) || scanValue(value, 0) < len(value) {
			return
		}
		var r Request
		if r.Parse([]byte(get("Cookie: "+string(value))), &roomy) != Done {
			return
		}
		var first string
		var others []string
		found := false
		for _, pair := range bytes.Split(value, []byte(";")) {
			pair = trim(pair)
			key, v, has := bytes.Cut(pair, []byte("="))
			switch {
			case has && bytes.Equal(trimEnd(key), name):
				if !found {
					first, found = string(trim(v)), true
				}
			case len(pair) > 0:
				others = append(others, string(pair))
			}
		}
		got, _, _, ok := CookieValue(&r.Head, name)
		if ok != found || string(got) != first {
			t.Fatalf("got %q %v, a plain split %q %v", got, ok, first, found)
		}
		r.RemoveCookie(name)
		var left []string
		i := r.FindID(FieldCookie, 0)
		if i >= 0 {
			for _, pair := range bytes.Split(r.Value(&r.Fields[i]), []byte(";")) {
				if pair = trim(pair); len(pair) > 0 {
					left = append(left, string(pair))
				}
			}
		}
		if !slices.Equal(left, others) {
			t.Fatalf("left are %q, want %q", left, others)
		}
		if !found && (i < 0 || !bytes.Equal(r.Value(&r.Fields[i]), trim(value))) {
			t.Fatal("removing no cookie changed the field")
		}
	})
}

func trimEnd(b []byte) []byte { return bytes.TrimRight(b, " \t") }

// A body that we decode, we decode alike in pieces and in place, and net/http
// decodes to the same.
func FuzzChunks(f *testing.F) {
	for _, b := range goodBodies {
		f.Add([]byte(b.give), uint8(3))
	}
	for _, b := range badBodies {
		if len(b.give) < 4096 {
			f.Add([]byte(b.give), uint8(2))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		var whole, pieces, inPlace Chunks
		payload, used, st := decode(&whole, string(data), len(data)+1)
		again, usedAgain, stAgain := decode(&pieces, string(data), int(size)+1)
		if again != payload || usedAgain != used || stAgain != st || !bytes.Equal(whole.Trailers(), pieces.Trailers()) {
			t.Fatalf("in pieces: %q %d %d, whole: %q %d %d", again, usedAgain, stAgain, payload, used, st)
		}
		if got, n, state := Compact(&inPlace, bytes.Clone(data)); string(got) != payload || n != used || state != st {
			t.Fatalf("in place: %q %d %d, whole: %q %d %d", got, n, state, payload, used, st)
		}
		if st != ChunkEnd {
			return
		}
		in := bytes.NewReader(append([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), data[:used]...))
		resp, err := http.ReadResponse(bufio.NewReaderSize(in, 1<<16), nil)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := io.ReadAll(resp.Body)
		if err != nil && err.Error() == "invalid byte in chunk length" && bytes.ContainsAny(data[:used], " \t") {
			return // net/http does not know white space before ';' (RFC 9112 §7.1.1)
		}
		if err != nil || string(theirs) != payload {
			t.Fatalf("net/http decodes %q %v, we %q", theirs, err, payload)
		}
		if in.Len() != 0 {
			t.Fatalf("net/http left %d bytes", in.Len())
		}
	})
}

// Frames do not depend on how they are cut, and agree with a plain reading.
func FuzzFrames(f *testing.F) {
	f.Add(frames(true, true, OpText, 64, true, OpPing, 0, true, OpClose, 2), uint8(5))
	f.Add(append(frames(false, false, OpBinary, 126), 0x80, 127, 0, 0, 0, 0, 0, 1, 0, 0), uint8(200))
	f.Add([]byte(get()), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		var whole, pieces Frames
		whole.Feed(data)
		for left := data; len(left) > 0; {
			n := min(len(left), int(size)+1)
			pieces.Feed(left[:n])
			left = left[n:]
		}
		if whole.Broken() != pieces.Broken() || whole.AtBoundary() != pieces.AtBoundary() || whole.Closed != pieces.Closed ||
			whole.Messages != pieces.Messages || whole.Last != pieces.Last || whole.left != pieces.left {
			t.Fatalf("whole %+v\npieces %+v", whole, pieces)
		}
		if messages, boundary := plainFrames(data); !whole.Broken() && (messages != whole.Messages || boundary != whole.AtBoundary()) {
			t.Fatalf("a plain reading gives %d messages, boundary %v; we %+v", messages, boundary, whole)
		}
	})
}

// plainFrames reads whole frames as RFC 6455 §5.2 draws them.
func plainFrames(b []byte) (messages uint32, boundary bool) {
	for len(b) >= 2 {
		head, length := 2, uint64(b[1]&0x7f)
		extra := map[uint64]int{126: 2, 127: 8}[length]
		if extra > 0 {
			if len(b) < head+extra {
				return messages, false
			}
			length = 0
			for _, c := range b[2 : 2+extra] {
				length = length<<8 | uint64(c)
			}
		}
		head += extra + int(b[1]>>7)*4
		if len(b) < head {
			return messages, false
		}
		if b[0]&0x80 != 0 && b[0]&0x08 == 0 {
			messages++
		}
		b = b[head:]
		if uint64(len(b)) < length {
			return messages, false
		}
		b = b[length:]
	}
	return messages, len(b) == 0
}
