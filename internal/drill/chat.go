package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"bascule/internal/fleet"
)

const (
	// chatWait bounds an upgrade and one frame.
	chatWait = 20 * time.Second
	// A lost connection is renewed at once, then after pauses that double from the
	// first to the last.
	firstPause, lastPause = 20 * time.Millisecond, time.Second
	// pingEvery and pingWait find a connection whose other side is silent for good.
	pingEvery, pingWait = 5 * time.Second, 5 * time.Second
	// chatFrame bounds a frame from the server: a message of fleet.MaxText bytes that
	// JSON escapes, with its names.
	chatFrame = 8*fleet.MaxText + 1024
)

// Chat is a chat client as it ought to be: it reconnects whenever its connection ends,
// sends again by number what was not acknowledged, and reads on by position, so that
// nothing is lost or doubled by whatever happens in between.
type Chat struct {
	Ledger
	// Event is told the beginning and the end of each connection; nil: nobody.
	Event func(ChatEvent)

	site    Site
	http    *Client
	upgrade *http.Client
	kick    chan struct{} // something was said; holds one word

	mu     sync.Mutex
	status ChatStatus // guarded by mu
	began  string     // guarded by mu; the server of the first connection
	next   int64      // guarded by mu; the number to send next
}

// ChatStatus is the state of a chat client's connection.
type ChatStatus struct {
	Connected  bool
	Server     string // where it is, or was last
	Auth       string // how the server found the session: local or redis
	Connects   int
	Lost       time.Time     // when the last connection ended
	Away       time.Duration // between the last two connections
	CloseCode  int           // of the last Close frame, -1 when there was none
	LastEnd    string        // why the last connection ended
	LastFailed string        // why the last attempt failed
}

// ChatEvent is the beginning or the end of a chat client's connection.
type ChatEvent struct {
	At        time.Time
	Opened    bool
	Server    string // where it is or was
	CloseCode int    // of the Close frame that ended it, -1 when there was none
}

// NewChat makes a client of a room. Run connects it.
func NewChat(site Site, user, client, room string) *Chat {
	return &Chat{
		Ledger: Ledger{User: user, Client: client, Room: room},
		site:   site, http: NewClient(site), kick: make(chan struct{}, 1),
		// It keeps no connection whose upgrade was refused.
		upgrade: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: site.TLS}},
	}
}

// Say gives the client a text to send, now or whenever it is connected.
func (c *Chat) Say(text string) {
	c.Said(text)
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Status returns the state of the connection.
func (c *Chat) Status() ChatStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// first is the server of the first connection.
func (c *Chat) first() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.began
}

// Run keeps the client connected until ctx ends.
func (c *Chat) Run(ctx context.Context) {
	defer c.http.Close()
	pause := firstPause
	for ctx.Err() == nil {
		connected, err := c.session(ctx)
		c.ended(connected, err)
		if connected {
			pause = firstPause
			continue // at once
		}
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
		pause = min(2*pause, lastPause)
	}
}

func (c *Chat) ended(connected bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if connected {
		c.status.Connected = false
		c.status.Lost = time.Now()
		c.status.CloseCode = int(websocket.CloseStatus(err))
		c.status.LastEnd = fmt.Sprint(err)
		c.tell(ChatEvent{At: c.status.Lost, Server: c.status.Server, CloseCode: c.status.CloseCode})
	} else if err != nil {
		c.status.LastFailed = err.Error()
	}
}

func (c *Chat) tell(e ChatEvent) {
	if c.Event != nil {
		c.Event(e)
	}
}

// session is one connection from the upgrade to its end.
func (c *Chat) session(ctx context.Context) (connected bool, err error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(chatFrame)
	hello, err := receive(ctx, conn)
	if err == nil && hello.Type != fleet.FrameHello {
		err = fmt.Errorf("chat: a %s came instead of a hello", hello.Type)
	}
	if err != nil {
		return false, err
	}
	c.begin(hello)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sent := make(chan struct{})
	// Ends when the reading below does; waited for here.
	go func() { defer close(sent); c.send(ctx, conn); _ = conn.CloseNow() }()
	err = c.receive(ctx, conn)
	cancel()
	<-sent
	return true, err
}

