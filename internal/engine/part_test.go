package engine

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"bascule/internal/stream"
)

// twoFronts is a backend behind a frontend that stays and, with a deadline for what it
// has accepted, one that goes.
func twoFronts(stays, goes, server, deadline string) string {
	text := reloadHead + "frontend stays\n    bind " + stays + "\n    default_backend be\nbackend be\n    server s " + server + "\n"
	if deadline != "" {
		text += "frontend goes\n    drain-removed " + deadline + "\n    bind " + goes + "\n    default_backend be\n"
	}
	return text
}

// TestARemovedFrontendIsDrained has what a frontend can have accepted: WebSockets, one
// in the middle of a frame, a request whose server does not answer.
func TestARemovedFrontendIsDrained(t *testing.T) {
	h, stays, goes := newHall(t), freeAddr(t), freeAddr(t)
	h.name = "a"
	b := run(t, twoFronts(stays, goes, h.addr(), "2s"))
	kept, told := join(t, stays, "/", nil), join(t, goes, "/", nil)
	chatted(t, kept)
	half := rawUpgrade(t, goes, "/half")
	if _, err := io.ReadFull(half, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	slow := make(chan error, 1)
	go func() { // ends at the deadline
		resp, err := http.Get("http://" + goes + "/slow")
		if err == nil {
			resp.Body.Close()
			err = fmt.Errorf("status %d", resp.StatusCode)
		}
		slow <- err
	}()
	eventually(t, "all are there", func() bool { return b.stat("be/s", "scur") == "4" })

	began := time.Now()
	b.reload(twoFronts(stays, goes, h.addr(), ""))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, _, err := told.Read(ctx); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Errorf("a WebSocket of the removed frontend ended with %v, want Close 1012", err)
	}
	ended(t, half)
	if err := <-slow; err == nil || !strings.Contains(err.Error(), "503") && !strings.Contains(err.Error(), "EOF") {
		t.Errorf("a request that its server does not answer: %v, want an end at the deadline", err)
	}
	if took := time.Since(began); took < 1900*time.Millisecond {
		t.Errorf("it was cut after %v, before the deadline", took)
	}
	eventually(t, "nothing of the frontend is left", func() bool { return b.stat("be/s", "scur") == "1" })
	chatted(t, kept)
}

func TestARemovedFrontendWithoutADeadlineKeepsItsTunnels(t *testing.T) {
	h, stays, goes := newHall(t), freeAddr(t), freeAddr(t)
	b := run(t, twoFronts(stays, goes, h.addr(), "off"))
	c := join(t, goes, "/", nil)
	chatted(t, c)
	fe := b.fronts["goes"]
	b.reload(twoFronts(stays, goes, h.addr(), ""))
	if list := partings([]*stream.Frontend{fe}); list != nil {
		t.Errorf("%d frontends are drained, want none", len(list))
	}
	chatted(t, c)
}
