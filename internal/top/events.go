package top

import (
	"fmt"
	"strings"
	"time"
)

// clock is how a time of day is shown.
const clock = "15:04:05"

// note adds an event that was seen here.
func (m *Model) note(at time.Time, text string) {
	m.Events = append(m.Events, at.Format(clock)+" "+clean(text))
	m.Events = m.Events[max(0, len(m.Events)-maxEvents):]
}

// listen takes the process's own events, or sees changes from sample to sample where
// it has none.
func (m *Model) listen(s *Sample) {
	if s.Events == nil {
		m.compare(s)
		return
	}
	for _, line := range s.Events {
		n, _ := eventNumber(line)
		if n <= m.told {
			continue
		}
		m.told = n
		// number, time, severity, kind, proxy/server or "-", text
		words := strings.SplitN(line, " ", 6)
		if len(words) < 6 {
			continue
		}
		at, err := time.Parse(time.RFC3339, words[1])
		if err != nil {
			at = s.At
		}
		m.note(at.Local(), fmt.Sprintf("%-14s %s", words[3], words[5]))
	}
}

// compare notes what has changed since the sample before.
func (m *Model) compare(s *Sample) {
	if m.before == nil {
		return
	}
	earlier := index(m.before)
	for _, r := range s.Rows {
		name := r["pxname"] + "/" + r["svname"]
		before, ok := earlier[name]
		delete(earlier, name)
		switch {
		case !ok:
			m.note(s.At, name+" is new")
			continue
		case state(before["status"]) != state(r["status"]):
			text := fmt.Sprintf("%s is %s, was %s", name, r["status"], before["status"])
			if r["check_status"] != "" && state(r["status"]) != "MAINT" {
				text += " (" + strings.TrimSpace(check(r)+" "+r["last_chk"]) + ")"
			}
			m.note(s.At, text)
		}
		if before["weight"] != r["weight"] && r["type"] == "2" {
			m.note(s.At, fmt.Sprintf("%s has weight %s, had %s", name, r["weight"], before["weight"]))
		}
	}
	for _, r := range m.before.Rows { // in their order
		name := r["pxname"] + "/" + r["svname"]
		if _, gone := earlier[name]; gone {
			m.note(s.At, name+" is gone")
		}
	}
}

// state is a status without how far it is on the way to another.
func state(status string) string {
	word, rest, ok := strings.Cut(status, " ")
	if ok && strings.Contains(rest, "/") {
		return word
	}
	return status
}
