package engine

import (
	"crypto/tls"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
)

// TestHandshakesAreCountedAsHAProxyDoes sends the same clients to both.
func TestHandshakesAreCountedAsHAProxyDoes(t *testing.T) {
	for _, threads := range []int{1, 4} {
		t.Run(fmt.Sprint(threads, " threads"), func(t *testing.T) {
			dir := shortDir(t)
			m := certtest.New(t)
			if err := os.WriteFile(filepath.Join(dir, "web.pem"), m.Both("web.test"), 0o600); err != nil {
				t.Fatal(err)
			}
			server := serveTLS(t, m.Both("web.test"), func(c *tls.Config) { c.SessionTicketsDisabled = true })
			theirs, ours := twoSides(t, strings.NewReplacer("$FILES", dir, "$SERVER", server.addr, "$THREADS", fmt.Sprint(threads)).Replace(`
global
    nbthread $THREADS
    maxsslconn 100
    maxsslrate 200
    stats socket $DIR/sock mode 600 level admin
defaults
    mode http
    retries 0
    timeout connect 10s
    timeout client 20s
    timeout server 20s
frontend fe
    bind unix@$DIR/fe ssl crt $FILES/web.pem
    default_backend be
backend be
    http-reuse never
    server good $SERVER ssl verify none sni str(web.test)
    server bad 127.0.0.1:9 ssl verify none weight 0
frontend other
    bind unix@$DIR/other ssl crt $FILES/web.pem
    default_backend untrusting
frontend impatient
    bind unix@$DIR/impatient ssl crt $FILES/web.pem
    timeout client 1s
    default_backend untrusting
backend untrusting
    http-reuse never
    server s $SERVER ssl verify required ca-file $FILES/web.pem sni str(web.test)
`))
			for _, s := range []*side{theirs, ours} {
				s.shakeHands(t)
			}
			for what, of := range map[string]func(*side, *testing.T) string{"show stat": (*side).handshakes, "show info": (*side).tlsInfo} {
				want, got := of(theirs, t), of(ours, t)
				for end := time.Now().Add(patience); want != got && time.Now().Before(end); want, got = of(theirs, t), of(ours, t) {
					time.Sleep(10 * time.Millisecond) // both count behind the last byte
				}
				if got != want {
					t.Errorf("%s\n got %s\nwant %s", what, got, want)
				}
			}
		})
	}
}

// shakeHands has clients of all kinds come, one after the other.
func (s *side) shakeHands(t *testing.T) {
	t.Helper()
	dial := func(name string) net.Conn {
		c, err := net.Dial("unix", s.dir+"/"+name)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		return c
	}
	get := func(name string, settings *tls.Config) {
		raw := dial(name)
		defer raw.Close()
		c := tls.Client(raw, settings)
		_, _ = io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
		_, _ = io.ReadAll(c)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		settings := &tls.Config{InsecureSkipVerify: true, ServerName: "web.test", MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1)} //nolint:gosec // who is there is known
		for range 3 {
			get("fe", settings)
		}
		settings = settings.Clone()
		settings.ClientSessionCache = nil // binds of haproxy do not take each other's tickets
		get("other", settings)
	}
	get("fe", &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}) //nolint:gosec // refused
	for _, said := range []string{"", "GET / HTTP/1.0\r\n\r\n", "\x16\x03\x01\x00\x05hello"} {
		c := dial("fe")
		_, _ = io.WriteString(c, said)
		_ = c.(*net.UnixConn).CloseWrite()
		_, _ = io.ReadAll(c)
		c.Close()
	}
	silent := dial("impatient")
	_, _ = io.ReadAll(silent) // until its time is over
	silent.Close()
}

// handshakes are the columns of HAProxy's module of TLS.
func (s *side) handshakes(t *testing.T) string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(ask(t, s.dir+"/sock", "show stat\n"))).ReadAll()
	if err != nil || len(rows) == 0 {
		return fmt.Sprint(err)
	}
	var list []string
	at := slices.Index(rows[0], "ssl_sess")
	if at < 0 || rows[0][at-1] != "-" {
		return "the columns are not there"
	}
	list = append(list, strings.Join(rows[0][at:at+3], " "))
	for _, row := range rows[1:] {
		list = append(list, row[0]+"/"+row[1]+": "+strings.Join(row[at:at+3], " "))
	}
	return strings.Join(list, "\n")
}

// tlsInfo is what of TLS in show info does not depend on the clock.
func (s *side) tlsInfo(t *testing.T) string {
	t.Helper()
	var list []string
	for line := range strings.Lines(ask(t, s.dir+"/sock", "show info\n")) {
		name, _, _ := strings.Cut(line, ":")
		if slices.Contains([]string{"MaxSslConns", "CurrSslConns", "CumSslConns", "SslRateLimit"}, name) {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return strings.Join(list, "\n")
}
