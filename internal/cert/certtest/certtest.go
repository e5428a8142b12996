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
	"encoding/asn1"
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
	return (&Maker{t: t}).authority("authority.test", nil)
}

// Under makes an authority with a certificate of m's.
func (m *Maker) Under(name string) *Maker {
	m.t.Helper()
	return m.authority(name, nil)
}

// UnderWith is one like Under's that change was let at first.
func (m *Maker) UnderWith(change func(template *x509.Certificate), name string) *Maker {
	m.t.Helper()
	return m.authority(name, change)
}

// authority makes one that m signs, or itself where m is none yet.
func (m *Maker) authority(name string, change func(*x509.Certificate)) *Maker {
	m.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	template := m.template(name)
	template.IsCA, template.KeyUsage, template.ExtKeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign, nil
	if change != nil {
		change(template)
	}
	parent, signer := m.leaf, m.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		m.t.Fatal(err)
	}
	made := &Maker{t: m.t, key: key, last: 1}
	if made.leaf, err = x509.ParseCertificate(der); err != nil {
		m.t.Fatal(err)
	}
	return made
}

// CRL is the authority's list of revoked certificates, good for two hours until a
// time. What is revoked, and the list, are in PEM.
func (m *Maker) CRL(until time.Time, list ...[]byte) []byte {
	m.t.Helper()
	return m.crl(&x509.RevocationList{ThisUpdate: until.Add(-2 * time.Hour), NextUpdate: until}, list)
}

// PartialCRL is one that says it is for some certificates only.
func (m *Maker) PartialCRL() []byte {
	m.t.Helper()
	part := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 0x03, 0x81, 0x01, 0xff}} // RFC 5280 §5.2.5, onlyContainsUserCerts
	return m.crl(&x509.RevocationList{ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour), ExtraExtensions: []pkix.Extension{part}}, nil)
}

func (m *Maker) crl(template *x509.RevocationList, list [][]byte) []byte {
	m.t.Helper()
	template.Number = big.NewInt(1)
	for _, certificate := range list {
		b, _ := pem.Decode(certificate)
		leaf, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			m.t.Fatal(err)
		}
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: leaf.SerialNumber, RevocationTime: template.ThisUpdate})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, m.leaf, m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	return block("X509 CRL", der)
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

// With is one like Both's that change was let at first.
func (m *Maker) With(change func(template *x509.Certificate), names ...string) []byte {
	m.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	template := m.template(names...)
	change(template)
	certificate, key := m.sign(k, template)
	return append(certificate, key...)
}

// Over ends the time of a template a minute ago.
func Over(template *x509.Certificate) { template.NotAfter = time.Now().Add(-time.Minute) }

// Expired is one like Both's that was good until a minute ago.
func (m *Maker) Expired(names ...string) []byte { return m.With(Over, names...) }

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
