package engine

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/events"
	"bascule/internal/stats"
)

func TestALimitBitesOnceForWavesOfClients(t *testing.T) {
	var b bite
	at := time.Unix(1000, 0)
	for _, step := range []struct {
		after time.Duration // since the step before
		total int64
		want  string
	}{
		{time.Second, 0, ""}, {time.Second, 5, "began"}, {time.Second, 9, ""}, {9 * time.Second, 9, ""}, {time.Second / 2, 12, ""},
		{9 * time.Second, 12, ""}, {time.Second, 12, "over"}, {time.Second, 12, ""}, {time.Hour, 13, "began"}, {10 * time.Second, 13, "over"},
	} {
		at = at.Add(step.after)
		got := ""
		began, over := b.look(step.total, at)
		switch {
		case began:
			got = "began"
		case over:
			got = "over"
			b.begun = time.Time{} // as lookAtLimits does
		}
		if got != step.want {
			t.Errorf("at %s, %d held up: %q, want %q", at.UTC().Format(time.TimeOnly), step.total, got, step.want)
		}
	}
}

// TestALimitOnHandshakesIsToldAtItsBeginAndEnd: a client holds the one place of
// maxsslconn, and another waits.
func TestALimitOnHandshakesIsToldAtItsBeginAndEnd(t *testing.T) {
	server := echoServer(t)
	s := newTLSSite(t, "http", "", "", server)
	cfg := parse(t, s.dir, strings.Replace(s.text("http", "", "", server), "global\n", "global\n  maxsslconn 1\n", 1))
	if cfg.Global.Tuning.SSLConns != 1 {
		t.Fatal("maxsslconn is not read")
	}
	if _, err := s.Swap(cfg, nil, false); err != nil {
		t.Fatal(err)
	}
	s.Release()
	one, settings := s.dial(s.client()), s.client()
	told := func(level int, text string) func() bool {
		return func() bool {
			for _, e := range s.Stats().Events.Since(0) {
				if e.Kind == events.TLSLimit && e.Level == level && strings.HasPrefix(e.Text, text) {
					return true
				}
			}
			return false
		}
	}
	limited := func() bool { return s.Stats().Process().TLSLimited == [stats.TLSLimits]bool{stats.TLSConns: true} }
	second := make(chan error, 1)
	go func() { // ends when the first client has gone
		conn, err := tls.Dial("tcp", s.addr, settings)
		if err == nil {
			conn.Close()
		}
		second <- err
	}()
	eventually(t, "the limit is told", told(backend.LevelAlert, "maxsslconn (1) is reached: "))
	eventually(t, "the metric says so", limited)
	one.Close()
	if err := <-second; err != nil {
		t.Errorf("who waited: %v", err)
	}
}
