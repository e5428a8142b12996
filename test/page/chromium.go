// Command page shows the live page in a headless Chromium: it takes the pictures
// of the manual, and measures how long the page's script holds the browser's
// main thread. Its tests hold the page against a running balancer.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// A browser is a Chromium with one page, spoken to by its DevTools protocol.
type browser struct {
	process *exec.Cmd
	dir     string
	conn    *websocket.Conn
	session string
	ctx     context.Context
	cancel  context.CancelFunc

	mu      sync.Mutex // guards the fields below
	last    int
	waiting map[int]chan reply
	heard   map[string][]chan json.RawMessage
	err     error
}

type reply struct {
	result json.RawMessage
	err    error
}

const (
	// startTime is what a browser gets to begin on a busy machine.
	startTime = time.Minute
	// answerTime is what it gets for one command.
	answerTime = time.Minute
	// messageSize bounds one message: a picture of 200 servers.
	messageSize = 64 << 20
)

// start runs a browser; close ends it.
func start(ctx context.Context) (*browser, error) {
	dir, err := os.MkdirTemp("", "page")
	if err != nil {
		return nil, err
	}
	// In a container there is neither a sandbox nor room in /dev/shm, and root
	// needs to say so; the page that is shown is our own.
	cmd := exec.CommandContext(ctx, "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
		"--force-color-profile=srgb", "--remote-debugging-port=0", "--user-data-dir="+dir, "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+dir)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("chromium does not start (scripts/deps test installs it): %w", err)
	}
	b := &browser{process: cmd, dir: dir, waiting: map[int]chan reply{}, heard: map[string][]chan json.RawMessage{}}
	b.ctx, b.cancel = context.WithCancel(ctx)
	address := make(chan string, 1)
	go func() { // until the browser ends
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if _, url, ok := strings.Cut(lines.Text(), "DevTools listening on "); ok {
				address <- url
			}
		}
		close(address)
	}()
	select {
	case url, ok := <-address:
		if !ok {
			err = errors.New("chromium ended at once")
		} else {
			err = b.attach(url)
		}
	case <-time.After(startTime):
		err = errors.New("chromium says nothing")
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// close ends the browser and removes what it wrote.
func (b *browser) close() {
	if b.conn != nil {
		_, _ = b.call("Browser.close", nil)
		_ = b.conn.CloseNow()
	}
	b.cancel()
	_ = b.process.Process.Kill()
	_ = b.process.Wait()
	for end := time.Now().Add(answerTime); os.RemoveAll(b.dir) != nil && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond) // its children write their last
	}
}

// attach opens a page to speak to.
func (b *browser) attach(url string) (err error) {
	if b.conn, _, err = websocket.Dial(b.ctx, url, nil); err != nil { //nolint:bodyclose // Dial says that it need not be closed
		return err
	}
	b.conn.SetReadLimit(messageSize)
	go b.read() // until the connection ends
	text, err := b.call("Target.createTarget", map[string]any{"url": "about:blank"})
	if err != nil {
		return err
	}
	var made struct{ TargetID, SessionID string }
	if err := json.Unmarshal(text, &made); err != nil {
		return err
	}
	if text, err = b.call("Target.attachToTarget", map[string]any{"targetId": made.TargetID, "flatten": true}); err != nil {
		return err
	}
	if err := json.Unmarshal(text, &made); err != nil {
		return err
	}
	b.session = made.SessionID
	for _, domain := range []string{"Page", "Runtime", "Network", "Log"} {
		if _, err := b.call(domain+".enable", nil); err != nil {
			return err
		}
	}
	return nil
}

// read gives each answer to who waits for it.
func (b *browser) read() {
	for {
		_, text, err := b.conn.Read(b.ctx)
		var m struct {
			ID             int
			Method         string
			Params, Result json.RawMessage
			Error          *struct{ Message string }
		}
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		b.mu.Lock()
		if err != nil {
			b.err = err
			for _, to := range b.waiting {
				to <- reply{err: err}
			}
			b.waiting = map[int]chan reply{}
			b.mu.Unlock()
			return
		}
		if to := b.waiting[m.ID]; m.ID != 0 && to != nil {
			delete(b.waiting, m.ID)
			r := reply{result: m.Result}
			if m.Error != nil {
				r.err = errors.New(m.Error.Message)
			}
			to <- r
		}
		for _, to := range b.heard[m.Method] {
			select {
			case to <- m.Params:
			default: // who listens has more than it wants
			}
		}
		b.mu.Unlock()
	}
}

// on hears the events of a kind, at most so many that are not read.
func (b *browser) on(method string, most int) <-chan json.RawMessage {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan json.RawMessage, most)
	b.heard[method] = append(b.heard[method], c)
	return c
}

// call sends a command and waits for its answer.
func (b *browser) call(method string, params map[string]any) (json.RawMessage, error) {
	b.mu.Lock()
	b.last++
	id, to := b.last, make(chan reply, 1)
	b.waiting[id] = to
	err := b.err
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	m := map[string]any{"id": id, "method": method, "params": params}
	if params == nil {
		m["params"] = map[string]any{}
	}
	if b.session != "" && method != "Browser.close" {
		m["sessionId"] = b.session
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if err := b.conn.Write(b.ctx, websocket.MessageText, text); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	select {
	case r := <-to:
		if r.err != nil {
			return nil, fmt.Errorf("%s: %w", method, r.err)
		}
		return r.result, nil
	case <-time.After(answerTime):
		return nil, fmt.Errorf("%s: no answer", method)
	}
}