// begin takes up the connection where the last one ended.
func (c *Chat) begin(hello fleet.Frame) {
	c.Begin(hello.Position)
	c.Acked(hello.Number) // stored, though its acknowledgement may be lost
	_, acked, _, _ := c.progress()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.status.Lost.IsZero() {
		c.status.Away = time.Since(c.status.Lost)
	}
	c.status.Connected, c.status.Server, c.status.Auth = true, hello.Server, hello.Auth
	if c.status.Connects++; c.status.Connects == 1 {
		c.began = hello.Server
	}
	c.tell(ChatEvent{At: time.Now(), Opened: true, Server: hello.Server, CloseCode: -1})
	c.next = acked + 1
}

// dial logs in if needed and upgrades. Cookies of the balancer are kept.
func (c *Chat) dial(ctx context.Context) (*websocket.Conn, error) {
	if c.http.cookies[fleet.SessionCookie] == "" {
		if err := c.http.Login(ctx, c.User); err != nil {
			return nil, err
		}
		c.http.Close() // only for the login; the chat needs no connection of it
	}
	_, _, position, begun := c.progress()
	path := "/api/v1/rooms/" + c.Room + "/chat?client=" + c.Client
	if begun {
		path += fmt.Sprintf("&after=%d", position)
	}
	ctx, cancel := context.WithTimeout(ctx, chatWait)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, c.site.URL+path, &websocket.DialOptions{
		HTTPClient: c.upgrade, HTTPHeader: http.Header{"Cookie": {c.http.cookieHeader()}},
	})
	if resp != nil {
		c.http.keepCookies(resp.Cookies())
		if resp.StatusCode == http.StatusUnauthorized {
			delete(c.http.cookies, fleet.SessionCookie)
		}
	}
	return conn, err
}

func (c *Chat) receive(ctx context.Context, conn *websocket.Conn) error {
	for {
		frame, err := receive(ctx, conn)
		if err != nil {
			return err
		}
		switch frame.Type {
		case fleet.FrameMessage:
			c.Read(*frame.Message)
		case fleet.FrameAck:
			c.Acked(frame.Number)
		case fleet.FrameGap:
			c.mu.Lock()
			c.next = frame.Number + 1
			c.mu.Unlock()
		case fleet.FrameError:
			return fmt.Errorf("chat: %s", frame.Error)
		}
	}
}

// send says what there is to say, in the order of the numbers.
func (c *Chat) send(ctx context.Context, conn *websocket.Conn) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		c.mu.Lock()
		number := c.next
		c.mu.Unlock()
		texts := c.from(number)
		if len(texts) == 0 {
			select {
			case <-c.kick:
				continue
			case <-ping.C:
				if !answers(ctx, conn) {
					return
				}
				continue
			case <-ctx.Done():
				return
			}
		}
		if write(ctx, conn, fleet.Frame{Type: fleet.FrameSay, Number: number, Text: texts[0]}) != nil {
			return
		}
		c.mu.Lock()
		if c.next == number { // else a gap set it back
			c.next++
		}
		c.mu.Unlock()
	}
}

func answers(ctx context.Context, conn *websocket.Conn) bool {
	ctx, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	return conn.Ping(ctx) == nil
}

func receive(ctx context.Context, conn *websocket.Conn) (fleet.Frame, error) {
	var frame fleet.Frame
	_, data, err := conn.Read(ctx)
	if err != nil {
		return frame, err
	}
	if err := json.Unmarshal(data, &frame); err != nil {
		return frame, fmt.Errorf("chat: %w", err)
	}
	if frame.Type == fleet.FrameMessage && frame.Message == nil {
		return frame, errors.New("chat: a message frame without a message")
	}
	return frame, nil
}

func write(ctx context.Context, conn *websocket.Conn, frame fleet.Frame) error {
	data, err := json.Marshal(frame)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, chatWait)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, data)
}
