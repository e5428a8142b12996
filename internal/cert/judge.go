package cert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// trusted is what clients' certificates are judged by: the authorities that they must
// come from and the lists that must not name them; each is nil where there are none.
type trusted struct {
	named *Authorities // ca-file: clients are told their names
	other *Authorities // ca-verify-file: they are not
	crls  *Revocations // crl-file
}

// pool has the authorities of both.
func (t trusted) pool() *x509.CertPool {
	switch {
	case t.named == nil:
		return t.other.Pool
	case t.other == nil:
		return t.named.Pool
	}
	base, more := t.named, t.other
	if len(more.List) == 0 { // the system's, which are in a pool only
		base, more = more, base
	}
	pool := base.Pool.Clone()
	for _, c := range more.List {
		pool.AddCert(c)
	}
	return pool
}

// list has them too, but for the system's.
func (t trusted) list() (list []*x509.Certificate) {
	for _, a := range []*Authorities{t.named, t.other} {
		if a != nil {
			list = append(list, a.List...)
		}
	}
	return list
}

// from says whether some were read from a file.
func (t trusted) from(path string) bool { return t.named.from(path) || t.other.from(path) }

// revoking has r in place of what came from the same file.
func (t trusted) revoking(r *Revocations) trusted {
	if t.crls.from(r.Path) {
		t.crls = r
	}
	return t
}

// with has a in place of what came from the same file.
func (t trusted) with(a *Authorities) trusted {
	if t.named.from(a.Path) {
		t.named = a
	}
	if t.other.from(a.Path) {
		t.other = a
	}
	return t
}

// A judge decides about clients' certificates where crypto/tls cannot: authorities
// that are not named to clients, and errors that are ignored. What crypto/x509 trusts
// is trusted. Only what it does not is looked at as OpenSSL does, whose errors have
// numbers.
type judge struct {
	options *Options
	pool    *x509.CertPool
	list    []*x509.Certificate // of pool
	crls    *Revocations        // nil: none
}

// judged says whether a judge is needed.
func (o *Options) judged() bool {
	return o.Verify != VerifyNone && (o.NoNames || o.VerifyCAs != nil || o.IgnoreCA != Errors{} || o.IgnoreCert != Errors{})
}

// verify is what tls.Config.VerifyConnection is for, for a session that is resumed
// too. The note gets what was ignored, and the authority at the end of the chain.
func (j *judge) verify(s *tls.ConnectionState, n *Note) error {
	if len(s.PeerCertificates) == 0 {
		return nil // where one is required crypto/tls has refused it before
	}
	leaf, between := s.PeerCertificates[0], x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	now := time.Now()
	ask := x509.VerifyOptions{Roots: j.pool, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	chains, err := leaf.Verify(ask)
	if err == nil && (j.crls == nil || j.crls.refuse(chains, j.list, now) == nil) {
		n.Root = chains[0][len(chains[0])-1]
		return nil
	}
	q := &inquiry{judge: j, now: now}
	q.chain(s.PeerCertificates)
	if !q.walk() || !q.others(leaf, ask) {
		return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: q.refused}
	}
	n.Client = q.found
	if q.trusted {
		n.Root = q.links[len(q.links)-1]
	}
	return nil
}

// An inquiry goes through a client's chain as OpenSSL does (X509_verify_cert), and
// goes on behind an error that is ignored.
type inquiry struct {
	*judge
	now     time.Time
	links   []*x509.Certificate // the client's first
	own     int                 // how many of them the client has shown
	trusted bool                // the last one is an authority of ours, and its own issuer
	signed  bool                // nothing is wrong with who has signed whom
	found   Verdict
	refused *Distrust // by an error that is not ignored
}

// report notes an error, and says whether it is ignored.
func (q *inquiry) report(number int64, depth int) bool {
	q.found.see(number, depth)
	ignored := &q.options.IgnoreCert
	if depth > 0 {
		ignored = &q.options.IgnoreCA
	}
	if ignored.has(number) {
		return true
	}
	q.refused = &Distrust{Number: number, Depth: depth, Found: q.found}
	return false
}

// mostLinks is OpenSSL's bound on the length of a chain.
const mostLinks = 100

// chain begins with the client's certificate and looks for issuers by their names,
// first among the authorities, then among what the client has shown.
func (q *inquiry) chain(shown []*x509.Certificate) {
	q.links, q.own = shown[:1:1], 1
	for len(q.links) < mostLinks {
		last := q.links[len(q.links)-1]
		if issues(last, last) {
			q.trusted = slices.ContainsFunc(q.list, last.Equal)
			return
		}
		if next := q.issuer(last, q.list); next != nil {
			q.links = append(q.links, next)
			continue
		}
		next := q.issuer(last, shown)
		if next == nil || q.own < len(q.links) {
			return
		}
		q.links = append(q.links, next)
		q.own++
	}
}

