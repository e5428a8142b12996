package h1

import (
	"io"
	"log/slog"
	"math"
	"testing"
	"time"

	"bascule/internal/config"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

func TestTheTimeBetweenTwoRequestsIsKnown(t *testing.T) {
	l, err := loop.New(0, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Stop()
	fe := stream.NewFrontend("fe", &stream.Env{Loops: 1})
	fe.Apply(&stream.Rules{Cfg: &config.Proxy{}})
	for _, c := range []struct {
		since time.Duration
		want  uint16
	}{{0, 0}, {999 * time.Millisecond, 0}, {10 * time.Second, 10}, {100 * time.Hour, math.MaxUint16}} {
		f := &front{p: &Plane{loop: l}, fe: fe, c: l.Absent()}
		f.info.Requests = 1
		f.began = -(l.Now() - int64(c.since))
		if f.begin(); f.info.Idle != c.want || f.began != l.Now() {
			t.Errorf("%v after the last reply: %d seconds, want %d", c.since, f.info.Idle, c.want)
		}
	}
}
