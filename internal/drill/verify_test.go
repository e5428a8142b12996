package drill

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/coder/websocket"

	"bascule/internal/fleet"
)

// startAPI serves one API server in this process.
func startAPI(t *testing.T, name, redisAddr string) (site Site, hangUpAll func()) {
	t.Helper()
	api := fleet.NewAPI(name, redisAddr, slog.New(slog.DiscardHandler))
	srv := httptest.NewServer(api)
	t.Cleanup(func() { srv.Close(); api.Close() })
	return Site{URL: srv.URL}, api.Close
}

func onEachRedis(t *testing.T, test func(t *testing.T, redisAddr string)) {
	t.Run("embedded", func(t *testing.T) { test(t, miniredis.RunT(t).Addr()) })
	t.Run("redis-server", func(t *testing.T) { test(t, realRedis(t)) })
}

func verify(t *testing.T, site Site, ledgers ...*Ledger) ChatReport {
	t.Helper()
	ctx, cancel := withTimeout(t, 2*time.Second)
	defer cancel()
	report, err := VerifyChats(ctx, site, ledgers)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// broken is a chat client that notes honestly and sends dishonestly.
type broken struct {
	*Ledger
	site Site
	http *Client
	conn *websocket.Conn
	last int64 // number of the server's hello
}

func newBroken(t *testing.T, site Site) *broken {
	t.Helper()
	b := &broken{Ledger: &Ledger{User: "ann", Client: "a", Room: "hall"}, site: site, http: NewClient(site)}
	t.Cleanup(b.http.Close)
	if err := b.http.Login(t.Context(), b.User); err != nil {
		t.Fatal(err)
	}
	b.connect(t)
	return b
}

func (b *broken) connect(t *testing.T) {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), b.site.URL+"/api/v1/rooms/hall/chat?client=a&after=0",
		&websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {b.http.cookieHeader()}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	hello, err := receive(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	b.conn, b.last = conn, hello.Number
}

// send sends a text under a number and waits for its ack.
func (b *broken) send(t *testing.T, number int64, text string) {
	t.Helper()
	if err := write(t.Context(), b.conn, fleet.Frame{Type: fleet.FrameSay, Number: number, Text: text}); err != nil {
		t.Fatal(err)
	}
	for {
		frame, err := receive(t.Context(), b.conn)
		if err != nil {
			t.Fatal(err)
		}
		if frame.Type == fleet.FrameAck {
			b.Acked(frame.Number)
			return
		}
	}
}

func TestVerifyCatchesClientsThatAreBroken(t *testing.T) {
	for _, test := range []struct {
		name string
		play func(t *testing.T, b *broken)
		want ChatReport
	}{
		{"an honest client is clean", func(t *testing.T, b *broken) {
			b.send(t, b.Said("one"), "one")
			b.send(t, b.Said("two"), "two")
			b.connect(t)
			b.send(t, 2, "two") // again by its number
		}, ChatReport{Said: 2, Stored: 2}},
		{"a message sent again under a new number is doubled", func(t *testing.T, b *broken) {
			b.send(t, b.Said("one"), "one")
			b.connect(t)
			b.send(t, b.last+1, "one")
		}, ChatReport{Said: 1, Stored: 2, Doubled: 1}},
		{"a message not sent again is lost", func(t *testing.T, b *broken) {
			b.send(t, b.Said("one"), "one")
			b.Said("two") // its connection ended before it was sent
			b.connect(t)
			b.Said("three")
			b.send(t, b.last+1, "three") // and it goes on as if nothing had been
		}, ChatReport{Said: 3, Stored: 2, Lost: 1}},
		{"the same text said twice and stored twice is clean", func(t *testing.T, b *broken) {
			b.send(t, b.Said("one"), "one")
			b.send(t, b.Said("one"), "one")
		}, ChatReport{Said: 2, Stored: 2}},
		{"a message that nobody said is foreign", func(t *testing.T, b *broken) {
			b.send(t, 1, "ghost")
		}, ChatReport{Stored: 1, Foreign: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			site, _ := startAPI(t, "one", miniredis.RunT(t).Addr())
			b := newBroken(t, site)
			test.play(t, b)
			test.want.Clients = 1
			if got := verify(t, site, b.Ledger); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			} else if got.Clean() != (got.Lost+got.Doubled+got.Foreign == 0) {
				t.Errorf("clean is %v of %+v", got.Clean(), got)
			}
		})
	}
}

