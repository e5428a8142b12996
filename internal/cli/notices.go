package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
)

// notices is a slog.Handler that writes records in the shape of HAProxy's
// messages: "[WARNING]  (pid) : text : key=value".
type notices struct {
	w     io.Writer
	mu    *sync.Mutex // guards w
	least slog.Level
	attrs string
}

func newLog(w io.Writer, quiet bool) *slog.Logger {
	least := slog.LevelInfo
	if quiet {
		least = slog.LevelError + 1
	}
	return slog.New(&notices{w: w, mu: &sync.Mutex{}, least: least})
}

// Enabled says whether records of a level are written.
func (n *notices) Enabled(_ context.Context, l slog.Level) bool { return l >= n.least }

// Handle writes one record.
func (n *notices) Handle(_ context.Context, r slog.Record) error {
	tag := "[NOTICE]   "
	switch {
	case r.Level >= slog.LevelError:
		tag = "[ALERT]    "
	case r.Level >= slog.LevelWarn:
		tag = "[WARNING]  "
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s(%d) : %s%s", tag, os.Getpid(), r.Message, n.attrs)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		return true
	})
	b.WriteByte('\n')
	n.mu.Lock()
	defer n.mu.Unlock()
	_, err := io.WriteString(n.w, b.String())
	return err
}

// WithAttrs returns a handler that adds attrs to each record.
func (n *notices) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *n
	for _, a := range attrs {
		c.attrs += fmt.Sprintf(" %s=%v", a.Key, a.Value)
	}
	return &c
}

// WithGroup returns n: groups are not shown.
func (n *notices) WithGroup(string) slog.Handler { return n }
