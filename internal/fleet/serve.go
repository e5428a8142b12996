package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"
)

const (
	// stopWait bounds a graceful stop: longer than any reply of the fleet takes, short
	// enough for a restart by hand.
	stopWait = 8 * time.Second
	// idleKept is longer than the balancer keeps idle server connections, so that it
	// is the balancer who closes them and no request meets a closing connection.
	idleKept = 120 * time.Second
	// headWait ends connections that never send a whole head.
	headWait = 10 * time.Second
	// maxBody bounds the JSON bodies that the API reads.
	maxBody = 64 << 10
)

// serve answers on addr with h until ctx ends, then stops gracefully: no new
// connections, replies in progress are finished, and closing (nil: nothing) ends what
// http.Server does not know of, the WebSockets. With a path in ctl its mode is switched
// there.
func serve(ctx context.Context, addr, name, ctl string, h http.Handler, closing func(), stdout io.Writer, log *slog.Logger) error {
	ln, err := listen(addr)
	if err != nil {
		return err
	}
	faulty := &faulty{next: h}
	srv := &http.Server{
		Handler:           named(name, faulty),
		ReadHeaderTimeout: headWait,
		IdleTimeout:       idleKept,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	if ctl != "" {
		stop, err := (&control{faulty: faulty, door: ln, srv: srv}).listen(ctl)
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		defer stop()
	}
	served := make(chan error, 1)
	// Ends when Shutdown or Close below closes the listener.
	go func() { served <- srv.Serve(ln) }()
	fmt.Fprintf(stdout, "%s listens on %s\n", name, ln.Addr())

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWait)
	defer cancel()
	if err := srv.Shutdown(limit); err != nil {
		log.Warn("stopped before all replies were finished", "error", err)
		srv.Close()
	}
	if closing != nil {
		closing() // after Shutdown, so that no further WebSocket begins
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// named puts the server's name on every response, so that a client sees who answered.
func named(name string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Server", name)
		h.ServeHTTP(w, r)
	})
}

// writeJSON answers with v. Nothing of the fleet may be kept by a cache on the way.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // a failed write shows at the client, who gets a short body
}

// refuse answers with an error as JSON.
func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	writeJSON(w, status, map[string]string{"error": fmt.Sprintf(format, args...)})
}

// readJSON reads a request's body into v, at most maxBody bytes, and answers 400 itself
// when it cannot; the caller then returns.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(v); err != nil {
		refuse(w, http.StatusBadRequest, "body: %v", err)
		return false
	}
	return true
}
