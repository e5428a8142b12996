package cert

import (
	"bytes"
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
