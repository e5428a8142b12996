package wire

import (
	"strings"
	"testing"
)

func TestIdentifyKnowsEveryID(t *testing.T) {
	names := map[FieldID]string{
		FieldHost: "Host", FieldConnection: "Connection", FieldContentLength: "Content-Length",
		FieldTransferEncoding: "Transfer-Encoding", FieldUpgrade: "Upgrade", FieldCookie: "Cookie",
		FieldSetCookie: "Set-Cookie", FieldExpect: "Expect", FieldKeepAlive: "Keep-Alive",
		FieldProxyConnection: "Proxy-Connection", FieldTE: "TE", FieldTrailer: "Trailer",
		FieldXForwardedFor: "X-Forwarded-For", FieldCacheControl: "Cache-Control", FieldPragma: "Pragma",
		FieldExpires: "Expires", FieldAuthorization: "Authorization", FieldSecWebSocketKey: "Sec-WebSocket-Key",
		FieldIdempotencyKey: "Idempotency-Key", FieldHTTP2Settings: "HTTP2-Settings",
	}
	if len(names) != int(fieldIDs)-1 {
		t.Fatalf("the test knows %d names of %d", len(names), fieldIDs-1)
	}
	for id, name := range names {
		for _, spelt := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			if got := identify([]byte(spelt)); got != id {
				t.Errorf("%s: got %d, want %d", spelt, got, id)
			}
		}
		for i := range name {
			other := []byte(name)
			other[i] = '_'
			if got := identify(other); got != FieldOther {
				t.Errorf("%s: got %d, want other", other, got)
			}
		}
		if got := identify([]byte(name + "x")); got != FieldOther {
			t.Errorf("%sx: got %d, want other", name, got)
		}
	}
}

func TestFindGoesFromFieldToField(t *testing.T) {
	r := parseRequest(t, get("X-A: 1", "Cookie: a", "x-a: 2", "cookie: b", "X-B: 3"))
	r.AddString("X-A", "4")
	r.AddString("Cookie", "c")
	for _, c := range []struct{ name, want string }{
		{"X-a", "124"}, {"COOKIE", "abc"}, {"x-b", "3"}, {"x-c", ""}, {"", ""}, {"Expect", ""},
	} {
		var got string
		for i := r.Find([]byte(c.name), 0); i >= 0; i = r.Find([]byte(c.name), i+1) {
			got += string(r.Value(&r.Fields[i]))
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	r.DeleteName([]byte("x-A"))
	r.DeleteID(FieldCookie)
	if r.Find([]byte("X-A"), 0) >= 0 || r.FindID(FieldCookie, 0) >= 0 || r.Find([]byte("X-B"), 0) < 0 {
		t.Error("deleted fields are found or others are not")
	}
	want := "GET / HTTP/1.1\r\nHost: a.example\r\nX-B: 3\r\n\r\n"
	if got := string(r.AppendTo(nil, BodyNone, 0, ConnNone)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAddCannotSplitTheHead(t *testing.T) {
	r := parseRequest(t, get())
	r.AddString("X-A", "a\r\nX-B: b\x00\tc\x7f")
	r.AddString("X C", "d")
	r.AddString("X-D: e\r\nX-E", "f")
	r.AddString("", "g")
	want := "GET / HTTP/1.1\r\nHost: a.example\r\nX-A: a  X-B: b \tc \r\n\r\n"
	if got := string(r.AppendTo(nil, BodyNone, 0, ConnNone)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The eight-byte scanners must agree with a plain loop at every offset.
func TestScannersAgreeWithPlainLoops(t *testing.T) {
	inValue := func(c byte) bool { return c == '\t' || c >= 0x20 && c != 0x7f }
	inTarget := func(c byte) bool { return c > 0x20 && c < 0x7f && c != '#' }
	inName := func(c byte) bool { return class[c]&classToken != 0 }
	for _, filler := range []byte{'a', 'Z', '-', '0', 0xff, 0x80, '\t', '~'} {
		for c := range 256 {
			for at := range 20 {
				b := []byte(strings.Repeat(string([]byte{filler}), 20))
				b[at] = byte(c)
				plain := func(in func(byte) bool) int {
					i := 0
					for i < len(b) && in(b[i]) {
						i++
					}
					return i
				}
				if got, want := scanValue(b, 0), plain(inValue); got != want {
					t.Fatalf("value %q: got %d, want %d", b, got, want)
				}
				if got, want := scanTarget(b, 0, false), plain(inTarget); got != want {
					t.Fatalf("target %q: got %d, want %d", b, got, want)
				}
				if got, want := scanName(b, 0), plain(inName); got != want {
					t.Fatalf("name %q: got %d, want %d", b, got, want)
				}
			}
		}
	}
}

func TestFindOddFindsNamesOfOtherCharacters(t *testing.T) {
	var r Request
	if r.Parse([]byte(get("X-A1: b", "X_A: b", "x.a: b", "Content-Length: 0", "x~: b", "0-9: b")), nil) != Done {
		t.Fatal(r.Fault().Why)
	}
	r.Add([]byte("y_z"), nil)
	r.Delete(3)
	var got []string
	for i := r.FindOdd(0); i >= 0; i = r.FindOdd(i + 1) {
		got = append(got, string(r.Name(&r.Fields[i])))
	}
	if want := "X_A x~ y_z"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
