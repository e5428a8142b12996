package stats

import (
	"strings"
	"testing"
	"time"
)

func TestTheProcesssOwnMetrics(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Process
		want string
	}{
		{"none yet", Process{}, `bascule_reloads_total{result="done"} 0
bascule_reloads_total{result="refused"} 0
bascule_removed_servers 0
bascule_removed_sessions 0
bascule_followers 5
`},
		{"the last one was refused", Process{Reloads: 3, ReloadsRefused: 2, LastReload: time.Unix(1e9, 0), RemovedServers: 1, RemovedSessions: 7},
			`bascule_reloads_total{result="done"} 3
bascule_reloads_total{result="refused"} 2
bascule_last_reload_success 0
bascule_last_reload_timestamp_seconds 1000000000
bascule_removed_servers 1
bascule_removed_sessions 7
bascule_followers 5
`},
		{"the last one was put in force", Process{Reloads: 1, LastReload: time.Unix(1e9, 0), LastReloadOK: true}, `bascule_reloads_total{result="done"} 1
bascule_reloads_total{result="refused"} 0
bascule_last_reload_success 1
bascule_last_reload_timestamp_seconds 1000000000
bascule_removed_servers 0
bascule_removed_sessions 0
bascule_followers 5
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			sel := ParseSelection("")
			var got strings.Builder
			for line := range strings.Lines(string(appendOwn(nil, &Facts{Process: c.p, Followers: 5}, &sel))) {
				if !strings.HasPrefix(line, "#") {
					got.WriteString(line)
				}
			}
			if got.String() != c.want {
				t.Errorf("got\n%s\nwant\n%s", got.String(), c.want)
			}
		})
	}
}
