package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

const (
	// writeWait bounds one frame to a client that does not read.
	writeWait = 10 * time.Second
	// pingEvery finds clients that are gone without a word, well within the
	// balancer's `timeout tunnel`.
	pingEvery = 20 * time.Second
)

// member is one WebSocket in one room.
type member struct {
	api    *API
	conn   *websocket.Conn
	room   *room
	name   string // of the room
	user   string
	client string
}

// chat upgrades a user's request to a WebSocket in a room:
// /api/v1/rooms/<room>/chat?client=<id>&after=<position>. Without after, messages
// begin behind the room's last.
func (a *API) chat(w http.ResponseWriter, r *http.Request) {
	found, how, ok := a.authenticate(w, r)
	if !ok {
		return
	}
	room, client := r.PathValue("room"), r.URL.Query().Get("client")
	if !validName(room) || !validName(client) {
		refuse(w, http.StatusBadRequest, "room and client: want 1 to %d letters, digits, '-' or '_'", maxName)
		return
	}
	after, ok := position(w, r)
	if !ok {
		return
	}
	last, number, err := a.store.last(r.Context(), room, found.User, client)
	if err != nil {
		a.unavailable(w, err)
		return
	}
	if !r.URL.Query().Has("after") {
		after = last
	}
	if !a.hold() { // before the hijack, until which http.Server waits for this request
		refuse(w, http.StatusServiceUnavailable, "this server stops: connect to another")
		return
	}
	defer a.done.Done()
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	conn.SetReadLimit(maxFrame)
	count(how, &a.counts.upgradesLocal, &a.counts.upgradesRedis)
	a.counts.sockets.Add(1)
	defer a.counts.sockets.Add(-1)

	rm, leave := a.rooms.enter(room, found.User, a.name, last)
	defer leave()
	m := &member{api: a, conn: conn, room: rm, name: room, user: found.User, client: client}
	m.serve(after, Frame{
		Type: FrameHello, Server: a.name, User: found.User, Auth: how, Number: number, Position: last,
	})
}

// serve runs the connection until the client or the server ends it.
func (m *member) serve(after int64, hello Frame) {
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	// Ends when the reader below does, or with the server; waited for here.
	go func() {
		defer close(stopped)
		m.write(ctx, after, hello)
		cancel()
	}()
	m.read(ctx)
	cancel()
	<-stopped
	m.conn.CloseNow() // after write's polite Close, or because the client is gone
}

// read stores what the client says, one message after the other, until the connection
// ends.
func (m *member) read(ctx context.Context) {
	for {
		kind, data, err := m.conn.Read(ctx)
		if err != nil {
			return
		}
		var frame Frame
		if kind != websocket.MessageText || json.Unmarshal(data, &frame) != nil || frame.Type != FrameSay {
			m.send(ctx, Frame{Type: FrameError, Error: "want a JSON text frame of type say"})
			return
		}
		if len(frame.Text) > MaxText || frame.Number < 1 {
			m.send(ctx, Frame{Type: FrameError, Error: fmt.Sprintf("want a number from 1 and a text up to %d bytes", MaxText)})
			return
		}
		reply, err := m.say(frame)
		if err != nil {
			// Not acknowledged, so the client sends it again, here or elsewhere.
			m.send(ctx, Frame{Type: FrameError, Error: err.Error()})
			return
		}
		if m.send(ctx, reply) != nil {
			return
		}
	}
}

// say stores one message. It does not end with the connection: what was received whole
// is stored, and whether it was is seen by its number.
func (m *member) say(frame Frame) (Frame, error) {
	ctx, cancel := context.WithTimeout(context.Background(), writeWait)
	defer cancel()
	what, last, err := m.api.store.say(ctx, m.name, Message{
		User: m.user, Client: m.client, Number: frame.Number, Text: frame.Text, Server: m.api.name,
	})
	if err != nil {
		if !errors.Is(err, errRoomFull) {
			m.api.log.Warn("message not stored", "room", m.name, "error", err)
		}
		return Frame{}, err
	}
	switch what {
	case saidStored:
		m.api.counts.stored.Add(1)
		return Frame{Type: FrameAck, Number: frame.Number}, nil
	case saidAgain:
		m.api.counts.again.Add(1)
		return Frame{Type: FrameAck, Number: frame.Number, Again: true}, nil
	default:
		m.api.counts.gaps.Add(1)
		return Frame{Type: FrameGap, Number: last}, nil
	}
}

// write sends the hello, then the room's messages behind position, each once and in
// order, until ctx or the server ends. A slow reader falls behind; nothing is queued.
func (m *member) write(ctx context.Context, position int64, hello Frame) {
	if m.send(ctx, hello) != nil {
		return
	}
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	shown := 0 // at least this member is online once the room was read
	for {
		messages, online, changed, err := m.room.since(ctx, position)
		if err != nil {
			return // Redis is away: the client comes again with its position
		}
		for i := range messages {
			if m.send(ctx, Frame{Type: FrameMessage, Message: &messages[i]}) != nil {
				return
			}
			position = messages[i].Position
			m.api.counts.delivered.Add(1)
		}
		if online != shown {
			if m.send(ctx, Frame{Type: FramePresence, Online: online}) != nil {
				return
			}
			shown = online
		}
		if len(messages) > 0 {
			continue // there may be more
		}
		select {
		case <-changed:
		case <-ping.C:
			if !m.ping(ctx) {
				return
			}
		case <-ctx.Done():
			return
		case <-m.api.ctx.Done():
			// 1012: the server restarts, come again (RFC 6455 §7.4.2 and its registry).
			m.conn.Close(websocket.StatusServiceRestart, "server stops")
			return
		}
	}
}

func (m *member) ping(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	return m.conn.Ping(ctx) == nil
}

// send writes one frame; it may be called from both of the connection's goroutines.
func (m *member) send(ctx context.Context, frame Frame) error {
	data, err := json.Marshal(frame)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	return m.conn.Write(ctx, websocket.MessageText, data)
}
