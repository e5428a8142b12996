package cert

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Revocations are the lists of revoked certificates of a file (HAProxy: crl-file;
// RFC 5280 §5). With them every certificate of a client's or server's chain must be on none, and
// be spoken for by one: a list of its issuer that is signed and in time.
type Revocations struct {
	Path     string
	lists    []*revoked
	byIssuer map[string][]*revoked // by the issuer's name in DER
	certs    int                   // certificates beside them
	sum      [sha256.Size]byte     // of what they were read from
}

// A revoked is a list.
type revoked struct {
	*x509.RevocationList
	serials map[string]bool
	signer  atomic.Pointer[x509.Certificate] // the last that its signature was checked by and is of
}

// LoadCRLs reads the lists of a file in PEM. Certificates beside them count for nothing.
func LoadCRLs(path string, from Files) (*Revocations, error) {
	data, err := from.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("Couldn't open the ca-file '%s' (%s).", path, why(err))
	}
	r, err := revocations(path, data)
	if err != nil {
		return nil, fmt.Errorf("Couldn't open the ca-file '%s' (%w).", path, err)
	}
	return r, nil
}

var errNoList = errors.New("no certificate or crl found")

// revocations takes the lists of data in PEM.
func revocations(path string, data []byte) (*Revocations, error) {
	r := &Revocations{Path: path, byIssuer: map[string][]*revoked{}, sum: sha256.Sum256(data)}
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		switch block.Type {
		case "CERTIFICATE":
			r.certs++
		case "X509 CRL":
			list, err := x509.ParseRevocationList(block.Bytes)
			if err != nil {
				return nil, err
			}
			r.add(list)
		}
	}
	if r.certs == 0 && len(r.lists) == 0 {
		return nil, errNoList
	}
	return r, nil
}

// Each calls do with every list, whole, and its number: certificates count before
// the lists, as in HAProxy.
func (r *Revocations) Each(do func(number int, list *x509.RevocationList)) {
	for i, l := range r.lists {
		if list, err := x509.ParseRevocationList(l.Raw); err == nil { // it could be read before
			do(r.certs+i+1, list)
		}
	}
}

// Count says how many lists there are, and how many certificates are on them.
func (r *Revocations) Count() (lists, certificates int) {
	for _, l := range r.lists {
		certificates += len(l.serials)
	}
	return len(r.lists), certificates
}

// from says whether lists, or nil, were read from a file.
func (r *Revocations) from(path string) bool { return r != nil && r.Path == path }

// same says whether both have the same lists.
func (r *Revocations) same(other *Revocations) bool {
	return slices.EqualFunc(r.lists, other.lists, func(a, b *revoked) bool { return bytes.Equal(a.Raw, b.Raw) })
}

func (r *Revocations) add(list *x509.RevocationList) {
	made := &revoked{RevocationList: list, serials: make(map[string]bool, len(list.RevokedCertificateEntries))}
	for _, e := range list.RevokedCertificateEntries {
		made.serials[string(e.SerialNumber.Bytes())] = true
	}
	list.RevokedCertificateEntries = nil // there may be a million of them
	r.lists = append(r.lists, made)
	issuer := string(list.RawIssuer)
	r.byIssuer[issuer] = append(r.byIssuer[issuer], made)
}

// verify is what tls.Config.VerifyConnection is for: it runs for a session that is
// resumed too.
func (r *Revocations) verify(s *tls.ConnectionState, cas *Authorities) error {
	if len(s.PeerCertificates) == 0 {
		return nil // verify required has refused it before
	}
	if d := r.refuse(s.VerifiedChains, cas.List, time.Now()); d != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: d}
	}
	return nil
}

// refuse is why chains to an authority do not pass; nil: one of them does.
func (r *Revocations) refuse(chains [][]*x509.Certificate, cas []*x509.Certificate, now time.Time) *Distrust {
	var first *Distrust
	for _, chain := range chains {
		chain = whole(chain, cas)
		var d *Distrust
		refused := func(number int64, depth int) bool {
			d = &Distrust{Number: number, Depth: depth, Found: Of(number, depth)}
			return false
		}
		last := len(chain) - 1
		_ = (issues(chain[last], chain[last]) || refused(badNoIssuer, last)) && r.check(chain, now, refused)
		if d == nil {
			return nil
		}
		if first == nil {
			first = d
		}
	}
	return first
}

// check goes through a chain from the client on, as OpenSSL does, and reports what is
// wrong, until that is told to be no reason to go on.
func (r *Revocations) check(chain []*x509.Certificate, now time.Time, report func(number int64, depth int) bool) bool {
	for i, c := range chain {
		var issuer *x509.Certificate
		switch {
		case i+1 < len(chain):
			issuer = chain[i+1]
		case issues(c, c):
			issuer = c
		}
		for _, n := range r.of(c, issuer, now) {
			if !report(n, i) {
				return false
			}
		}
	}
	return true
}

// of is what the lists say of a certificate; nil: it may pass. Every sound list of the
// issuer counts, and one there must be. The issuer is nil where nobody knows it.
func (r *Revocations) of(c, issuer *x509.Certificate, now time.Time) []int64 {
	wrong, sound := []int64{badNoCRL}, false
	signer := cmp.Or(issuer, c)
	for _, list := range r.byIssuer[string(c.RawIssuer)] {
		if len(list.AuthorityKeyId) > 0 && len(signer.SubjectKeyId) > 0 && !bytes.Equal(list.AuthorityKeyId, signer.SubjectKeyId) {
			continue // of another who has the same name
		}
		faults := list.faults(issuer, now)
		named := list.serials[string(c.SerialNumber.Bytes())]
		switch {
		case len(faults) == 0 && named:
			return []int64{badRevoked}
		case len(faults) == 0:
			sound = true
		case named:
			wrong = append(faults, badRevoked)
		default:
			wrong = faults
		}
	}
	if sound {
		return nil
	}
	return wrong
}

// faults are what is wrong with a list that should be the issuer's, in OpenSSL's order.
func (l *revoked) faults(issuer *x509.Certificate, now time.Time) (list []int64) {
	for _, e := range l.Extensions {
		if e.Critical { // a delta, or of some certificates only (RFC 5280 §5.2.4, §5.2.5)
			return []int64{badCRLCritical}
		}
	}
	switch {
	case issuer == nil:
		list = append(list, badCRLIssuer)
	case issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCRLSign == 0:
		list = append(list, badCRLSigner)
	}
	if now.Before(l.ThisUpdate) {
		list = append(list, badCRLNotYet)
	}
	if !l.NextUpdate.IsZero() && now.After(l.NextUpdate) {
		list = append(list, badCRLExpired)
	}
	switch {
	case issuer != nil && l.signer.Load().Equal(issuer): // a signature costs more than the rest
	case issuer == nil, l.CheckSignatureFrom(issuer) != nil:
		list = append(list, badCRLSignature)
	default:
		l.signer.Store(issuer)
	}
	return list
}

// whole is a chain with the authorities above its last certificate, whose lists
// they sign: crypto/x509 ends a chain with any certificate of the pool.
func whole(chain, cas []*x509.Certificate) []*x509.Certificate {
	for {
		last := chain[len(chain)-1]
		if bytes.Equal(last.RawIssuer, last.RawSubject) {
			return chain
		}
		i := slices.IndexFunc(cas, func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, last.RawIssuer) && !slices.ContainsFunc(chain, c.Equal) && last.CheckSignatureFrom(c) == nil
		})
		if i < 0 {
			return chain
		}
		chain = append(slices.Clip(chain), cas[i])
	}
}
