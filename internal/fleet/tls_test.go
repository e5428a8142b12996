package fleet

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bascule/internal/cert/certtest"
	"bascule/test/loopback"
)

// keep writes a file and returns its path.
func keep(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAServerAnswersOnlyClientsThatItsAuthoritiesKnow(t *testing.T) {
	ours, theirs := certtest.New(t), certtest.New(t)
	secure, err := loadTLS(keep(t, ours.Both("api.test")), keep(t, ours.Authority()))
	if err != nil {
		t.Fatal(err)
	}
	addr := loopback.Address() + ":8000"
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { // ends by stop
		s := server{addr: addr, name: "s1", tls: secure, handler: NewStream("s1", 4, 0)}
		ended <- s.serve(ctx, io.Discard, slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	ask := func(certificates ...tls.Certificate) (int, error) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ours.Pool(), ServerName: "api.test", Certificates: certificates}}
		defer transport.CloseIdleConnections()
		reply, err := (&http.Client{Transport: transport}).Get("https://" + addr + "/health")
		if err != nil {
			return 0, err
		}
		return reply.StatusCode, reply.Body.Close()
	}
	pair := func(text []byte) tls.Certificate {
		p, err := tls.X509KeyPair(text, text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	known := pair(ours.Both("balancer.test"))
	within(t, "it answers a client that is known", func() bool {
		status, err := ask(known)
		return err == nil && status == http.StatusOK
	})
	if _, err := ask(); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("a client without a certificate got %v", err)
	}
	if _, err := ask(pair(theirs.Both("balancer.test"))); err == nil {
		t.Error("a client of another authority got an answer")
	}
}

func TestMainSaysWhatIsWrongWithItsCertificate(t *testing.T) {
	m := certtest.New(t)
	certificate, key := m.ECDSA("api.test")
	both := keep(t, append(bytes.Clone(certificate), key...))
	for _, test := range []struct {
		name, crt, clients, want string
	}{
		{"no such file", "none.pem", "", "open none.pem"},
		{"no key", keep(t, certificate), "", "the file has the certificate and its key"},
		{"no such authorities", both, "none.pem", "open none.pem"},
		{"a key for authorities", both, keep(t, key), "no certificate in it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stderr bytes.Buffer
			code := Main([]string{"stream", "--name", "x", "--tls", test.crt, "--client-ca", test.clients}, io.Discard, &stderr)
			if code != 1 || !strings.Contains(stderr.String(), test.want) {
				t.Errorf("exit %d, %q; want 1 with %q", code, stderr.String(), test.want)
			}
		})
	}
}
