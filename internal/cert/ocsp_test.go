package cert

import (
	"bytes"
	"crypto/tls"
	"io/fs"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"bascule/internal/cert/certtest"
)

func TestAResponseIsStapledWhileItIsGood(t *testing.T) {
	m := certtest.New(t)
	certificate, key := m.ECDSA("web.test")
	now := time.Now()
	response := m.OCSP(certificate, ocsp.Good, now.Add(time.Hour))
	load := func(response []byte) *Certificate {
		t.Helper()
		c, err := loadShown("web.pem", Files{ReadFile: func(name string) ([]byte, error) {
			switch {
			case name == "web.pem":
				return slices.Concat(certificate, m.Authority(), key), nil
			case name == "web.pem.ocsp" && response != nil:
				return response, nil
			}
			return nil, fs.ErrNotExist
		}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := load(response)
	if c.Ignored != "" || !bytes.Equal(c.at(now).OCSPStaple, response) || !bytes.Equal(c.at(now.Add(59*time.Minute)).OCSPStaple, response) {
		t.Errorf("a good response is not stapled: %q", c.Ignored)
	}
	if late := c.at(now.Add(2 * time.Hour)); late.OCSPStaple != nil || late.Leaf != c.Leaf {
		t.Error("a response is stapled after its time")
	}
	if c := load(nil); c.Ignored != "" || c.at(now).OCSPStaple != nil {
		t.Errorf("no response: %q", c.Ignored)
	}
	if c := load(m.OCSP(certificate, ocsp.Good, now.Add(-time.Minute))); c.Ignored == "" || c.at(now).OCSPStaple != nil {
		t.Error("a response that is late is taken")
	}
	foreign := certtest.New(t)
	if c := load(foreign.OCSP(certificate, ocsp.Good, now.Add(time.Hour))); c.Ignored == "" || c.at(now).OCSPStaple != nil {
		t.Error("a response that another authority signed is taken")
	}
}

// A response that is set at run time is stapled from the next handshake on, whatever
// became of the one of the file.
func TestAResponseThatIsSetIsStapled(t *testing.T) {
	m := certtest.New(t)
	certificate, key := m.ECDSA("web.test")
	later := time.Now().Add(time.Hour)
	load := func(response []byte) *Settings {
		t.Helper()
		c, err := loadShown("web.pem", Files{ReadFile: func(name string) ([]byte, error) {
			data, ok := map[string][]byte{"web.pem": slices.Concat(certificate, m.Authority(), key), "web.pem.ocsp": response}[name]
			if !ok {
				return nil, fs.ErrNotExist
			}
			return data, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		b := &Settings{Certificates: NewSet([]*Entry{{Certificate: c}})}
		b.Build()
		return b
	}
	old := m.OCSP(certificate, ocsp.Good, time.Now().Add(-time.Hour))
	b := load(old)
	store := NewStore(&Tickets{})
	store.Adopt([]*Settings{b})
	stapled := func() []byte {
		t.Helper()
		c, err := b.pick(&tls.ClientHelloInfo{ServerName: "web.test"})
		if err != nil {
			t.Fatal(err)
		}
		return c.OCSPStaple
	}
	if stapled() != nil {
		t.Fatal("a response of the past is stapled")
	}
	other, _ := m.ECDSA("other.test")
	for name, response := range map[string][]byte{"junk": []byte("junk"), "about another": m.OCSP(other, ocsp.Good, later), "of the past": old, "of another authority": certtest.New(t).OCSP(certificate, ocsp.Good, later)} {
		if _, _, err := store.SetResponse(response); err == nil || stapled() != nil {
			t.Errorf("%s is taken: %v", name, err)
		}
	}
	fresh := m.OCSP(certificate, ocsp.Good, later)
	if about, binds, err := store.SetResponse(fresh); err != nil || binds != 1 || about.Path != "web.pem" {
		t.Fatal(about, binds, err)
	}
	if !bytes.Equal(stapled(), fresh) {
		t.Error("what was set is not stapled")
	}
	if got, want := store.Lost([]*Settings{load(old)}), "OCSP response of 'web.pem' was set at run time and web.pem.ocsp has another"; len(got) != 1 || got[0] != want {
		t.Errorf("a reload would say %q, want %q", got, want)
	}
	if got := store.Lost([]*Settings{load(fresh)}); len(got) != 0 {
		t.Errorf("a reload of the same response would say %q", got)
	}
}
