package fleet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
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

// A server is one of the fleet's.
type server struct {
	addr, name string
	control    string      // path of the socket on which its mode is switched; "": none
	tls        *tls.Config // nil: in the clear
	handler    http.Handler
	closing    func() // ends what http.Server does not know of, the WebSockets; nil: nothing
}

// serve answers until ctx ends, then stops gracefully: no new connections, and replies
// in progress are finished.
func (s server) serve(ctx context.Context, stdout io.Writer, log *slog.Logger) error {
	ln, err := listen(s.addr)
	if err != nil {
		return err
	}
	faulty := &faulty{next: s.handler}
	srv := &http.Server{
		Handler:           named(s.name, faulty),
		ReadHeaderTimeout: headWait,
		IdleTimeout:       idleKept,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	if s.control != "" {
		stop, err := (&control{faulty: faulty, door: ln, srv: srv}).listen(s.control)
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		defer stop()
	}
	served := make(chan error, 1)
	// Ends when Shutdown or Close below closes the listener.
	go func() { served <- srv.Serve(s.secured(ln)) }()
	fmt.Fprintf(stdout, "%s listens on %s\n", s.name, ln.Addr())

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
	if s.closing != nil {
		s.closing() // after Shutdown, so that no further WebSocket begins
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s server) secured(ln net.Listener) net.Listener {
	if s.tls == nil {
		return ln
	}
	return tls.NewListener(ln, s.tls)
}

// loadTLS makes the TLS of a server of the file crt, which has the certificate, those
// above it and the key, as HAProxy's crt has. With the authorities of the file clients it
// answers only who has a certificate of one of them. "" and "" is nil, in the clear.
func loadTLS(crt, clients string) (*tls.Config, error) {
	if crt == "" {
		if clients != "" {
			return nil, usageError("--client-ca goes with --tls")
		}
		return nil, nil
	}
	text, err := os.ReadFile(crt)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("--tls %s: %w (the file has the certificate and its key)", crt, err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	if clients == "" {
		return c, nil
	}
	if text, err = os.ReadFile(clients); err != nil {
		return nil, err
	}
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--client-ca %s: no certificate in it", clients)
	}
	return c, nil
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
