package hostile

import (
	"slices"
	"strings"
	"testing"
)

// A row is a request, what bascule makes of it, and what haproxy makes of it
// where that is something else. An outcome is written as probe gives it.
type row struct {
	name    string
	send    string
	want    string
	haproxy string // "": the same; what is not always the same is joined by " or "
	why     string // of the difference
}

// refused is a request that nobody behind has seen, and the last of its
// connection.
const refused = "400 | 400 PR-- | "

// passed is a request that was answered, and so was the one behind it.
func passed(seen string) string {
	return "200, 200 | 200 ----, 200 ---- | " + seen + ", GET /next HTTP/1.1"
}

// last is a request that was answered, and the last of its connection.
func last(seen string) string { return "200 | 200 ---- | " + seen }

// head is a request's head: its first line, Host, and other lines.
func head(first string, lines ...string) string {
	return bare(append([]string{first, "Host: a.example"}, lines...)...)
}

// bare is a head as it is written, without Host.
func bare(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }

func get(lines ...string) string  { return head("GET / HTTP/1.1", lines...) }
func post(lines ...string) string { return head("POST / HTTP/1.1", lines...) }

// chunked is a request with this body.
func chunked(body string) string { return post("Transfer-Encoding: chunked") + body }

var requests = [][]row{ordinaryRequests, lengths, codings, chunks, trailers, ends, fields, startLines, targets, hosts, limits, sequences}

func TestRequests(t *testing.T) {
	t.Parallel()
	ours := startSite(t, bascule)
	theirs := startSite(t, haproxy(t))
	checkRows(t, ours, theirs, requests, 150)
}

func checkRows(t *testing.T, ours, theirs *site, tables [][]row, least int) {
	n := 0
	names := map[string]bool{}
	t.Run("rows", func(t *testing.T) {
		for _, table := range tables {
			for _, r := range table {
				n++
				if names[r.name] {
					t.Errorf("%q stands twice in the table", r.name)
				}
				names[r.name] = true
				t.Run(r.name, func(t *testing.T) {
					t.Parallel()
					checkRow(t, ours, theirs, r)
				})
			}
		}
	})
	if n < least {
		t.Errorf("the table has %d rows, want at least %d", n, least)
	}
	if late := ours.late(); late > 0 {
		t.Errorf("%d requests reached the servers after their row had ended", late)
	}
}

func checkRow(t *testing.T, ours, theirs *site, r row) {
	for how, name := range map[manner]string{alone: "alone", kept: "behind a good one", inPieces: "in pieces"} {
		want := r.want
		if got := ours.probe(t, r.send, how, want); got != want && (how != kept || got != afterGood(want)) {
			t.Errorf("%s, %s:\n got %q\nwant %q", r.name, name, got, want)
		}
	}
	want := r.haproxy
	if want == "" {
		want = r.want
	}
	if (r.haproxy == "") != (r.why == "") || r.haproxy == r.want {
		t.Errorf("a difference needs another outcome and a reason")
	}
	if got := theirs.probe(t, r.send, alone, want); !slices.Contains(strings.Split(want, " or "), got) {
		t.Errorf("%s, haproxy:\n got %q\nwant %q", r.name, got, want)
	}
}
