package top

import (
	"strings"

	"bascule/internal/terminal"
)

// helpText is the page behind "?".
const helpText = `bascule top
 ↑ ↓ PgUp PgDn Home End   move the cursor (also k j g G)
 d   drain the server at the cursor: no new users; bascule takes a deadline
 m   maintenance: no requests, no checks
 r   ready again
 w   weight: a number, or a share such as 50% of the file's
     what is sent is shown first, and sent after y
 /   filter by a part of a name or a state; Enter keeps it, Esc drops it
 t   only what is in trouble: not up, with a queue or with errors
 s S sort by the next column, or the one before;  R  the other way round
 e   events away, or back
 q   quit

 req/s   requests, in mode tcp sessions, of the last interval
 err/s   replies 5xx and connections that failed; of frontends, bad requests
 p50 p99 of the last half minute, from the first byte to the last
 avg     HAProxy's mean of the last 1024 requests, where there is no p99
 ws      WebSockets now
 any key goes back`

// helpLines is the page, its first line bold.
func helpLines(width int) []terminal.Line {
	var lines []terminal.Line
	for i, text := range strings.Split(helpText, "\n") {
		style := ""
		if i == 0 {
			style = terminal.Bold
		}
		lines = append(lines, terminal.Row(terminal.Cut(text, width), style))
	}
	return lines
}
