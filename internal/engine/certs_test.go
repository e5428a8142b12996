package engine

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"bascule/internal/cert/certtest"
	"bascule/internal/events"
)

// payload makes a command of one line and the text behind it.
func payload(line string, text []byte) string {
	return line + " <<\n" + strings.TrimRight(string(text), "\n") + "\n\n"
}

// TestCommandsOfCertificatesAreHAProxys sends the same commands to both, which read
// the same files, and compares the answers; order counts.
func TestCommandsOfCertificatesAreHAProxys(t *testing.T) {
	dir := shortDir(t)
	m, other := certtest.New(t), certtest.New(t)
	chain, key := m.ECDSA("chain.test")
	rsa, rsaKey := m.RSA("rsa.test", "*.rsa.test")
	alone, aloneKey := m.ECDSA("alone.test")
	web, fresh := m.Both("web.test", "www.web.test"), m.Both("fresh.test")
	two := append(bytes.Clone(m.Authority()), other.Authority()...)
	later := time.Now().Add(time.Hour)
	clean, revoking := m.CRL(later), m.CRL(later, web, fresh)
	badCRL := []byte("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
	for name, data := range map[string][]byte{
		"web.pem": web, "chain.pem": bytes.Join([][]byte{chain, other.Authority(), m.Authority(), key}, nil),
		"rsa.pem": append(rsa, rsaKey...), "ca.pem": m.Authority(), "ca2.pem": two, "crl.pem": clean, "crl2.pem": append(other.CRL(later, web), clean...),
		"list": []byte(strings.ReplaceAll("# a comment\nFILES/web.pem [verify none ssl-min-ver TLSv1.2] web.test !www.web.test\n\nFILES/rsa.pem\nFILES/chain.pem [] *.chain.test\nFILES/web.pem other.test\n# the end\n", "FILES", dir)),
		"more": []byte(dir + "/web.pem\n# the end\n\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.ReplaceAll(`
global
    stats socket $DIR/sock mode 600 level admin
    stats socket $DIR/user mode 600 level user
    stats socket $DIR/oper mode 600 level operator
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend fe
    bind unix@$DIR/fe ssl crt FILES/web.pem crt FILES/chain.pem ca-file FILES/ca.pem crl-file FILES/crl.pem verify optional
    bind unix@$DIR/fe2 ssl crt FILES/chain.pem crt FILES/rsa.pem
    bind unix@$DIR/fe3 ssl crt-list FILES/list
    bind unix@$DIR/fe4 ssl crt-list FILES/list crt FILES/rsa.pem
    bind unix@$DIR/fe6 ssl crt FILES/rsa.pem ca-file FILES/ca2.pem crl-file FILES/crl2.pem verify none
    bind unix@$DIR/fe5 ssl crt FILES/rsa.pem crt-list FILES/more
    default_backend be
backend be
    server a 127.0.0.1:9
`, "FILES/", dir+"/")
	theirs, ours := twoSides(t, text)
	for _, line := range []string{
		"show ssl cert", "show ssl cert FILES/web.pem", "show ssl cert FILES/chain.pem", "show ssl cert FILES/rsa.pem", "show ssl cert FILES/none.pem", "show ssl cert *FILES/web.pem", "show ssl cert *",
		"set ssl cert", "set ssl cert FILES/web.pem", payload("set ssl cert", fresh), payload("set ssl cert FILES/none.pem", fresh), payload("set ssl cert FILES/web.pem", []byte("junk")),
		payload("set ssl cert FILES/web.pem", aloneKey), "show ssl cert",
		"commit ssl cert", "commit ssl cert FILES/web.pem", "abort ssl cert", "abort ssl cert FILES/web.pem", "del ssl cert", "del ssl cert FILES/web.pem", "del ssl cert FILES/none.pem",
		payload("set ssl cert FILES/web.pem", fresh), "show ssl cert", "show ssl cert *FILES/web.pem", "show ssl cert FILES/web.pem", "del ssl cert FILES/web.pem",
		payload("set ssl cert FILES/web.pem", web), "abort ssl cert FILES/web.pem", "show ssl cert",
		payload("set ssl cert FILES/web.pem", fresh), "commit ssl cert FILES/web.pem", "show ssl cert FILES/web.pem", "commit ssl cert FILES/web.pem",
		payload("set ssl cert FILES/chain.pem", fresh), "commit ssl cert FILES/chain.pem", "show ssl cert FILES/chain.pem",
		payload("set ssl cert FILES/web.pem", alone), "show ssl cert *FILES/web.pem", "commit ssl cert FILES/web.pem", payload("set ssl cert FILES/web.pem.key", aloneKey), "commit ssl cert FILES/web.pem",
		"show ssl cert FILES/web.pem", payload("set ssl cert FILES/web.pem.key", []byte("junk")),
		"set severity-output number;" + payload("set ssl cert FILES/web.pem", web), "set severity-output number;abort ssl cert FILES/web.pem", "set severity-output number;commit ssl cert FILES/web.pem",
		"new ssl cert", "new ssl cert FILES/web.pem", "new ssl cert FILES/new.pem", "new ssl cert FILES/new.pem", "show ssl cert", "show ssl cert FILES/new.pem", "commit ssl cert FILES/new.pem",
		payload("set ssl cert FILES/new.pem", fresh), "show ssl cert", "commit ssl cert FILES/new.pem", "show ssl cert FILES/new.pem", "del ssl cert FILES/new.pem", "show ssl cert",
		"show ssl crt-list", "show ssl crt-list FILES/list", "show ssl crt-list -n FILES/list", "show ssl crt-list -n", "show ssl crt-list FILES/none",
		"add ssl crt-list", "add ssl crt-list FILES/list", "add ssl crt-list FILES/none FILES/web.pem", "add ssl crt-list FILES/list FILES/none.pem",
		"new ssl cert FILES/new.pem", "add ssl crt-list FILES/list FILES/new.pem", payload("set ssl cert FILES/new.pem", fresh), "add ssl crt-list FILES/list FILES/new.pem", "commit ssl cert FILES/new.pem",
		"add ssl crt-list FILES/list FILES/new.pem", "add ssl crt-list FILES/list/ FILES/new.pem", "show ssl crt-list -n FILES/list", "show ssl cert FILES/new.pem", "del ssl cert FILES/new.pem",
		payload("add ssl crt-list FILES/list", []byte("FILES/new.pem [ssl-min-ver TLSv1.3] a.test !b.test *.c.test")), payload("add ssl crt-list FILES/list FILES/web.pem", []byte("FILES/new.pem")),
		payload("add ssl crt-list FILES/list", []byte("FILES/new.pem [verify required ca-file FILES/ca.pem]")), payload("add ssl crt-list FILES/list", []byte("FILES/new.pem a.test [verify none]")),
		payload("add ssl crt-list FILES/list", []byte("FILES/new.pem [bogus x] a.test")), payload("add ssl crt-list FILES/list", []byte("FILES/new.pem [alpn] a.test")),
		payload("add ssl crt-list FILES/list", []byte("FILES/new.pem [ssl-min-ver TLSv9]")), payload("add ssl crt-list FILES/list", []byte("FILES/new.pem [verify perhaps]")), payload("add ssl crt-list FILES/list", []byte("FILES/new.pem bogus]")),
		payload("add ssl crt-list FILES/list", []byte("FILES/new.pem [[bogus]]")), payload("add ssl crt-list FILES/list", []byte("FILES/new.pem\nFILES/web.pem")), payload("add ssl crt-list FILES/list", []byte("  \t")),
		"del ssl crt-list", "del ssl crt-list FILES/list", "del ssl crt-list FILES/none FILES/new.pem", "del ssl crt-list FILES/list FILES/none.pem", "del ssl crt-list FILES/list FILES/new.pem",
		"del ssl crt-list FILES/list FILES/new.pem:1", "del ssl crt-list FILES/list FILES/new.pem:99", "del ssl crt-list FILES/list FILES/new.pem:x", "show ssl crt-list -n FILES/list",
		"del ssl crt-list FILES/list FILES/new.pem:8", "del ssl crt-list FILES/list FILES/web.pem:2", "del ssl crt-list FILES/more FILES/rsa.pem", "del ssl crt-list FILES/more FILES/web.pem", "del ssl crt-list FILES/more FILES/web.pem:1",
		"show ssl crt-list", "show ssl crt-list -n FILES/more", "add ssl crt-list FILES/more FILES/web.pem", "show ssl crt-list -n FILES/more", "show ssl crt-list -n FILES/list",
		"set severity-output number;add ssl crt-list FILES/list FILES/rsa.pem", "set severity-output number;del ssl crt-list FILES/more FILES/web.pem", "set severity-output number;del ssl crt-list FILES/more FILES/web.pem",
		"show ssl ca-file FILES/ca.pem", "show ssl ca-file FILES/ca.pem:1", "show ssl ca-file FILES/ca.pem:2", "show ssl ca-file FILES/ca.pem:x", "show ssl ca-file FILES/ca.pem:0", "show ssl ca-file FILES/none.pem", "show ssl ca-file *FILES/ca.pem",
		"set ssl ca-file", "set ssl ca-file FILES/ca.pem", payload("set ssl ca-file", two), payload("set ssl ca-file FILES/none.pem", two), payload("set ssl ca-file FILES/ca.pem", []byte("junk")),
		"commit ssl ca-file", "commit ssl ca-file FILES/ca.pem", "abort ssl ca-file", "abort ssl ca-file FILES/ca.pem", "del ssl ca-file", "del ssl ca-file FILES/ca.pem", "del ssl ca-file FILES/none.pem",
		payload("set ssl ca-file FILES/ca.pem", two), payload("set ssl ca-file FILES/ca.pem", two), "show ssl ca-file", "show ssl ca-file *FILES/ca.pem", "del ssl ca-file FILES/ca.pem", "abort ssl ca-file FILES/ca.pem",
		payload("set ssl ca-file FILES/ca.pem", two), "commit ssl ca-file FILES/ca.pem", "show ssl ca-file FILES/ca.pem", "show ssl ca-file FILES/ca.pem:2",
		"new ssl ca-file", "new ssl ca-file FILES/ca.pem", "new ssl ca-file FILES/new.pem", "new ssl ca-file FILES/new.pem", "show ssl ca-file", "show ssl ca-file FILES/new.pem",
		payload("set ssl ca-file FILES/new.pem", two), "commit ssl ca-file FILES/new.pem", "show ssl ca-file", "del ssl ca-file FILES/new.pem", "show ssl ca-file",
		"show ssl ca-file FILES/ca2.pem", "del ssl ca-file FILES/ca2.pem",
		"show ssl crl-file", "show ssl crl-file FILES/crl.pem", "show ssl crl-file FILES/crl2.pem", "show ssl crl-file FILES/crl2.pem:1", "show ssl crl-file FILES/crl2.pem:2", "show ssl crl-file FILES/crl.pem:9",
		"show ssl crl-file FILES/crl.pem:0", "show ssl crl-file FILES/crl.pem:x", "show ssl crl-file FILES/none.pem", "show ssl crl-file FILES/ca.pem", "show ssl ca-file FILES/crl.pem", "show ssl crl-file *FILES/crl.pem",
		"set ssl crl-file", "set ssl crl-file FILES/crl.pem", payload("set ssl crl-file", revoking), payload("set ssl crl-file FILES/none.pem", revoking), payload("set ssl crl-file FILES/crl.pem", []byte("junk")),
		payload("set ssl crl-file FILES/crl.pem", badCRL), payload("set ssl crl-file FILES/crl.pem", append(bytes.Clone(revoking), badCRL...)), "show ssl crl-file",
		"commit ssl crl-file FILES/crl.pem", "abort ssl crl-file", "abort ssl crl-file FILES/crl.pem", "del ssl crl-file", "del ssl crl-file FILES/crl.pem", "del ssl crl-file FILES/crl2.pem", "del ssl crl-file FILES/none.pem",
		payload("set ssl crl-file FILES/crl.pem", revoking), payload("set ssl crl-file FILES/crl.pem", revoking), "show ssl crl-file", "show ssl crl-file *FILES/crl.pem", "del ssl crl-file FILES/crl.pem", "abort ssl crl-file FILES/crl.pem",
		payload("set ssl crl-file FILES/crl.pem", bytes.Join([][]byte{revoking, clean, m.Authority()}, nil)), "show ssl crl-file *FILES/crl.pem", "show ssl crl-file *FILES/crl.pem:2", "commit ssl crl-file FILES/crl.pem", "show ssl crl-file FILES/crl.pem",
		payload("set ssl crl-file FILES/crl.pem", m.Authority()), "show ssl crl-file *FILES/crl.pem", "set severity-output number;abort ssl crl-file FILES/crl.pem", "set severity-output number;commit ssl crl-file FILES/crl.pem",
		"new ssl crl-file", "new ssl crl-file FILES/crl.pem", "new ssl crl-file FILES/new.pem", "new ssl crl-file FILES/new.pem", "show ssl crl-file", "show ssl crl-file FILES/new.pem", "commit ssl crl-file FILES/new.pem",
		payload("set ssl crl-file FILES/new.pem", revoking), "commit ssl crl-file FILES/new.pem", "show ssl crl-file FILES/new.pem", "show ssl crl-file", "show ssl ca-file", "del ssl crl-file FILES/new.pem", "show ssl crl-file",
	} {
		line = strings.TrimSuffix(strings.ReplaceAll(line, "FILES/", dir+"/"), "\n") + "\n"
		want, got := sameCertificates(ask(t, theirs.dir+"/sock", line)), sameCertificates(ask(t, ours.dir+"/sock", line))
		if got != want {
			t.Errorf("%.60q\n got %q\nwant %q", line, got, want)
		}
	}
	for _, level := range []string{"user", "oper"} {
		for _, line := range []string{"show ssl cert", "set ssl cert x", "commit ssl cert x", "abort ssl cert x", "new ssl cert x", "del ssl cert x", "show ssl crt-list", "add ssl crt-list x y", "del ssl crt-list x y", "show ssl ca-file", "set ssl ca-file x", "commit ssl ca-file x", "show ssl crl-file", "set ssl crl-file x", "new ssl crl-file x", "commit ssl crl-file x", "abort ssl crl-file x", "del ssl crl-file x"} {
			want, got := sameCertificates(ask(t, theirs.dir+"/"+level, line+"\n")), sameCertificates(ask(t, ours.dir+"/"+level, line+"\n"))
			if strings.HasPrefix(want, "Can't allocate memory!") { // HAProxy's word for a permission that is missing
				want = "Permission denied"
			}
			if got != want {
				t.Errorf("%s: %q\n got %q\nwant %q", level, line, got, want)
			}
		}
	}
}

// TestCommandsOfKeysAndResponsesAreHAProxys does the same for the keys of tickets and
// for responses of OCSP.
func TestCommandsOfKeysAndResponsesAreHAProxys(t *testing.T) {
	dir := shortDir(t)
	m := certtest.New(t)
	key := func(b byte, size int) string {
		return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, size))
	}
	leaf, leafKey := m.ECDSA("web.test")
	more, moreKey := m.ECDSA("more.test")
	plain := m.Both("plain.test")
	later := time.Now().Add(time.Hour)
	response := func(certificate []byte, status int, until time.Time) string {
		return base64.StdEncoding.EncodeToString(m.OCSP(certificate, status, until))
	}
	for name, data := range map[string][]byte{
		"web.pem": bytes.Join([][]byte{leaf, m.Authority(), leafKey}, nil), "web.pem.ocsp": m.OCSP(leaf, ocsp.Good, later),
		"more.pem": bytes.Join([][]byte{more, m.Authority(), moreKey}, nil), "more.pem.ocsp": m.OCSP(more, ocsp.Good, later), "plain.pem": plain,
		"long": []byte(key(1, 80) + "\n" + key(2, 80) + "\n" + key(3, 80) + "\n" + key(4, 80) + "\n"), "short": []byte(key(1, 48) + "\n" + key(2, 48) + "\n" + key(3, 48) + "\n"),
		"third": []byte(key(5, 48) + "\n" + key(6, 48) + "\n" + key(7, 48) + "\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	theirs, ours := twoSides(t, strings.ReplaceAll(`
global
    stats socket $DIR/sock mode 600 level admin
    stats socket $DIR/user mode 600 level user
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend fe
    bind unix@$DIR/fe ssl crt FILES/web.pem crt FILES/plain.pem tls-ticket-keys FILES/long
    bind unix@$DIR/fe2 ssl crt FILES/more.pem tls-ticket-keys FILES/short
    bind unix@$DIR/fe3 ssl crt FILES/web.pem tls-ticket-keys FILES/long
    bind unix@$DIR/fe4 ssl crt FILES/web.pem tls-ticket-keys FILES/third
`, "FILES/", dir+"/"))
	id := strings.Fields(ask(t, theirs.dir+"/sock", "show ssl cert "+dir+"/web.pem\n"))
	wrong := bytes.Repeat([]byte("A"), 8)
	for _, line := range []string{
		"show tls-keys", "show tls-keys *", "show tls-keys #0", "show tls-keys #1", "show tls-keys 1", "show tls-keys #9", "show tls-keys x", "show tls-keys FILES/short", "show tls-keys FILES/none",
		"set ssl tls-key", "set ssl tls-key FILES/short", "set ssl tls-key FILES/none x", "set ssl tls-key FILES/short x", "set ssl tls-key FILES/short " + key(9, 80), "set ssl tls-key FILES/short " + key(9, 47), "set ssl tls-key 0 " + key(9, 80),
		"set ssl tls-key FILES/short " + key(9, 48), "show tls-keys *", "set ssl tls-key #2 " + key(8, 80), "set ssl tls-key #2 " + key(9, 80), "show tls-keys *", "set severity-output number;set ssl tls-key #2 x", "set severity-output number;set ssl tls-key #1 " + key(8, 48),
		"show ssl ocsp-response", "show ssl ocsp-response x", "show ssl ocsp-response " + id[len(id)-1], "show ssl cert FILES/web.pem", "show ssl cert FILES/plain.pem",
		"set ssl ocsp-response", "set ssl ocsp-response x", "set ssl ocsp-response " + string(wrong), "set ssl ocsp-response " + response(plain, ocsp.Good, later),
		"set ssl ocsp-response " + response(leaf, ocsp.Good, time.Now().Add(-time.Hour)), "set ssl ocsp-response " + response(leaf, ocsp.Unknown, later),
		"set ssl ocsp-response " + response(leaf, ocsp.Good, later.Add(time.Hour)), "show ssl ocsp-response " + id[len(id)-1],
		payload("set ssl ocsp-response", []byte(response(leaf, ocsp.Revoked, later))), "show ssl ocsp-response " + id[len(id)-1],
		"set severity-output number;set ssl ocsp-response " + response(leaf, ocsp.Good, later), "set severity-output number;set ssl ocsp-response x",
	} {
		line = strings.TrimSuffix(strings.ReplaceAll(line, "FILES/", dir+"/"), "\n") + "\n"
		want, got := sameResponse(ask(t, theirs.dir+"/sock", line)), sameResponse(ask(t, ours.dir+"/sock", line))
		if got != want {
			t.Errorf("%.60q\n got %q\nwant %q", line, got, want)
		}
	}
	for line, want := range map[string]string{"show tls-keys *": "Permission denied", "show tls-keys #0": "Permission denied", "set ssl tls-key #0 x": "Permission denied", "set ssl ocsp-response x": "Permission denied"} {
		if got := strings.TrimSpace(ask(t, ours.dir+"/user", line+"\n")); got != want {
			t.Errorf("a user asks %q: %q, want %q", line, got, want)
		}
	}
}

// sameResponse leaves out what is told of a response behind its times.
func sameResponse(answer string) string {
	if head, _, ok := strings.Cut(answer, "\n    Signature Algorithm:"); ok {
		answer = head
	}
	return strings.TrimRight(answer, "\n ")
}

// sameCertificates leaves out where the answers are meant to differ: empty lines at
// the end, the authorities of the system, the binds with a default, which HAProxy names
// in any order, the dots of a commit, which HAProxy makes for the objects that it builds.
func sameCertificates(answer string) string {
	var kept []string
	for _, line := range strings.Split(strings.TrimSpace(answer), "\n") {
		if strings.HasPrefix(line, "Committing ") {
			line = strings.TrimRight(line, ".")
		}
		if !strings.HasPrefix(line, "@system-ca ") && !strings.HasPrefix(line, "\t- ") {
			kept = append(kept, line)
		}
	}
	return strings.TrimRight(strings.Join(kept, "\n"), "\n ")
}

// TestACommitUnderHandshakesLosesNone has clients connect again and again while
// certificates are committed: each gets through, and who connects after a commit
// sees what was committed.
func TestACommitUnderHandshakesLosesNone(t *testing.T) {
	const clients, commits = 4, 20
	s := newTLSSite(t, "http", "", "", echoServer(t))
	leaves := make([][]byte, commits)
	for i := range leaves {
		leaves[i] = s.m.Both("web.test")
	}
	// shown connects, asks for something, and tells the number of the certificate.
	shown := func() (*big.Int, error) {
		conn, err := tls.Dial("tcp", s.addr, s.client())
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		if _, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n"); err != nil {
			return nil, err
		}
		reply, err := io.ReadAll(conn)
		if err == nil && !bytes.HasPrefix(reply, []byte("HTTP/1.1 200")) {
			err = io.ErrUnexpectedEOF
		}
		return conn.ConnectionState().PeerCertificates[0].SerialNumber, err
	}
	var done atomic.Bool
	var made atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() { // until done
			for !done.Load() {
				if _, err := shown(); err != nil {
					t.Errorf("a client is lost: %v", err)
					return
				}
				made.Add(1)
			}
		})
	}
	for i, leaf := range leaves {
		before := made.Load()
		path := s.dir + "/web.pem"
		answer := ask(t, s.socket, payload("set ssl cert "+path, leaf)+"commit ssl cert "+path+"\n")
		if !strings.Contains(answer, "Success!") {
			t.Fatalf("commit %d: %q", i, answer)
		}
		got, err := shown()
		if want := leafOf(t, leaf).SerialNumber; err != nil || got.Cmp(want) != 0 {
			t.Errorf("after commit %d a client sees certificate %v, %v; want %v", i, got, err, want)
		}
		eventually(t, "clients go on connecting", func() bool { return made.Load() > before || t.Failed() })
	}
	done.Store(true)
	all.Wait()
	if list := s.Certificates().Certificates.List(); len(list) != 1 || list[0].Next != -1 {
		t.Errorf("in the end there are %v", list)
	}
	n := 0
	for _, e := range s.Stats().Events.Since(0) {
		if e.Kind == events.Action && strings.Contains(e.Text, "commit ssl cert "+s.dir+"/web.pem, ordered by uid ") && strings.Contains(e.Text, "/sock: serial ") {
			n++
		}
	}
	if n != commits {
		t.Errorf("%d events tell of %d commits: %v", n, commits, s.Stats().Events.Since(0))
	}
}

func leafOf(t *testing.T, both []byte) *x509.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(both, both)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func TestACommitCutsNobodyAndKeepsTickets(t *testing.T) {
	s := newTLSSite(t, "http", "", "", echoServer(t))
	settings := s.client()
	settings.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	exchange := func(conn *tls.Conn) {
		t.Helper()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
	}
	old := s.dial(settings)
	exchange(old) // its ticket comes before the reply
	path := s.dir + "/web.pem"
	ask(t, s.socket, payload("set ssl cert "+path, s.m.Both("web.test"))+"commit ssl cert "+path+"\n")
	exchange(old)
	now := s.dial(settings)
	exchange(now)
	if !now.ConnectionState().DidResume {
		t.Error("a client cannot resume its session after a commit; with HAProxy it can")
	}
}

// TestACommitOfAuthoritiesIsForNewClients: who comes by a certificate of the new ones
// gets in, and who has a ticket of the old ones has to show a certificate again.
func TestACommitOfAuthoritiesIsForNewClients(t *testing.T) {
	s := newTLSSite(t, "http", "ca-file $DIR/ca.pem verify required", "", echoServer(t))
	next := certtest.New(t)
	settings := map[*certtest.Maker]*tls.Config{}
	for _, m := range []*certtest.Maker{s.m, next} {
		certificate, key := m.ECDSA("client.test")
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		settings[m] = s.client()
		settings[m].Certificates, settings[m].ClientSessionCache = []tls.Certificate{pair}, tls.NewLRUClientSessionCache(1)
	}
	in := func(m *certtest.Maker) bool {
		conn := s.dial(settings[m])
		if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
			return false
		}
		reply, err := io.ReadAll(conn)
		return err == nil && bytes.HasPrefix(reply, []byte("HTTP/1.1 200"))
	}
	if !in(s.m) || in(next) {
		t.Fatal("before the commit the wrong ones get in")
	}
	path := s.dir + "/ca.pem"
	if answer := ask(t, s.socket, payload("set ssl ca-file "+path, next.Authority())+"commit ssl ca-file "+path+"\n"); !strings.Contains(answer, "Success!") {
		t.Fatal(answer)
	}
	if in(s.m) || !in(next) {
		t.Error("after the commit the wrong ones get in")
	}
}

// TestAReloadTellsWhichCertificatesItDrops: the file is what counts after it.
func TestAReloadTellsWhichCertificatesItDrops(t *testing.T) {
	server := echoServer(t)
	s := newTLSSite(t, "http", "", "", server)
	path, fresh := s.dir+"/web.pem", s.m.Both("web.test")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	serial := func() *big.Int { return s.dial(s.client()).ConnectionState().PeerCertificates[0].SerialNumber }
	commit := func() {
		ask(t, s.socket, payload("set ssl cert "+path, fresh)+"commit ssl cert "+path+"\n")
		if serial().Cmp(leafOf(t, fresh).SerialNumber) != 0 {
			t.Fatal("the commit has no effect")
		}
	}
	reload := func() string {
		cfg := parse(t, s.dir, s.text("http", "", "", server))
		would := s.Difference(cfg, false)
		notes, err := s.Swap(cfg, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, note := range notes {
			if !strings.Contains(would, note) {
				t.Errorf("the dry run says %q, the reload %q", would, note)
			}
		}
		s.Release()
		return strings.Join(notes, "\n")
	}
	commit()
	if got, want := reload(), "certificate '"+path+"' was set at run time and its file has another, which is in force now"; got != want {
		t.Errorf("a reload over a commit says %q, want %q", got, want)
	}
	if serial().Cmp(leafOf(t, file).SerialNumber) != 0 {
		t.Error("after the reload that of the file is not shown")
	}
	commit()
	s.write("web.pem", fresh)
	ask(t, s.socket, "new ssl cert x\n"+payload("set ssl cert x", fresh))
	if got, want := reload(), "certificate 'x' has a transaction that was not committed; it is dropped"; got != want {
		t.Errorf("a reload with the committed file says %q, want %q", got, want)
	}
	if got := reload(); got != "" {
		t.Errorf("a reload without commits says %q", got)
	}
}
