package cert_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"bascule/internal/cert"
	"bascule/internal/cert/certtest"
)

func all(numbers ...int) (e cert.Errors) {
	for _, n := range numbers {
		e.Add(n)
	}
	return e
}

// What is ignored is only what was named: the rest of a chain is held to crypto/x509,
// and what that alone refuses has a number too. test/plane holds the numbers against
// haproxy.
func TestOnlyNamedErrorsAreIgnored(t *testing.T) {
	root := certtest.New(t)
	s := &crlSite{t: t, shown: root.Both("web.test")}
	over := root.UnderWith(func(c *x509.Certificate) {
		certtest.Over(c)
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"allowed.test"}, true
	}, "over.test")
	for name, test := range map[string]struct {
		cert, ca cert.Errors
		client   *tls.Config
		number   int64 // 0: in
	}{
		"expired, ignored":                        {all(10), all(), client(t, root.Expired("a.test")), 0},
		"expired, another is ignored":             {all(9), all(), client(t, root.Expired("a.test")), 10},
		"expired, ignored of authorities":         {all(), all(10), client(t, root.Expired("a.test")), 10},
		"unknown and all are ignored":             {cert.AllErrors(), all(), client(t, certtest.New(t).Expired("a.test")), 0},
		"the authority's time, ignored":           {all(), all(10), client(t, over.Both("x.allowed.test"), over.Authority()), 0},
		"that, and a name it may not certify":     {all(), all(10), client(t, over.Both("a.test"), over.Authority()), 47},
		"both, ignored":                           {all(47), all(10), client(t, over.Both("a.test"), over.Authority()), 0},
		"signed by another who has the same name": {all(20, 21), all(), client(t, certtest.New(t).Both("a.test")), 0},
	} {
		b := s.bind(root.Authority(), nil)
		b.IgnoreCert, b.IgnoreCA = test.cert, test.ca
		b.Build()
		_, err := s.shake(b, test.client)
		var got int64
		if d := (*cert.Distrust)(nil); errors.As(err, &d) {
			got = d.Number
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got != test.number {
			t.Errorf("%s: %d, want %d", name, got, test.number)
		}
	}
}

// A session that was let in leniently is judged again when it is resumed, and no ticket
// of it is good where nothing is ignored.
func TestSessionsOfTheLenientAreJudgedAgain(t *testing.T) {
	root, stranger := certtest.New(t), certtest.New(t)
	s := &crlSite{t: t, shown: root.Both("web.test")}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		lenient := func(ignored cert.Errors) *cert.Settings {
			b := s.bind(root.Authority(), nil)
			b.IgnoreCert = ignored
			b.Build()
			s.tickets.Use(b)
			return b
		}
		c := client(t, stranger.Both("client.test"))
		c.MaxVersion = version
		for _, want := range []bool{false, true} {
			if resumed, err := s.shake(lenient(all(20, 21)), c); err != nil || resumed != want {
				t.Fatalf("%s: resumed %v, %v; want %v", tls.VersionName(version), resumed, err, want)
			}
		}
		if _, err := s.shake(lenient(all(9)), c.Clone()); !distrusted(err, 20) {
			t.Errorf("%s: where less is ignored: %v", tls.VersionName(version), err)
		}
		if _, err := s.shake(s.bind(root.Authority(), nil), c); err == nil {
			t.Errorf("%s: a session is resumed where nothing is ignored", tls.VersionName(version))
		}
	}
}

func distrusted(err error, number int64) bool {
	var d *cert.Distrust
	return errors.As(err, &d) && d.Number == number
}

// What the runtime socket commits for ca-verify-file is in force too.
func TestAuthoritiesWithoutNamesAreReplaced(t *testing.T) {
	root, next := certtest.New(t), certtest.New(t)
	s := &crlSite{t: t, shown: root.Both("web.test")}
	b := s.bind(root.Authority(), nil)
	b.VerifyCAs, b.CAs = b.CAs, nil
	b.Build()
	store := cert.NewStore(&s.tickets)
	store.Adopt([]*cert.Settings{b})
	s.tickets.Turn(time.Unix(0, 0))
	comes := client(t, next.Both("client.test"))
	if _, err := s.shake(b, comes); !distrusted(err, 20) {
		t.Fatalf("before: %v", err)
	}
	if _, err := store.SetAuthorities("ca.pem", next.Authority(), false); err != nil {
		t.Fatal(err)
	}
	if _, binds, err := store.Authorities.Commit("ca.pem"); err != nil || binds != 1 {
		t.Fatalf("%d binds, %v", binds, err)
	}
	if _, err := s.shake(b, comes); err != nil {
		t.Errorf("after: %v", err)
	}
}
