package engine

import (
	"encoding/csv"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// A ramp is what `show stat` tells of a server while it comes up: a line for
// each value of throttle and weight, and the streams it had at the end of it.
type ramp struct {
	lines   []string
	at      []time.Duration // when each began
	streams []string        // at its end
}

func (r *ramp) note(throttle, weight, streams string, at time.Duration) {
	if line := "throttle " + throttle + weight; len(r.lines) == 0 || r.lines[len(r.lines)-1] != line {
		r.lines, r.at, r.streams = append(r.lines, line), append(r.at, at), append(r.streams, "")
	}
	r.streams[len(r.streams)-1] = streams
}

// columns are some columns of a server's row.
func (q *queued) columns(t *testing.T, server string, names ...string) (values []string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(ask(t, q.dir+"/sock", "show stat "+q.be+" 6 -1\n"), "# "))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		for _, name := range names {
			if row[1] == server {
				values = append(values, row[slices.Index(rows[0], name)])
			}
		}
	}
	return values
}

// TestAServerComesUpAsHAProxys holds more requests than a server takes at first
// and watches it come out of maintenance in both: its weight and its throttle
// second by second. The slots that it gives away meanwhile are a part of maxconn
// by whole seconds; haproxy 2.6 gives out more than that, up to 10 of these 8.
func TestAServerComesUpAsHAProxys(t *testing.T) {
	const full = 8
	var text [2]string
	var gates [2]*gate
	for k := range 2 {
		g := &gate{doors: map[string]chan struct{}{}}
		gates[k] = g
		text[k] = fmt.Sprintf("%slisten up\n bind unix@$DIR/up\n server a %s weight 10 maxconn %d slowstart 4s\n server b %s maxconn 1\n",
			queueConfig, serving(t, g.server("a")), full, serving(t, g.server("b")))
	}
	theirs, ours := twoTexts(t, text[0], text[1])
	var ramps [2]ramp
	var both pair
	for k, s := range []*side{theirs, ours} {
		q := &queued{s, gates[k], "up", map[string][]net.Conn{}}
		defer q.end()
		ask(t, q.dir+"/sock", "set server up/a state maint\n")
		for n := range full + 3 {
			if err := q.open(fmt.Sprint(n), ""); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all wait", func() bool {
			return q.columns(t, "b", "scur")[0] == "1" && strings.Contains(q.state(t), fmt.Sprintf("BACKEND: qcur=%d", full+2))
		})
		both[k] = q
	}
	var began [2]time.Time
	for k, q := range both {
		ask(t, q.dir+"/sock", "set server up/a state ready\n")
		began[k] = time.Now()
	}
	eventually(t, "the servers are all there", func() bool {
		done := true
		for k, q := range both {
			v := q.columns(t, "a", "throttle", "weight", "scur")
			ramps[k].note(v[0], " weight "+v[1], v[2], time.Since(began[k]))
			done = done && v[0] == "" && (k == 0 || v[2] == fmt.Sprint(full))
		}
		return done
	})
	if got, want := strings.Join(ramps[1].lines, "\n"), strings.Join(ramps[0].lines, "\n"); got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
	if got := strings.Join(ramps[1].streams, " "); got != "1 2 4 6 8" {
		t.Errorf("it had %s streams, want 1 2 4 6 8: a quarter more each second", got)
	}
	// When the steps came is told and not judged: on a busy machine either is late.
	t.Logf("%q at %v, haproxy at %v", ramps[1].lines, ramps[1].at, ramps[0].at)
}
