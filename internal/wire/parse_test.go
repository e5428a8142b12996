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
		})
	}
}

func TestReplyVerdicts(t *testing.T) {
	for _, v := range replyVerdicts {
		t.Run(v.name, func(t *testing.T) {
			var p Reply
			checkVerdict(t, v, p.Parse([]byte(v.head), nil, MethodGet), p.Fault())
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
