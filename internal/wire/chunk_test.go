package wire

import (
	"strings"
	"testing"
)

var goodBodies = []struct{ name, give, payload, trailers string }{
	{"an empty body", "0\r\n\r\n", "", ""},
	{"one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello", ""},
	{"two chunks", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", ""},
	{"digits in both cases", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", ""},
	{"leading zeros", "0005\r\nhello\r\n000\r\n\r\n", "hello", ""},
	{"payload that looks like framing", "7\r\n0\r\n\r\n0\r\r\n0\r\n\r\n", "0\r\n\r\n0\r", ""},
	{"extensions", "5;a=b;c=\"d\te\"\r\nhello\r\n0;last\r\n\r\n", "hello", ""},
	{"white space before an extension", "5 \t;a\r\nhello\r\n0\r\n\r\n", "hello", ""},
	{"trailers", "0\r\nX-Sum: 1\r\nx-b:\r\n\r\n", "", "X-Sum: 1\r\nx-b:\r\n"},
	{"trailers that may not come so late", "5\r\nhello\r\n0\r\nContent-Length: 3\r\nTransfer-Encoding: x\r\nHost: b\r\nX-Sum: 1\r\n" +
		"AUTHORIZATION: c\r\ncookie: d\r\nSet-Cookie: e\r\nX-Forwarded-For: f\r\nX-Forwarded-Proto: g\r\nContent-Encoding: h\r\n" +
		"Connection: i\r\nTrailer: j\r\nProxy-Authorization: k\r\nCache-Control: l\r\nIf-Match: m\r\nRange: n\r\nX-Last: o\r\n\r\n",
		"hello", "X-Sum: 1\r\nX-Last: o\r\n"},
}

var badBodies = []struct{ name, give, why string }{
	{"no size", "\r\nhello", "chunk without a size"},
	{"a size that is not hexadecimal", "g\r\n", "chunk without a size"},
	{"a size with 0x", "0x5\r\nhello\r\n", "character not allowed in a chunk size"},
	{"a size with a plus sign", "+5\r\nhello\r\n", "chunk without a size"},
	{"a negative size", "-5\r\nhello\r\n", "chunk without a size"},
	{"a size behind a space", " 5\r\nhello\r\n", "chunk without a size"},
	{"a size before a space", "5 \r\nhello\r\n", "white space behind a chunk size"},
	{"a size with an underscore", "1_0\r\n", "character not allowed in a chunk size"},
	{"a size with a comma", "5,5\r\n", "character not allowed in a chunk size"},
	{"a size of sixteen digits", "ffffffffffffffff\r\n", "chunk size too long"},
	{"a size that wraps to five", "10000000000000005\r\nhello\r\n", "chunk size too long"},
	{"a size padded with zeros", strings.Repeat("0", 16) + "5\r\nhello\r\n", "chunk size too long"},
	{"a bare LF behind the size", "5\nhello\r\n", "character not allowed in a chunk size"},
	{"a bare CR behind the size", "5\rhello\r\n", "bare CR"},
	{"a bare LF in an extension", "5;a\nhello\r\n", "bare LF"},
	{"a bare CR in an extension", "5;a\rb\r\nhello\r\n", "bare CR"},
	{"NUL in an extension", "5;a\x00\r\nhello\r\n", "NUL"},
	{"an extension that is too long", "5;" + strings.Repeat("a", 2000) + "\r\n", "chunk extension too long"},
	{"white space that is too long", "5" + strings.Repeat(" ", 2000) + ";\r\n", "chunk extension too long"},
	{"extensions that outweigh the payload", strings.Repeat("1;"+strings.Repeat("a", 100)+"\r\nx\r\n", 200), "chunk extension too long"},
	{"a payload longer than its size", "3\r\nhello\r\n", "payload longer"},
	{"a bare LF behind the payload", "5\r\nhello\n0\r\n\r\n", "payload longer"},
	{"a bare CR behind the payload", "5\r\nhello\r0\r\n\r\n", "bare CR"},
	{"no end of line behind the payload", "5\r\nhello0\r\n\r\n", "payload longer"},
	{"a bare LF as the last line", "0\r\n\n", "bare LF"},
	{"a bare CR as the last line", "0\r\n\rX", "bare CR"},
	{"a trailer without a colon", "0\r\nX-Sum\r\n\r\n", "malformed trailer"},
	{"a trailer without a name", "0\r\n: 1\r\n\r\n", "malformed trailer"},
	{"a trailer with a space before the colon", "0\r\nX-Sum : 1\r\n\r\n", "malformed trailer"},
	{"a folded trailer", "0\r\nX-Sum: 1\r\n 2\r\n\r\n", "malformed trailer"},
	{"a bare LF in a trailer", "0\r\nX-Sum: 1\nX-B: 2\r\n\r\n", "bare LF"},
	{"a bare CR in a trailer", "0\r\nX-Sum: 1\rX-B: 2\r\n\r\n", "bare CR"},
	{"NUL in a trailer", "0\r\nX-Sum: \x00\r\n\r\n", "NUL"},
	{"a trailer that is too long", "0\r\nX-Sum: " + strings.Repeat("a", 5000) + "\r\n\r\n", "trailers too long"},
	{"too many trailers that are left out", "0\r\n" + strings.Repeat("Cookie: a\r\n", 500) + "\r\n", "trailers too long"},
}

// decode gives the body to c in pieces of at most n bytes.
func decode(c *Chunks, body string, n int) (payload string, used int, state ChunkState) {
	for used < len(body) {
		piece := []byte(body[used:min(used+n, len(body))])
		at, data, st := c.Next(piece)
		payload += string(data.of(piece))
		used += at
		if st == ChunkEnd || st == ChunkBad {
			return payload, used, st
		}
	}
	return payload, used, ChunkMore
}

func TestChunksOfEveryPieceSize(t *testing.T) {
	for _, b := range goodBodies {
		t.Run(b.name, func(t *testing.T) {
			for n := 1; n <= len(b.give)+4; n++ {
				var c Chunks
				payload, used, st := decode(&c, b.give+"next", n)
				if st != ChunkEnd || used != len(b.give) || payload != b.payload || string(c.Trailers()) != b.trailers {
					t.Fatalf("pieces of %d: got %q, %d of %d bytes, state %d %s, trailers %q",
						n, payload, used, len(b.give), st, c.Why(), c.Trailers())
				}
				if at, _, st := c.Next([]byte("next")); at != 0 || st != ChunkEnd {
					t.Fatalf("after the end: got %d bytes, state %d", at, st)
				}
			}
		})
	}
}

func TestBadChunksOfEveryPieceSize(t *testing.T) {
	for _, b := range badBodies {
		t.Run(b.name, func(t *testing.T) {
			place := -1
			for _, n := range []int{1, 2, 3, 5, 7, 64, len(b.give)} {
				var c Chunks
				_, used, st := decode(&c, b.give, n)
				if st != ChunkBad || !strings.HasPrefix(c.Why(), b.why) {
					t.Fatalf("pieces of %d: got state %d %q, want %q", n, st, c.Why(), b.why)
				}
				if place >= 0 && used != place {
					t.Fatalf("pieces of %d: refused at %d, was %d", n, used, place)
				}
				place = used
				if _, _, st := c.Next([]byte("5\r\nhello\r\n")); st != ChunkBad {
					t.Fatalf("went on after a fault: %d", st)
				}
			}
		})
	}
}

func TestCompactJoinsPayload(t *testing.T) {
	for _, b := range goodBodies {
		for cut := range len(b.give) + 1 {
			var c Chunks
			var got string
			first, n, st := Compact(&c, []byte(b.give[:cut]))
			got = string(first)
			if cut < len(b.give) && (n != cut || st != ChunkMore) {
				t.Fatalf("%s: got %d of %d bytes, state %d", b.name, n, cut, st)
			}
			if st != ChunkEnd {
				second, m, st2 := Compact(&c, []byte(b.give[cut:]+"next"))
				got, n, st = got+string(second), n+m, st2
			}
			if got != b.payload || n != len(b.give) || st != ChunkEnd || string(c.Trailers()) != b.trailers {
				t.Fatalf("%s cut at %d: got %q, %d bytes, state %d, trailers %q", b.name, cut, got, n, st, c.Trailers())
			}
		}
	}
}

func TestResetForgetsTheBodyBefore(t *testing.T) {
	var c Chunks
	decode(&c, "0\r\nX-Sum: 1\r\n\r\n", 99)
	c.Reset()
	if payload, _, st := decode(&c, "2\r\nhi\r\n0\r\n\r\n", 99); payload != "hi" || st != ChunkEnd || len(c.Trailers()) != 0 {
		t.Errorf("got %q, state %d, trailers %q", payload, st, c.Trailers())
	}
}

func TestAppendChunkHead(t *testing.T) {
	for n, want := range map[int]string{1: "1\r\n", 15: "f\r\n", 16: "10\r\n", 65536: "10000\r\n", 0: "", -1: ""} {
		if got := string(AppendChunkHead([]byte("x"), n)); got != "x"+want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