func TestVerifyCatchesReadersThatMissOrRepeat(t *testing.T) {
	rooms := map[string][]fleet.Message{"hall": {{Position: 1}, {Position: 2}, {Position: 3}}}
	for _, test := range []struct {
		name            string
		read            []int64
		unread, doubled int64
	}{
		{"all once is clean", []int64{1, 2, 3}, 0, 0},
		{"one skipped is unread", []int64{1, 3}, 1, 0},
		{"the last missing is unread", []int64{1, 2}, 1, 0},
		{"one repeated is read twice", []int64{1, 2, 2, 3}, 0, 1},
		{"nothing at all is all unread", nil, 3, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			ledger := &Ledger{User: "ann", Client: "a", Room: "hall"}
			ledger.Begin(0)
			for _, position := range test.read {
				ledger.Read(fleet.Message{Position: position})
			}
			got := compare([]*Ledger{ledger}, rooms)
			if got.Unread != test.unread || got.ReadTwice != test.doubled || got.Read != 3 {
				t.Errorf("got %+v, want %d unread and %d read twice of 3", got, test.unread, test.doubled)
			}
		})
	}
}

func TestChatSurvivesEveryConnectionBeingCut(t *testing.T) {
	onEachRedis(t, func(t *testing.T, redisAddr string) {
		site, _ := startAPI(t, "one", redisAddr)
		cut := newCutter(t, site)
		chats := []*Chat{NewChat(cut.site, "ann", "a", "hall"), NewChat(cut.site, "bob", "b", "hall")}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{}, len(chats))
		for _, chat := range chats {
			go func() { chat.Run(ctx); done <- struct{}{} }() // ends with ctx below
		}
		for round := range 10 {
			for _, chat := range chats {
				for range 50 {
					chat.Say("x")
				}
			}
			within(t, "both are connected", func() bool { return chats[0].Status().Connects > round && chats[1].Status().Connects > round })
			cut.all()
		}
		limit, stop := withTimeout(t, time.Minute)
		defer stop()
		report, err := VerifyChats(limit, site, []*Ledger{&chats[0].Ledger, &chats[1].Ledger})
		cancel()
		<-done
		<-done
		if err != nil || !report.Clean() || report.Said != 1000 || report.Stored != 1000 {
			t.Errorf("%+v, %v; want 1000 said and stored, nothing lost or doubled", report, err)
		}
	})
}

func TestChatLogsInAgainWhenItsSessionEnds(t *testing.T) {
	redis := miniredis.RunT(t)
	site, _ := startAPI(t, "one", redis.Addr())
	chat := NewChat(site, "ann", "a", "hall")
	chat.http.cookies[fleet.SessionCookie] = "long-gone"
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { chat.Run(ctx); close(done) }() // ends with ctx below
	within(t, "the client is connected", func() bool { return chat.Status().Connected })
	cancel()
	<-done
}

func TestChatIsToldWhenItsServerStops(t *testing.T) {
	redis := miniredis.RunT(t)
	site, hangUpAll := startAPI(t, "one", redis.Addr())
	chat := NewChat(site, "ann", "a", "hall")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { chat.Run(ctx); close(done) }() // ends with ctx below
	within(t, "the client is connected", func() bool { return chat.Status().Connected })
	hangUpAll()
	within(t, "the client has seen Close 1012", func() bool {
		return chat.Status().CloseCode == int(websocket.StatusServiceRestart)
	})
	cancel()
	<-done
}
