package wire

import (
	"bytes"
	"testing"
)

// TestACopyOutlivesItsBuffer edits a head, copies it and destroys the original.
func TestACopyOutlivesItsBuffer(t *testing.T) {
	head := []byte("GET /a?b HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-B: 2\r\n\r\n")
	var r, dup Request
	if r.Parse(head, nil) != Done {
		t.Fatal(r.Fault())
	}
	r.AddString("X-C", "3")
	r.DeleteName([]byte("X-A"))
	r.SetTarget([]byte("/c"))
	r.SetMethod([]byte("PUT"))
	want := string(r.AppendTo(nil, BodyNone, 0, ConnNone))
	r.CopyTo(&dup)
	copy(head, bytes.Repeat([]byte("z"), len(head)))
	r.Parse([]byte("OPTIONS * HTTP/1.1\r\nHost: other\r\nX-D: 4444444444\r\n\r\n"), nil)
	r.AddString("X-E", "5")
	r.SetTarget([]byte("/d"))
	if got := string(dup.AppendTo(nil, BodyNone, 0, ConnNone)); got != want {
		t.Errorf("the copy says %q, want %q", got, want)
	}
	dup.AddString("X-F", "6")
	if i := dup.Find([]byte("x-f"), 0); i < 0 || string(dup.Value(&dup.Fields[i])) != "6" {
		t.Error("the copy cannot be edited")
	}
	if n := testing.AllocsPerRun(1000, func() { r.CopyTo(&dup) }); n != 0 {
		t.Errorf("%v allocations for a copy", n)
	}
}

func TestACopiedReplySaysTheSame(t *testing.T) {
	head := []byte("HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 3\r\n\r\n")
	var p, dup Reply
	if p.Parse(head, nil, MethodGet) != Done {
		t.Fatal(p.Fault())
	}
	p.SetStatus(503, "Not now")
	want := string(p.AppendTo(nil, 1, p.Body, p.Length, ConnNone))
	p.CopyTo(&dup)
	copy(head, bytes.Repeat([]byte("z"), len(head)))
	p.SetStatus(404, "Gone")
	if got := string(dup.AppendTo(nil, 1, dup.Body, dup.Length, ConnNone)); got != want {
		t.Errorf("the copy says %q, want %q", got, want)
	}
}
