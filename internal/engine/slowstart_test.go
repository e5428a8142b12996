package engine

import (
	"encoding/csv"
	"fmt"
	"net"
	"slices"
	"strconv"
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

// within says whether all of some are of list, in its order.
func within(some, list []string) bool {
	for _, s := range some {
		i := slices.Index(list, s)
		if i < 0 {
			return false
		}
		list = list[i+1:]
	}
	return true
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
	// A machine that stands still sees not every step, and may see one before its slots
	// are given away.
	steps := []string{"throttle 6 weight 1", "throttle 31 weight 4", "throttle 56 weight 6", "throttle 81 weight 9", "throttle  weight 10"}
	for k, name := range []string{"haproxy", "bascule"} {
		if r := ramps[k]; !within(r.lines, steps) || r.lines[len(r.lines)-1] != steps[len(steps)-1] {
			t.Errorf("%s shows %q, want %q", name, r.lines, steps)
		}
	}
	most := []int{1, 2, 4, 6, full} // a quarter more each second
	for i, line := range ramps[1].lines {
		step := slices.Index(steps, line)
		if had, err := strconv.Atoi(ramps[1].streams[i]); step >= 0 && (err != nil || had > most[step]) {
			t.Errorf("%s: it had %d streams, want %d at most", line, had, most[step])
		}
	}
	// When the steps came is told and not judged: on a busy machine either is late.
	t.Logf("%q at %v, haproxy at %v", ramps[1].lines, ramps[1].at, ramps[0].at)
}
