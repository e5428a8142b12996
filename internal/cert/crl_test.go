package cert_test

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"bascule/internal/cert"
	"bascule/internal/cert/certtest"
)

// A crlSite is a bind that asks clients for a certificate, with lists of revoked ones.
type crlSite struct {
	t       *testing.T
	shown   []byte
	tickets cert.Tickets
}

func (s *crlSite) bind(ca, crl []byte) *cert.Settings {
	s.t.Helper()
	from := files(map[string][]byte{"web.pem": s.shown, "ca.pem": ca, "crl.pem": crl})
	list, err := cert.Load("web.pem", from)
	if err != nil {
		s.t.Fatal(err)
	}
	b := &cert.Settings{Options: cert.Options{Verify: cert.VerifyRequired}, Certificates: cert.NewSet(entries(list))}
	if b.CAs, err = cert.LoadCAs("ca.pem", from); err != nil {
		s.t.Fatal(err)
	}
	if crl != nil {
		if b.CRLs, err = cert.LoadCRLs("crl.pem", from); err != nil {
			s.t.Fatal(err)
		}
	}
	b.Build()
	s.tickets.Turn(time.Unix(0, 0))
	s.tickets.Use(b)
	return b
}

// shake is what a handshake ends with at the bind, and whether it resumed a session.
func (s *crlSite) shake(b *cert.Settings, client *tls.Config) (resumed bool, err error) {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer l.Close()
	theirs, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	ours, err := l.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer theirs.Close()
		c := tls.Client(theirs, client)
		_, _ = c.Read(make([]byte, 1)) // the ticket comes before it
	}()
	server := tls.Server(ours, b.Server())
	if err = server.Handshake(); err == nil {
		_, _ = server.Write([]byte("."))
	}
	resumed = server.ConnectionState().DidResume
	ours.Close()
	<-done
	return resumed, err
}

func client(t *testing.T, both []byte, above ...[]byte) *tls.Config {
	t.Helper()
	pair, err := tls.X509KeyPair(slices.Concat(both, bytes.Join(above, nil)), both)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{ServerName: "web.test", InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}, //nolint:gosec // the bind judges here
		ClientSessionCache: tls.NewLRUClientSessionCache(1)}
}

// The numbers are those of haproxy with the same files.
func TestRevocationListsAreCheckedForTheWholeChain(t *testing.T) {
	root := certtest.New(t)
	middle := root.Under("middle.test")
	good, bad := root.Both("good.test"), root.Both("bad.test")
	deep, deepBad := middle.Both("deep.test"), middle.Both("bad.test")
	later, past := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	ca, cas := root.Authority(), slices.Concat(root.Authority(), middle.Authority())
	ofRoot, ofMiddle := root.CRL(later, bad), middle.CRL(later, deepBad)
	both := slices.Concat(ofRoot, ofMiddle)
	impostor := certtest.New(t) // of the same name
	s := &crlSite{t: t, shown: root.Both("web.test")}
	for name, test := range map[string]struct {
		ca, crl []byte
		client  *tls.Config
		number  int64 // 0: in
		depth   int
	}{
		"good":                            {ca, ofRoot, client(t, good), 0, 0},
		"revoked":                         {ca, ofRoot, client(t, bad), 23, 0},
		"good, through another authority": {ca, both, client(t, deep, middle.Authority()), 0, 0},
		"good, the other authority is in the CAs": {cas, both, client(t, deep), 0, 0},
		"revoked by the other authority":          {ca, both, client(t, deepBad, middle.Authority()), 23, 0},
		"the other authority is revoked":          {ca, slices.Concat(root.CRL(later, middle.Authority()), ofMiddle), client(t, deep, middle.Authority()), 23, 1},
		"the other authority in the CAs too":      {cas, slices.Concat(root.CRL(later, middle.Authority()), ofMiddle), client(t, deep), 23, 1},
		"no list of the other authority":          {ca, ofRoot, client(t, deep, middle.Authority()), 3, 0},
		"no list of the root":                     {ca, ofMiddle, client(t, deep, middle.Authority()), 3, 1},
		"no list of the root, all in the CAs":     {cas, ofMiddle, client(t, deep), 3, 1},
		"the root is not known":                   {middle.Authority(), both, client(t, deep), 2, 1},
		"no list at all":                          {ca, ca, client(t, good), 3, 0},
		"a list of the past":                      {ca, root.CRL(past), client(t, good), 12, 0},
		"a list of the past with its name":        {ca, root.CRL(past, bad), client(t, bad), 12, 0},
		"a list of the future":                    {ca, root.CRL(later.Add(24 * time.Hour)), client(t, good), 11, 0},
		"a list of the past beside a new one":     {ca, slices.Concat(root.CRL(past), ofRoot, root.CRL(past)), client(t, good), 0, 0},
		"a new list beside one of the past":       {ca, slices.Concat(root.CRL(past), ofRoot), client(t, bad), 23, 0},
		"a list of another of the same name":      {ca, impostor.CRL(later), client(t, good), 3, 0},
		"a list signed by another":                {ca, forged(t, ofRoot), client(t, good), 8, 0},
		"one signed by another beside the right":  {ca, slices.Concat(impostor.CRL(later, good), ofRoot), client(t, good), 0, 0},
		"a list of some certificates only":        {ca, root.PartialCRL(), client(t, good), 36, 0}, // haproxy reads such lists
	} {
		for range 2 { // a signature that has been checked is not checked again
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				c := test.client.Clone()
				c.MaxVersion, c.ClientSessionCache = version, nil
				_, err := s.shake(s.bind(test.ca, test.crl), c)
				var got cert.Distrust
				if d := (*cert.Distrust)(nil); errors.As(err, &d) {
					got = cert.Distrust{Number: d.Number, Depth: d.Depth}
				} else if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if want := (cert.Distrust{Number: test.number, Depth: test.depth}); got != want {
					t.Errorf("%s: %+v, want %+v", name, got, want)
				}
			}
		}
	}
}

