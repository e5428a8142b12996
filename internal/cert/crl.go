package cert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Revocations are the lists of revoked certificates of a file (HAProxy: crl-file;
// RFC 5280 §5). With them every certificate of a client's chain must be on none, and
// be spoken for by one: a list of its issuer that is signed and in time.
type Revocations struct {
	Path     string
	byIssuer map[string][]*revoked // by the issuer's name in DER
}

// A revoked is a list.
type revoked struct {
	*x509.RevocationList
	serials map[string]bool
	signer  atomic.Pointer[x509.Certificate] // the last that its signature was checked by and is of
}

// OpenSSL's numbers of why a chain is not trusted (X509_V_ERR_…).
const (
	crlNoIssuer   = 2
	crlNone       = 3
	crlForged     = 8
	crlNotYet     = 11
	crlExpired    = 12
	crlRevoked    = 23
	crlNotAllowed = 35
	crlCritical   = 36
)

var crlWhy = map[int64]string{
	crlNoIssuer: "the authority of its authority is not in the ca-file", crlNone: "the crl-file has no list of its issuer", crlForged: "the list of its issuer has the signature of another",
	crlNotYet: "the list of its issuer is not yet valid", crlExpired: "the list of its issuer has expired", crlRevoked: "it is revoked",
	crlNotAllowed: "its issuer may not sign lists", crlCritical: "the list of its issuer is for a part of its certificates",
}

// A Distrust is why revocation lists let a client's chain not pass.
type Distrust struct {
	Number int64 // OpenSSL's, X509_V_ERR_…
	Depth  int   // whom it is about: 0 for the client, 1 for its authority
}

func (d *Distrust) Error() string {
	return fmt.Sprintf("certificate %d of the chain: %s", d.Depth, crlWhy[d.Number])
}

// LoadCRLs reads the lists of a file in PEM. Certificates beside them count for nothing.
func LoadCRLs(path string, from Files) (*Revocations, error) {
	data, err := from.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("Couldn't open the ca-file '%s' (%s).", path, why(err))
	}
	r := &Revocations{Path: path, byIssuer: map[string][]*revoked{}}
	found := false
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		found = found || block.Type == "CERTIFICATE"
		if block.Type != "X509 CRL" {
			continue
		}
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("Couldn't open the ca-file '%s' (%w).", path, err)
		}
		found = true
		r.add(list)
	}
	if !found {
		return nil, fmt.Errorf("Couldn't open the ca-file '%s' (no certificate or crl found).", path)
	}
	return r, nil
}

func (r *Revocations) add(list *x509.RevocationList) {
	made := &revoked{RevocationList: list, serials: make(map[string]bool, len(list.RevokedCertificateEntries))}
	for _, e := range list.RevokedCertificateEntries {
		made.serials[string(e.SerialNumber.Bytes())] = true
	}
	list.RevokedCertificateEntries = nil // there may be a million of them
	issuer := string(list.RawIssuer)
	r.byIssuer[issuer] = append(r.byIssuer[issuer], made)
}

// verify is what tls.Config.VerifyConnection is for: it runs for a session that is
// resumed too. One chain to an authority must pass.
func (r *Revocations) verify(s *tls.ConnectionState, cas *Authorities) error {
	if len(s.PeerCertificates) == 0 {
		return nil // verify required has refused it before
	}
	refused := &Distrust{Number: crlNoIssuer}
	for i, chain := range s.VerifiedChains {
		d := r.check(cas.whole(chain), time.Now())
		if d == nil {
			return nil
		}
		if i == 0 {
			refused = d
		}
	}
	return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: refused}
}

// check goes through a chain from the client on, as OpenSSL does.
func (r *Revocations) check(chain []*x509.Certificate, now time.Time) *Distrust {
	for i, c := range chain {
		issuer := c // of itself
		if i+1 < len(chain) {
			issuer = chain[i+1]
		} else if !bytes.Equal(c.RawIssuer, c.RawSubject) {
			return &Distrust{crlNoIssuer, i}
		}
		if n := r.of(c, issuer, now); n != 0 {
			return &Distrust{n, i}
		}
	}
	return nil
}

// of is what the lists say of a certificate; 0: it may pass. Every sound list of the
// issuer counts, and one there must be.
func (r *Revocations) of(c, issuer *x509.Certificate, now time.Time) int64 {
	wrong := int64(crlNone)
	for _, list := range r.byIssuer[string(c.RawIssuer)] {
		switch n := list.unsound(issuer, now); {
		case n == 0 && list.serials[string(c.SerialNumber.Bytes())]:
			return crlRevoked
		case wrong != 0:
			wrong = n
		}
	}
	return wrong
}

// unsound is what is wrong with a list that should be the issuer's; 0: nothing.
func (l *revoked) unsound(issuer *x509.Certificate, now time.Time) int64 {
	for _, e := range l.Extensions {
		if e.Critical { // a delta, or of some certificates only (RFC 5280 §5.2.4, §5.2.5)
			return crlCritical
		}
	}
	switch {
	case issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCRLSign == 0:
		return crlNotAllowed
	case now.Before(l.ThisUpdate):
		return crlNotYet
	case !l.NextUpdate.IsZero() && now.After(l.NextUpdate):
		return crlExpired
	case l.signer.Load().Equal(issuer): // a signature costs more than the rest
		return 0
	case l.CheckSignatureFrom(issuer) != nil:
		return crlForged
	}
	l.signer.Store(issuer)
	return 0
}

// whole is a chain with the authorities above its last certificate, whose lists
// they sign: crypto/x509 ends a chain with any certificate of the pool.
func (a *Authorities) whole(chain []*x509.Certificate) []*x509.Certificate {
	for {
		last := chain[len(chain)-1]
		if bytes.Equal(last.RawIssuer, last.RawSubject) {
			return chain
		}
		i := slices.IndexFunc(a.List, func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, last.RawIssuer) && !slices.ContainsFunc(chain, c.Equal) && last.CheckSignatureFrom(c) == nil
		})
		if i < 0 {
			return chain
		}
		chain = append(slices.Clip(chain), a.List[i])
	}
}
