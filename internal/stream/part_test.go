package stream

import (
	"bytes"
	"slices"
	"testing"
)

func TestWhatATunnelKeepsOfItsRequestComesBack(t *testing.T) {
	const first = 5_000_000_000
	full := request{
		t:    times{head: first + 1, slot: first + 2_000_000, conn: first + 3_000_000, reply: first + 90_000_000_000},
		line: []byte("GET/chat?room=1"), nMethod: 3,
		unique: []byte("7F000001:0539"), reqCookie: []byte("SRV=a"), resCookie: []byte("SRV=b"),
		reqCaps: [][]byte{[]byte("music.example"), {}, bytes.Repeat([]byte("x"), 300)}, resCaps: [][]byte{[]byte("websocket")},
	}
	full.queued.Server, full.queued.Backend = 2, 300
	for name, r := range map[string]*request{
		"all":     &full,
		"nothing": {},
		"some":    {t: times{head: first, slot: first}, line: []byte("GET/"), nMethod: 3, resCaps: [][]byte{nil}},
	} {
		var got request
		got.reqCaps = make([][]byte, 0, 2) // memory of another request
		got.unpack(r.pack(nil, first), first)
		if got.t != r.t || got.queued != r.queued || got.nMethod != r.nMethod {
			t.Errorf("%s: got times %v, queue %v, method of %d bytes; want %v, %v, %d", name, got.t, got.queued, got.nMethod, r.t, r.queued, r.nMethod)
		}
		for what, pair := range map[string][2][]byte{
			"line": {got.line, r.line}, "unique": {got.unique, r.unique},
			"request's cookie": {got.reqCookie, r.reqCookie}, "reply's cookie": {got.resCookie, r.resCookie},
		} {
			if !bytes.Equal(pair[0], pair[1]) {
				t.Errorf("%s: %s: got %q, want %q", name, what, pair[0], pair[1])
			}
		}
		if !slices.EqualFunc(got.reqCaps, r.reqCaps, bytes.Equal) || !slices.EqualFunc(got.resCaps, r.resCaps, bytes.Equal) {
			t.Errorf("%s: got captures %q %q, want %q %q", name, got.reqCaps, got.resCaps, r.reqCaps, r.resCaps)
		}
	}
}

func TestSparesThatNobodyNeedsGo(t *testing.T) {
	var f spares[request]
	for range 1000 {
		f.put(new(request))
	}
	if !f.trim() || len(f.list) != 1000 {
		t.Fatalf("%d left, though all may have been used until just now", len(f.list))
	}
	var used []*request
	for range 200 { // the most at once before the next look
		used = append(used, f.take())
	}
	for _, r := range used {
		f.put(r)
	}
	if f.trim() {
		for f.trim() { // nothing is used any more
		}
	}
	if len(f.list) != spareStreams {
		t.Errorf("%d left, want %d", len(f.list), spareStreams)
	}
}
