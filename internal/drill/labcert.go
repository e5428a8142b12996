package drill

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"time"
)

const (
	// certLasts is how long the lab's certificates are good: longer than any lab runs, and
	// short enough that nobody builds on them.
	certLasts = 30 * 24 * time.Hour
	// certBefore is what a clock may be behind, in a container for one.
	certBefore = time.Hour
	// resumed is how many sessions clients remember, so that many of their handshakes are
	// resumptions.
	resumed = 64
)

// certify makes an authority that is forgotten at once and a certificate of it for
// loopback. It writes the certificate with its key to crt and the authority's
// certificate to ca, and returns what clients need to trust it.
func certify(crt, ca string) (*tls.Config, error) {
	root := &x509.Certificate{Subject: pkix.Name{CommonName: "bascule lab authority"},
		IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: "localhost"},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	rootDER, err := sign(root, root, rootKey, rootKey)
	if err != nil {
		return nil, err
	}
	leafDER, err := sign(leaf, root, leafKey, rootKey)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		return nil, err
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER})
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	if err := os.WriteFile(crt, both, 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(ca, authority, 0o644); err != nil {
		return nil, err
	}
	trust := &tls.Config{RootCAs: x509.NewCertPool(), ClientSessionCache: tls.NewLRUClientSessionCache(resumed)}
	trust.RootCAs.AppendCertsFromPEM(authority)
	return trust, nil
}

// sign makes the certificate of a key out of a template, signed by the parent's key.
func sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) ([]byte, error) {
	// A number of its own each time: browsers refuse two certificates of one authority's
	// name with the same (RFC 5280 §4.1.2.2).
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber, template.BasicConstraintsValid = serial, true
	template.NotBefore, template.NotAfter = time.Now().Add(-certBefore), time.Now().Add(certLasts)
	return x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
}
