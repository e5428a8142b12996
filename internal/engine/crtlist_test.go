package engine

import (
	"bufio"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
	"bascule/internal/events"
)

// listSite is a site with web.test in a crt-list, and new.test in memory.
func listSite(t *testing.T) (s *tlsSite, text string) {
	t.Helper()
	s = &tlsSite{balancer: &balancer{dir: shortDir(t)}, t: t, m: certtest.New(t), addr: freeAddr(t)}
	s.write("web.pem", s.m.Both("web.test"))
	s.write("also.pem", s.m.Both("also.test"))
	s.write("ca.pem", s.m.Authority())
	s.write("list", []byte(s.dir+"/web.pem\n"+s.dir+"/also.pem\n"))
	text = strings.ReplaceAll(s.text("http", "ca-file $DIR/ca.pem", "", echoServer(t)), "crt $DIR/web.pem", "crt-list $DIR/list")
	s.balancer = runIn(t, s.dir, text)
	s.newCertificate()
	return s, text
}

func (s *tlsSite) newCertificate() {
	s.t.Helper()
	path := s.dir + "/new.pem"
	answer := ask(s.t, s.socket, "new ssl cert "+path+";"+payload("set ssl cert "+path, s.m.Both("new.test"))+"commit ssl cert "+path+"\n")
	if !strings.Contains(answer, "Success!") {
		s.t.Fatal(answer)
	}
}

// shows tells whether a client who asks for a name sees its certificate.
func (s *tlsSite) shows(name string) bool {
	s.t.Helper()
	settings := s.client()
	settings.ServerName, settings.InsecureSkipVerify = name, true //nolint:gosec // the certificate is looked at
	return s.dial(settings).ConnectionState().PeerCertificates[0].VerifyHostname(name) == nil
}

// order gives a command on a line of the list, and wants a word in the answer.
func (s *tlsSite) order(command, want string) {
	s.t.Helper()
	if got := ask(s.t, s.socket, strings.ReplaceAll(command, "DIR", s.dir)); !strings.Contains(got, want) {
		s.t.Fatalf("%s: %q, want %q", command, got, want)
	}
}

func TestALineOfACrtListComesAndGoes(t *testing.T) {
	s, _ := listSite(t)
	settings := s.client()
	settings.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	visit := func() *tls.Conn {
		t.Helper()
		conn := s.dial(settings)
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: web.test\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		return conn
	}
	visit()
	if s.shows("new.test") {
		t.Error("a certificate that stands in no list is shown")
	}
	s.order("add ssl crt-list DIR/list DIR/new.pem\n", "Success!")
	if !s.shows("new.test") || !s.shows("web.test") {
		t.Error("what was added is not shown, or what was there is not")
	}
	if !visit().ConnectionState().DidResume {
		t.Error("a client cannot resume its session after a line was added")
	}
	s.order("del ssl crt-list DIR/list DIR/new.pem\n", "deleted")
	if s.shows("new.test") {
		t.Error("what was deleted is shown")
	}
	s.order("del ssl crt-list DIR/list DIR/web.pem\n", "is used as default certificate by the following frontends:\n\t- "+s.dir+"/test.cfg:9\n")
	s.order("del ssl cert DIR/new.pem\n", "deleted!")
	var told []string
	for _, e := range s.Stats().Events.Since(0) {
		if e.Kind == events.Action && strings.Contains(e.Text, "crt-list") {
			told = append(told, e.Text)
		}
	}
	if len(told) != 2 || !strings.HasPrefix(told[0], "Runtime socket: add ssl crt-list "+s.dir+"/list, ordered by uid ") || !strings.HasSuffix(told[0], ": line 3, '"+s.dir+"/new.pem', on 1 binds") ||
		!strings.HasPrefix(told[1], "Runtime socket: del ssl crt-list ") {
		t.Errorf("the events tell %q", told)
	}
}

