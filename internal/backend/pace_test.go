package backend

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestThePaceFollowsWhatTheOthersTake plays seconds: what the servers that are left took
// in each of them, as upgrades/milliseconds of one, !failed requests, qN waiting streams,
// and - before anybody is sent; = another server has come. After each: the pace.
func TestThePaceFollowsWhatTheOthersTake(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"nothing is known", "0/0 0/0 0/0", "50 50 50"},
		{"they take what comes", "50/5 62/5 78/6 97/5", "62 78 97 122"},
		{"at most", strings.TrimSpace(strings.Repeat("400/5 ", 14)), "62 78 97 122 152 190 238 298 372 465 500 500 500 500"},
		{"a few say nothing", "4/5 4/500 4/5", "50 50 50"},
		{"upgrades become slow", "50/5 50/60 50/60 50/60 50/60 50/60 50/5", "62 31 15 7 5 5 6"},
		{"a little slower is no strain", "50/1 50/12 50/20", "62 78 97"},
		{"they wait for slots", "50/5 50/5,q3 50/5", "62 31 39"},
		{"they fail", "50/5 50/5,!10 0/0,!40 50/5", "62 31 15 19"},
		{"two failures may be chance", "10/5,!2 10/5", "62 78"},
		{"what failed before does not count", "0/0,!30- 50/5,!40 50/5", "50 62 78"},
		{"another fleet is looked at anew", "50/5 50/500= 50/5", "62 62 78"},
		{"nothing changes before", "50/5- 50/5-", "50 50"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p pacing
			total, now := takings{servers: 2}, start
			p.learn(total, 0, false, now)
			var got []string
			for word := range strings.FieldsSeq(c.script) {
				var n, ms, failed, queued int64
				closing := !strings.HasSuffix(word, "-")
				if strings.HasSuffix(word, "=") {
					total.servers++
				}
				head, rest, _ := strings.Cut(strings.TrimRight(word, "-="), ",")
				fmt.Sscanf(head, "%d/%d", &n, &ms)
				fmt.Sscanf(rest, "!%d", &failed)
				fmt.Sscanf(rest, "q%d", &queued)
				total.upgrades += n
				total.requests += n + 50
				total.took += time.Duration(n*ms) * time.Millisecond
				total.failed += failed
				now = now.Add(time.Second)
				p.learn(total, queued, closing, now)
				p.learn(total, queued, closing, now.Add(pacedEvery/2)) // too soon
				got = append(got, fmt.Sprint(int(p.pace())))
			}
			if words := strings.Join(got, " "); words != c.want {
				t.Errorf("%s: got %s, want %s", c.script, words, c.want)
			}
		})
	}
}
