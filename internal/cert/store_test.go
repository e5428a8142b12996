package cert_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"bascule/internal/cert"
	"bascule/internal/cert/certtest"
)

// bind is one with the certificates of files.
func bind(t *testing.T, all map[string][]byte, names ...string) *cert.Settings {
	t.Helper()
	var list []*cert.Certificate
	for _, name := range names {
		loaded, err := cert.Load(name, files(all))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, loaded...)
	}
	s := &cert.Settings{Certificates: cert.NewSet(entries(list))}
	s.Build()
	return s
}

// shown is the common name of the certificate that a client sees who asks for a name.
func shown(t *testing.T, s *cert.Settings, name string) string {
	t.Helper()
	c, err := s.Server().GetCertificate(&tls.ClientHelloInfo{ServerName: name})
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf.Subject.CommonName
}

func TestACommitIsForAllBindsWithTheFile(t *testing.T) {
	m := certtest.New(t)
	all := map[string][]byte{"a": m.Both("a.test"), "b": m.Both("b.test")}
	one, two, other := bind(t, all, "a", "b"), bind(t, all, "b", "a"), bind(t, all, "b")
	store := cert.NewStore(&cert.Tickets{})
	store.Adopt([]*cert.Settings{one, two, other})
	for name, payload := range map[string][]byte{"none": m.Both("x.test"), "a": []byte("junk"), "a.key": []byte("junk"), "none.key": m.Both("x.test")} {
		if _, _, err := store.SetCertificate(name, payload); err == nil {
			t.Errorf("%s takes %q", name, payload)
		}
	}
	_, foreign := m.ECDSA("foreign.test")
	alone, key := m.ECDSA("c.test", "new.test")
	if _, _, err := store.SetCertificate("a", append(bytes.Clone(alone), foreign...)); err == nil || !strings.HasPrefix(err.Error(), "inconsistencies ") {
		t.Errorf("a foreign key: %v", err)
	}
	if _, created, err := store.SetCertificate("a", alone); !created || err != nil {
		t.Fatal(created, err)
	}
	if _, _, err := store.Certificates.Commit("a"); !errors.Is(err, cert.ErrIncomplete) {
		t.Errorf("a commit without a key: %v", err)
	}
	if file, created, err := store.SetCertificate("a.key", key); file != "a" || created || err != nil {
		t.Fatal(file, created, err)
	}
	if got := shown(t, one, "c.test"); got != "a.test" {
		t.Errorf("before the commit a client sees %s", got)
	}
	if _, binds, err := store.Certificates.Commit("a"); binds != 2 || err != nil {
		t.Errorf("the commit reaches %d binds, %v", binds, err)
	}
	for _, test := range []struct {
		bind       *cert.Settings
		name, want string
	}{{one, "new.test", "c.test"}, {one, "a.test", "c.test"}, {two, "new.test", "c.test"}, {two, "a.test", "b.test"}, {other, "new.test", "b.test"}} {
		if got := shown(t, test.bind, test.name); got != test.want {
			t.Errorf("%s: a client sees %s, want %s", test.name, got, test.want)
		}
	}
	if _, used, ok := store.Certificates.Look("a"); !used || !ok {
		t.Error("what binds show is not used")
	}
	if err := store.Certificates.Delete("a"); !errors.Is(err, cert.ErrUsed) {
		t.Errorf("deleting it: %v", err)
	}
}

func TestAuthoritiesJoinOthers(t *testing.T) {
	a, b := certtest.New(t), certtest.New(t)
	store := cert.NewStore(&cert.Tickets{})
	store.Adopt(nil)
	if err := store.Authorities.New("ca"); err != nil {
		t.Fatal(err)
	}
	for i, join := range []bool{false, true, true} {
		m := []*certtest.Maker{a, b, a}[i]
		if _, err := store.SetAuthorities("ca", m.Authority(), join); err != nil {
			t.Fatal(err)
		}
		if join {
			if _, _, err := store.Authorities.Commit("ca"); err != nil {
				t.Fatal(err)
			}
		}
		if list := store.Authorities.List(); max(list[0].Size, list[0].Next) != i+1 {
			t.Errorf("after %d: %v", i+1, list)
		}
	}
}
