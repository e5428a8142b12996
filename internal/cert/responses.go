package cert

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

// A CertID says which certificate a response of OCSP is about (RFC 6960 §4.1.1).
type CertID struct {
	Hash           pkix.AlgorithmIdentifier
	IssuerNameHash []byte
	IssuerKeyHash  []byte
	SerialNumber   *big.Int
}

// Key is its DER in hex, by which HAProxy knows responses.
func (id *CertID) Key() string {
	der, err := asn1.Marshal(*id)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(der)
}

// ID is what responses about c are known by, with hashes of SHA-1; nil: it takes none.
func (c *Certificate) ID() *CertID {
	if c.issuer == nil {
		return nil
	}
	var key struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.issuer.RawSubjectPublicKeyInfo, &key); err != nil {
		return nil
	}
	sum := func(data []byte) []byte {
		h := crypto.SHA1.New()
		h.Write(data)
		return h.Sum(nil)
	}
	return &CertID{
		Hash:           pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, Parameters: asn1.NullRawValue},
		IssuerNameHash: sum(c.issuer.RawSubject), IssuerKeyHash: sum(key.PublicKey.RightAlign()), SerialNumber: c.Leaf.SerialNumber,
	}
}

// Response is what c's authority says of it; nil: nothing that is known.
func (c *Certificate) Response() *ocsp.Response {
	if c.stapled == nil {
		return nil
	}
	r, err := ocsp.ParseResponse(c.stapled.shown.OCSPStaple, c.issuer)
	if err != nil {
		return nil // it could be read before
	}
	return r
}

// Responding are the certificates in force that take responses, by their keys.
func (s *Store) Responding() (list []*Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.Certificates.files {
		if h.now != nil && h.now.issuer != nil {
			list = append(list, h.now)
		}
	}
	slices.SortFunc(list, func(a, b *Certificate) int {
		return cmp.Or(cmp.Compare(a.ID().Key(), b.ID().Key()), cmp.Compare(a.Path, b.Path))
	})
	return slices.CompactFunc(list, func(a, b *Certificate) bool { return bytes.Equal(a.Leaf.Raw, b.Leaf.Raw) })
}

// ErrNotAbout says that no certificate takes a response.
var ErrNotAbout = errors.New("OCSP single response: Certificate ID does not match any certificate or issuer")

// SetResponse staples a response to the certificates that it is about, from the next
// handshake on, and tells of one of them and how many binds show it. The errors are
// HAProxy's.
func (s *Store) SetResponse(response []byte) (about *Certificate, binds int, err error) {
	serial, err := serialOf(response)
	if err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err = ErrNotAbout
	for file, h := range s.Certificates.files {
		if h.now == nil || h.now.issuer == nil || h.now.Leaf.SerialNumber.Cmp(serial) != 0 {
			continue
		}
		made, refused := h.now.staple(response, time.Now())
		if refused != nil {
			if about == nil { // another authority may have given the number
				err = refused
			}
			continue
		}
		made.fresh = true
		c := *h.now
		c.stapled = made
		h.now, about = &c, &c
		users := s.Certificates.users(file)
		for _, b := range users {
			b.show(h.now)
		}
		binds += len(users)
	}
	if about == nil {
		return nil, 0, err
	}
	return about, binds, nil
}

// serialOf is whom a response is about, whoever signed it.
func serialOf(response []byte) (*big.Int, error) {
	r, err := ocsp.ParseResponse(response, nil)
	switch refused := (ocsp.ResponseError{}); {
	case errors.As(err, &refused):
		return nil, errStatus
	case err != nil:
		return nil, errUnreadable
	}
	return r.SerialNumber, nil
}

// lostStaples tells, a sentence each, which responses that were set at run time are not
// in files. It is called with mu held.
func (s *Store) lostStaples(files map[string]*held[Certificate]) (notes []string) {
	for name, h := range s.Certificates.files {
		if h.now == nil || h.now.stapled == nil || !h.now.stapled.fresh {
			continue
		}
		if f := files[name]; f != nil && h.now.same(f.now) && (f.now.stapled == nil || !bytes.Equal(f.now.stapled.shown.OCSPStaple, h.now.stapled.shown.OCSPStaple)) {
			notes = append(notes, "OCSP response of '"+name+"' was set at run time and "+name+ocspExt+" has another")
		}
	}
	slices.Sort(notes)
	return notes
}
