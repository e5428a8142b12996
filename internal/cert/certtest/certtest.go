// Package certtest makes certificates for tests.
package certtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// A Maker makes certificates, signed by an authority of their own.
type Maker struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	leaf *x509.Certificate
	last int64 // serial number
}

// New makes an authority.
func New(t testing.TB) *Maker {
	t.Helper()
	m := &Maker{t: t}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m.key = key
	template := m.template("authority.test")
	template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if m.leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *Maker) template(names ...string) *x509.Certificate {
	m.last++
	return &x509.Certificate{
		SerialNumber: big.NewInt(m.last), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// Authority is the authority's certificate in PEM.
func (m *Maker) Authority() []byte { return block("CERTIFICATE", m.leaf.Raw) }

// Pool holds the authority.
func (m *Maker) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(m.leaf)
	return pool
}

// ECDSA makes a certificate of an elliptic curve for names and its key, in PEM.
func (m *Maker) ECDSA(names ...string) (certificate, key []byte) {
	m.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	return m.sign(k, m.template(names...))
}

// RSA makes one of RSA.
func (m *Maker) RSA(names ...string) (certificate, key []byte) {
	m.t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		m.t.Fatal(err)
	}
	return m.sign(k, m.template(names...))
}

// Both is a certificate of ECDSA with its key behind it, as crt takes it.
func (m *Maker) Both(names ...string) []byte {
	m.t.Helper()
	certificate, key := m.ECDSA(names...)
	return append(certificate, key...)
}

// Expired is one like Both's that was good until a minute ago.
func (m *Maker) Expired(names ...string) []byte {
	m.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	template := m.template(names...)
	template.NotAfter = time.Now().Add(-time.Minute)
	certificate, key := m.sign(k, template)
	return append(certificate, key...)
}

func (m *Maker) sign(k crypto.Signer, template *x509.Certificate) (certificate, key []byte) {
	m.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, m.leaf, k.Public(), m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		m.t.Fatal(err)
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", private)
}

// OCSP is what the authority says of a certificate in PEM: good, revoked or unknown
// (ocsp.Good and its like), until a time.
func (m *Maker) OCSP(certificate []byte, status int, until time.Time) []byte {
	m.t.Helper()
	b, _ := pem.Decode(certificate)
	leaf, err := x509.ParseCertificate(b.Bytes)
	if err != nil {
		m.t.Fatal(err)
	}
	der, err := ocsp.CreateResponse(m.leaf, m.leaf, ocsp.Response{
		Status: status, SerialNumber: leaf.SerialNumber, ThisUpdate: until.Add(-24 * time.Hour), NextUpdate: until, RevokedAt: until.Add(-25 * time.Hour),
	}, m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	return der
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