// forged is a list whose signature is not its issuer's.
func forged(t *testing.T, list []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(list)
	block.Bytes[len(block.Bytes)-1] ^= 1
	return pem.EncodeToMemory(block)
}

// A ticket does not carry a client past the list that names it.
func TestRevokedClientsDoNotResume(t *testing.T) {
	root := certtest.New(t)
	both := root.Both("client.test")
	later := time.Now().Add(time.Hour)
	s := &crlSite{t: t, shown: root.Both("web.test")}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := client(t, both)
		c.MaxVersion = version
		clean := s.bind(root.Authority(), root.CRL(later))
		for _, want := range []bool{false, true} {
			if resumed, err := s.shake(clean, c); err != nil || resumed != want {
				t.Fatalf("%s: resumed %v, %v; want %v", tls.VersionName(version), resumed, err, want)
			}
		}
		_, err := s.shake(s.bind(root.Authority(), root.CRL(later, both)), c)
		if d := (*cert.Distrust)(nil); !errors.As(err, &d) || d.Number != 23 {
			t.Errorf("%s: a session of a revoked client: %v", tls.VersionName(version), err)
		}
	}
}

// A list that is committed holds from the next handshake on, for tickets that were
// given before too; whom it does not name resumes as before.
func TestACommittedListHoldsForSessionsThatAreResumed(t *testing.T) {
	root := certtest.New(t)
	revoked, other := root.Both("revoked.test"), root.Both("other.test")
	later := time.Now().Add(time.Hour)
	s := &crlSite{t: t, shown: root.Both("web.test")}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		b := s.bind(root.Authority(), root.CRL(later))
		store := cert.NewStore(&s.tickets)
		store.Adopt([]*cert.Settings{b})
		one, two := client(t, revoked), client(t, other)
		for _, c := range []*tls.Config{one, two} {
			c.MaxVersion = version
			if _, err := s.shake(b, c); err != nil {
				t.Fatal(err)
			}
		}
		if _, created, err := store.SetRevocations("crl.pem", root.CRL(later, revoked)); !created || err != nil {
			t.Fatal(created, err)
		}
		if resumed, err := s.shake(b, one); !resumed || err != nil {
			t.Errorf("%s: before the commit: resumed %v, %v", tls.VersionName(version), resumed, err)
		}
		if now, binds, err := store.Revocations.Commit("crl.pem"); binds != 1 || err != nil {
			t.Fatal(now, binds, err)
		}
		_, err := s.shake(b, one)
		if d := (*cert.Distrust)(nil); !errors.As(err, &d) || d.Number != 23 {
			t.Errorf("%s: a session of a client that was revoked by a commit: %v", tls.VersionName(version), err)
		}
		if resumed, err := s.shake(b, two); !resumed || err != nil {
			t.Errorf("%s: a session of another: resumed %v, %v", tls.VersionName(version), resumed, err)
		}
		if got, want := store.Lost([]*cert.Settings{s.bind(root.Authority(), root.CRL(later))}), "crl-file 'crl.pem' was set at run time and its file has another, which is in force now"; len(got) != 1 || got[0] != want {
			t.Errorf("a reload would say %q, want %q", got, want)
		}
	}
}
