package wire

import (
	"strings"
	"testing"
)

func TestRequestVerdicts(t *testing.T) {
	for _, v := range requestVerdicts {
		t.Run(v.name, func(t *testing.T) {
			var r Request
			checkVerdict(t, v, r.Parse([]byte(v.head), nil), r.Fault())
			checkPrefixes(t, v, func(b []byte) (Result, int) { return r.Parse(b, nil), r.Size() })
		})
	}
}

func TestReplyVerdicts(t *testing.T) {
	for _, v := range replyVerdicts {
		t.Run(v.name, func(t *testing.T) {
			var p Reply
			checkVerdict(t, v, p.Parse([]byte(v.head), nil, MethodGet), p.Fault())
			checkPrefixes(t, v, func(b []byte) (Result, int) { return p.Parse(b, nil, MethodGet), p.Size() })
		})
	}
}

func checkVerdict(t *testing.T, v verdict, got Result, fault *Fault) {
	t.Helper()
	switch {
	case v.why == "" && got != Done:
		t.Fatalf("got %v at %d: %s, want Done", got, fault.Offset, fault.Why)
	case v.why != "" && got != Bad:
		t.Fatalf("got %v, want Bad: %s", got, v.why)
	case !strings.HasPrefix(fault.Why, v.why):
		t.Fatalf("got %q, want %q", fault.Why, v.why)
	case fault.Offset < 0 || fault.Offset > len(v.head):
		t.Fatalf("offset %d outside of %d bytes", fault.Offset, len(v.head))
	}
}

// checkPrefixes gives the head byte by byte: it must be More until it is Done at
// one size, or Bad for good.
func checkPrefixes(t *testing.T, v verdict, parse func([]byte) (Result, int)) {
	t.Helper()
	if len(v.head) > 4096 {
		return
	}
	var last Result
	size := -1
	for n := range len(v.head) + 1 {
		got, at := parse([]byte(v.head[:n]))
		if last != More && got != last {
			t.Fatalf("%d bytes: got %v after %v", n, got, last)
		}
		if got == Done && v.why != "" {
			t.Fatalf("Done at %d bytes, want never", n)
		}
		if got == Done && size < 0 {
			size = n
		}
		if got == Done && at != size {
			t.Fatalf("size %d with %d bytes, was %d", at, n, size)
		}
		last = got
	}
}

func TestFaultPointsAtTheByte(t *testing.T) {
	for _, c := range []struct {
		name, head string
		offset     int
	}{
		{"a bare LF", "GET / HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n", 23},
		{"a byte in the target", "GET /\x80 HTTP/1.1\r\n\r\n", 5},
		{"a doubled length", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 44},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Request
			if got := r.Parse([]byte(c.head), nil); got != Bad || r.Fault().Offset != c.offset {
				t.Errorf("got %v at %d, want Bad at %d", got, r.Fault().Offset, c.offset)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	head := []byte(get("X-A: b"))
	for _, c := range []struct {
		name string
		lim  Limits
		give int
		want Result
	}{
		{"a head as large as the limit passes", Limits{MaxHead: len(head)}, len(head), Done},
		{"one byte more is refused", Limits{MaxHead: len(head) - 1}, len(head), Bad},
		{"an incomplete head at the limit is refused", Limits{MaxHead: len(head) - 1}, len(head) - 1, Bad},
		{"an incomplete head below the limit may go on", Limits{MaxHead: len(head)}, len(head) - 1, More},
		{"as many fields as the limit pass", Limits{MaxFields: 2}, len(head), Done},
		{"one field more is refused", Limits{MaxFields: 1}, len(head), Bad},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Request
			if got := r.Parse(head[:c.give], &c.lim); got != c.want {
				t.Errorf("got %v %q, want %v", got, r.Fault().Why, c.want)
			}
		})
	}
}
