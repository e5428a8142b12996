package fleet

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// maxWord bounds the word of a mode that the control socket reads.
const maxWord = 64

// control switches the mode of a server, on a unix socket that only its user can open:
//
//	curl --unix-socket PATH -X PUT -d refused http://fleet/mode
type control struct {
	faulty *faulty
	door   *door
	srv    *http.Server
}

// set makes the mode that of all requests from now on.
func (c *control) set(mode Mode) error {
	c.faulty.mode.Store(&mode)
	if mode != Refused {
		c.srv.SetKeepAlivesEnabled(true)
		return c.door.open()
	}
	c.door.shut()
	c.srv.SetKeepAlivesEnabled(false) // and closes the idle ones
	return nil
}

func (c *control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/mode":
		http.NotFound(w, r)
	case r.Method == http.MethodGet:
		fmt.Fprintln(w, c.faulty.now())
	case r.Method == http.MethodPut:
		word, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWord))
		var mode Mode
		if err == nil {
			mode, err = parseMode(strings.TrimSpace(string(word)))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := c.set(mode); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, mode)
	default:
		http.Error(w, "GET or PUT", http.StatusMethodNotAllowed)
	}
}

// listen serves the control socket at path until the returned function is called. A
// socket that an ended process left there is replaced.
func (c *control) listen(path string) (stop func(), err error) {
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return nil, fmt.Errorf("control %s: another process answers there", path)
	}
	os.Remove(path) // of a process that was killed
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		ln.Close()
		return nil, fmt.Errorf("control: %w", err)
	}
	srv := &http.Server{Handler: c, ReadHeaderTimeout: headWait}
	done := make(chan struct{})
	// Ends by srv.Close.
	go func() { defer close(done); _ = srv.Serve(ln) }()
	return func() { srv.Close(); <-done }, nil
}

// controlWait bounds one word to a control socket.
const controlWait = 5 * time.Second

// SetMode tells the server whose control socket is at path how to treat requests, and
// returns when it does.
func SetMode(ctx context.Context, path string, mode Mode) error {
	ctx, cancel := context.WithTimeout(ctx, controlWait)
	defer cancel()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://fleet/mode", strings.NewReader(string(mode)))
	if err != nil {
		return err
	}
	reply, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("mode %s: %w", mode, err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(io.LimitReader(reply.Body, 1<<10))
	if err == nil && reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("mode %s: %s", mode, strings.TrimSpace(string(text)))
	}
	return err
}