// issuer is one that may have signed c: best one whose time it is.
func (q *inquiry) issuer(c *x509.Certificate, among []*x509.Certificate) (found *x509.Certificate) {
	for _, a := range among {
		switch {
		case !issues(a, c), slices.ContainsFunc(q.links, a.Equal):
		case !q.now.Before(a.NotBefore) && !q.now.After(a.NotAfter):
			return a
		case found == nil:
			found = a
		}
	}
	return found
}

// issues says whether a is by its name, and by its key's number where there is one, who
// has signed c.
func issues(a, c *x509.Certificate) bool {
	return bytes.Equal(a.RawSubject, c.RawIssuer) && (len(a.SubjectKeyId) == 0 || len(c.AuthorityKeyId) == 0 || bytes.Equal(a.SubjectKeyId, c.AuthorityKeyId))
}

// walk reports all errors in OpenSSL's order; false: one of them is not ignored.
func (q *inquiry) walk() bool {
	return q.end() && q.extensions() && q.revoked() && q.signatures()
}

// end reports a chain that does not lead to an authority of ours.
func (q *inquiry) end() bool {
	last := len(q.links) - 1
	switch self := issues(q.links[last], q.links[last]); {
	case q.trusted:
		return true
	case self && last == 0:
		return q.report(badSelfSigned, last)
	case self:
		return q.report(badUnknownRoot, last)
	case q.own < len(q.links):
		return q.report(badNoIssuer, last)
	}
	return q.report(badUnknown, last)
}

// extensions reports certificates that are for something else.
func (q *inquiry) extensions() bool {
	below := 0 // authorities that do not count as their own issuers
	for i, c := range q.links {
		if len(c.UnhandledCriticalExtensions) > 0 && !q.report(badCritical, i) {
			return false
		}
		if i > 0 && (!c.BasicConstraintsValid || !c.IsCA) && !q.report(badCA, i) {
			return false
		}
		if !forClients(c, i) && !q.report(badPurpose, i) {
			return false
		}
		if i > 1 && c.BasicConstraintsValid && (c.MaxPathLen > 0 || c.MaxPathLenZero) && below > c.MaxPathLen && !q.report(badPathLength, i) {
			return false
		}
		if i > 0 && !bytes.Equal(c.RawSubject, c.RawIssuer) {
			below++
		}
	}
	return true
}

// forClients says whether a certificate may stand at a depth of a client's chain.
func forClients(c *x509.Certificate, depth int) bool {
	if depth == 0 && c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageKeyAgreement) == 0 {
		return false
	}
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
}

func (q *inquiry) revoked() bool {
	return q.crls == nil || q.crls.check(q.links, q.now, q.report)
}

// signatures reports who has not signed whom, and whose time it is not. Who is at the
// end without being its own issuer is looked at by its signatures alone.
func (q *inquiry) signatures() bool {
	last := len(q.links) - 1
	i := last
	switch alone := last == 0; {
	case issues(q.links[last], q.links[last]):
	case !alone:
		i--
	case !q.report(badUnverified, 0):
		return false
	}
	q.signed = q.trusted
	for ; i >= 0; i-- {
		c := q.links[i]
		if i < last {
			issuer := q.links[i+1]
			if issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCertSign == 0 && !q.report(badSigner, i+1) {
				return false
			}
			if issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
				q.signed = false
				if !q.report(badSignature, i) {
					return false
				}
			}
		}
		if q.now.Before(c.NotBefore) && !q.report(badNotYet, i) || q.now.After(c.NotAfter) && !q.report(badExpired, i) {
			return false
		}
	}
	return true
}

// others reports what crypto/x509 refuses and the walk does not know, names that an
// authority may not certify for one. Where it is ignored that nobody vouches for a
// certificate there is nothing left to ask.
func (q *inquiry) others(leaf *x509.Certificate, ask x509.VerifyOptions) bool {
	if !q.signed && q.found.Last != 0 {
		return true
	}
	for _, c := range q.links { // a time that is good for all
		if c.NotBefore.After(ask.CurrentTime) || ask.CurrentTime.After(c.NotAfter) {
			ask.CurrentTime = latest(q.links)
			break
		}
	}
	ask.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	_, err := leaf.Verify(ask)
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil, q.constrained():
		return true
	case errors.As(err, &invalid) && invalid.Reason == x509.CANotAuthorizedForThisName:
		return q.report(badName, 0)
	}
	return q.report(badUnspecified, 0)
}

// constrained says whether errors were ignored that crypto/x509 has no setting for.
func (q *inquiry) constrained() bool {
	for _, n := range []int64{badCritical, badCA, badPathLength, badSigner} {
		if q.found.Leaf == n || q.found.Authority == n || q.found.Last == n {
			return true
		}
	}
	return false
}

// latest is when the youngest of a chain became valid.
func latest(chain []*x509.Certificate) (t time.Time) {
	for _, c := range chain {
		if c.NotBefore.After(t) {
			t = c.NotBefore
		}
	}
	return t
}
