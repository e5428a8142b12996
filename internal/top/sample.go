// Package top is `bascule top`: a view in the terminal over the runtime socket of a
// running bascule or HAProxy, with what an operator does at the cursor.
package top

import (
	"context"
	"strconv"
	"strings"
	"time"

	"bascule/internal/drill"
)

// Sample is what the process said at one moment.
type Sample struct {
	At     time.Time
	Info   map[string]string // of show info
	Rows   []drill.Row       // of show stat, in the process's order
	Events []string          // lines of show events; nil where there are none
}

// own says whether the process is a bascule, and not a HAProxy that it answers like.
func (s *Sample) own() bool { return strings.Contains(s.Info["Version"], "bascule") }

// number is a line of show info as a number, 0 when it is not there.
func (s *Sample) number(name string) int64 {
	n, _ := strconv.ParseInt(s.Info[name], 10, 64) // 0 is right for what is not there
	return n
}

// take asks the process. HAProxy is asked nothing that it does not know.
func take(ctx context.Context, socket drill.Runtime) (*Sample, error) {
	info, err := socket.Do(ctx, "show info")
	if err != nil {
		return nil, err
	}
	rows, err := socket.Stat(ctx)
	if err != nil {
		return nil, err
	}
	s := &Sample{At: time.Now(), Info: parseInfo(info), Rows: rows}
	if s.own() {
		answer, err := socket.Do(ctx, "show events")
		if err != nil {
			return nil, err
		}
		s.Events = parseEvents(answer)
	}
	return s, nil
}

// parseInfo reads "Name: value" lines.
func parseInfo(answer string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(answer) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			info[name] = value
		}
	}
	return info
}

// parseEvents gives the lines that begin with a number, as those of show events do; a
// socket of a level that may not see them answers something else, which is none.
func parseEvents(answer string) []string {
	var lines []string
	for line := range strings.Lines(answer) {
		if _, ok := eventNumber(line); ok {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// eventNumber is the number at the beginning of a line of show events.
func eventNumber(line string) (uint64, bool) {
	word, _, _ := strings.Cut(line, " ")
	n, err := strconv.ParseUint(word, 10, 64)
	return n, err == nil
}
