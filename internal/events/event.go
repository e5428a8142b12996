// Package events keeps what has happened in the process lately: changes of the
// state of servers, reloads, full queues. The newest stay in a ring of a
// bounded size; readers follow it, each at its own pace, and none can hold up
// those who add.
package events

import (
	"strconv"
	"strings"
	"time"
)

// A Kind names what happened. Kinds are only ever added: they are read by programs.
type Kind string

// The kinds.
const (
	ServerUp       Kind = "server-up"
	ServerDown     Kind = "server-down"
	ServerStopping Kind = "server-stopping" // its check says that it takes no new users
	ServerMaint    Kind = "server-maint"
	ServerDrain    Kind = "server-drain"
	ServerReady    Kind = "server-ready" // left maintenance or drain
	ServerDrained  Kind = "server-drained"
	ServerAdded    Kind = "server-added"
	ServerRemoved  Kind = "server-removed"
	ServerMoved    Kind = "server-moved" // to another address
	ServerWeight   Kind = "server-weight"
	ServerFelled   Kind = "server-felled"   // option fast-detect took it out
	ServerSpared   Kind = "server-spared"   // and would have, were there others
	ServerHeld     Kind = "server-held"     // option flap-damping keeps it out for longer, or no longer
	ServerCheck    Kind = "server-check"    // option log-health-checks
	ServerUnshaken Kind = "server-unshaken" // TLS handshakes with it fail
	BackendUp      Kind = "backend-up"
	BackendDown    Kind = "backend-down"
	QueueFull      Kind = "queue-full"
	ReplayRefused  Kind = "replay-refused"
	FrontendChange Kind = "frontend"
	ReloadDone     Kind = "reload-done"
	ReloadRefused  Kind = "reload-refused"
	TLSLimit       Kind = "tls-limit" // a limit on TLS handshakes begins or ceases to hold clients up
	Started        Kind = "started"
	Stopping       Kind = "stopping"
	Action         Kind = "action" // an operator's, on the page or the runtime socket
)

// An Event is one thing that happened.
type Event struct {
	ID     uint64    `json:"id"` // counted up in the process from 1
	Time   time.Time `json:"time"`
	Kind   Kind      `json:"kind"`
	Level  int       `json:"level"` // severity, RFC 5424 section 6.2.1
	Proxy  string    `json:"proxy,omitempty"`
	Server string    `json:"server,omitempty"`
	Text   string    `json:"text"` // a sentence, on one line
}

// AppendLine writes the event as "show events" does: number, time, severity,
// kind, proxy/server or "-", and the text to the end of the line.
func (e *Event) AppendLine(b []byte) []byte {
	b = append(strconv.AppendUint(b, e.ID, 10), ' ')
	b = append(e.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z"), ' ')
	b = append(strconv.AppendInt(b, int64(e.Level), 10), ' ')
	b = append(append(b, e.Kind...), ' ')
	switch {
	case e.Proxy == "":
		b = append(b, '-')
	case e.Server == "":
		b = append(b, e.Proxy...)
	default:
		b = append(append(append(b, e.Proxy...), '/'), e.Server...)
	}
	return append(append(append(b, ' '), e.Text...), '\n')
}

// line makes one line of a text.
func line(text string) string {
	text = strings.TrimSpace(text)
	if !strings.ContainsAny(text, "\r\n") {
		return text
	}
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' }), " | ")
}