// TestOptionsOfALineThatWasAddedHold: of its versions, and of the authorities that a
// commit has put in the place of those of the bind line since.
func TestOptionsOfALineThatWasAddedHold(t *testing.T) {
	s, _ := listSite(t)
	next := certtest.New(t)
	s.order(payload("set ssl ca-file DIR/ca.pem", next.Authority())+"commit ssl ca-file DIR/ca.pem\n", "Success!")
	s.order(payload("add ssl crt-list DIR/list", []byte("DIR/new.pem [verify required ssl-min-ver TLSv1.3] in.test")), "Success!")
	revoked := next.Both("revoked.test")
	s.order("new ssl crl-file DIR/crl.pem;"+payload("set ssl crl-file DIR/crl.pem", next.CRL(time.Now().Add(time.Hour), revoked))+"commit ssl crl-file DIR/crl.pem\n", "Success!")
	s.order(payload("add ssl crt-list DIR/list", []byte("DIR/new.pem [verify required crl-file DIR/crl.pem] unrevoked.test")), "Success!")
	get := func(name string, m *certtest.Maker, version uint16) bool {
		both := revoked
		if m != nil {
			both = m.Both("client.test")
		}
		pair, err := tls.X509KeyPair(both, both)
		if err != nil {
			t.Fatal(err)
		}
		settings := &tls.Config{InsecureSkipVerify: true, ServerName: name, Certificates: []tls.Certificate{pair}, MaxVersion: version} //nolint:gosec // who gets in is what counts
		conn, err := tls.Dial("tcp", s.addr, settings)
		if err != nil {
			return false
		}
		defer conn.Close()
		if _, err = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
			return false
		}
		reply, err := io.ReadAll(conn)
		return err == nil && strings.HasPrefix(string(reply), "HTTP/1.1 200")
	}
	for _, c := range []struct {
		name    string
		m       *certtest.Maker
		version uint16
		want    bool
	}{
		{"in.test", next, tls.VersionTLS13, true},
		{"in.test", next, tls.VersionTLS12, false},
		{"in.test", s.m, tls.VersionTLS13, false},
		{"web.test", s.m, tls.VersionTLS12, true},
		{"unrevoked.test", next, tls.VersionTLS13, true},
		{"unrevoked.test", nil, tls.VersionTLS13, false},
		{"in.test", nil, tls.VersionTLS13, true},
	} {
		if got := get(c.name, c.m, c.version); got != c.want {
			t.Errorf("%s by version %x gets in: %v", c.name, c.version, got)
		}
	}
	s.order(payload("add ssl crt-list DIR/list", []byte("DIR/new.pem [ciphers none-such] more.test")), "unable to set SSL cipher list to 'none-such'")
	s.order(payload("add ssl crt-list DIR/list", []byte("DIR/new.pem [ca-file DIR/web.pem] more.test")), "it is not in memory")
	s.order(payload("add ssl crt-list DIR/list", []byte("DIR/new.pem [crl-file DIR/none.pem] more.test")), "it is not in memory")
}

func TestAReloadTellsWhichLinesItDrops(t *testing.T) {
	s, text := listSite(t)
	reload := func() string {
		t.Helper()
		cfg := parse(t, s.dir, text)
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
		return strings.ReplaceAll(strings.Join(notes, "\n"), s.dir+"/", "")
	}
	s.order("add ssl crt-list DIR/list DIR/new.pem\n", "Success!")
	s.order("del ssl crt-list DIR/list DIR/also.pem\n", "deleted")
	want := "certificate 'new.pem' was set at run time and is not in the configuration; it is dropped\n" +
		"line 'also.pem' of crt-list 'list' was deleted at run time and stands in the file; it is in force again\n" +
		"line 'new.pem' of crt-list 'list' was added at run time and is not in the file; it is dropped"
	if got := reload(); got != want {
		t.Errorf("the reload says\n%s\nwant\n%s", got, want)
	}
	if s.shows("new.test") || !s.shows("also.test") {
		t.Error("the reload does not go by the file")
	}
	both := s.m.Both("new.test")
	s.order("new ssl cert DIR/new.pem;"+payload("set ssl cert DIR/new.pem", both)+"commit ssl cert DIR/new.pem;add ssl crt-list DIR/list DIR/new.pem\n", "Success!")
	s.order("del ssl crt-list DIR/list DIR/also.pem\n", "deleted")
	s.write("new.pem", both)
	s.write("list", []byte(s.dir+"/web.pem\n"+s.dir+"/new.pem\n"))
	if got := reload(); got != "" {
		t.Errorf("a reload of files that say the same says %q", got)
	}
}
