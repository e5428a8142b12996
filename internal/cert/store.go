package cert

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
)

// A Store is what of the files of binds is in memory, for the runtime socket to
// change (HAProxy: set ssl cert, commit ssl cert, add ssl crt-list and their like). No
// file is ever written.
type Store struct {
	Certificates Shelf[Certificate]
	Authorities  Shelf[Authorities]
	Revocations  Shelf[Revocations]

	tickets *Tickets

	mu      sync.Mutex // guards the fields below, and the files of the shelves
	binds   []*Settings
	lines   map[string]int // by crt-list: the number of its last line
	deleted []*Entry       // of lines of the files
}

// NewStore makes an empty store. Binds whose authorities it changes take the tickets
// of t.
func NewStore(t *Tickets) *Store {
	s := &Store{tickets: t}
	s.Certificates = Shelf[Certificate]{
		store: s, kind: "certificate", name: func(c *Certificate) string { return c.Path }, size: func(*Certificate) int { return 1 }, same: (*Certificate).same, complete: (*Certificate).complete,
		uses: (*Settings).shows, apply: (*Settings).show,
	}
	s.Authorities = Shelf[Authorities]{
		store: s, kind: "ca-file", name: func(a *Authorities) string { return a.Path }, size: func(a *Authorities) int { return len(a.List) }, same: (*Authorities).same,
		complete: func(*Authorities) error { return nil },
		uses: func(b *Settings, file string) bool {
			return b.judges(func(by trusted) bool { return by.from(file) })
		},
		apply: func(b *Settings, a *Authorities) {
			b.trust(func(by trusted) trusted { return by.with(a) }, t)
		},
	}
	s.Revocations = Shelf[Revocations]{
		store: s, kind: "crl-file", name: func(r *Revocations) string { return r.Path }, size: func(r *Revocations) int { return len(r.lists) }, same: (*Revocations).same,
		complete: func(*Revocations) error { return nil },
		uses: func(b *Settings, file string) bool {
			return b.judges(func(by trusted) bool { return by.crls.from(file) })
		},
		apply: func(b *Settings, r *Revocations) {
			b.trust(func(by trusted) trusted { return by.revoking(r) }, t)
		},
	}
	return s
}

// shelved are the files of binds, as they were read.
type shelved struct {
	certs map[string]*held[Certificate]
	cas   map[string]*held[Authorities]
	crls  map[string]*held[Revocations]
}

func files(binds []*Settings) shelved {
	f := shelved{map[string]*held[Certificate]{}, map[string]*held[Authorities]{}, map[string]*held[Revocations]{}}
	hold := func(by trusted) {
		for _, a := range []*Authorities{by.named, by.other} {
			if a != nil {
				f.cas[a.Path] = &held[Authorities]{now: a}
			}
		}
		if by.crls != nil {
			f.crls[by.crls.Path] = &held[Revocations]{now: by.crls}
		}
	}
	for _, b := range binds {
		hold(b.trusts())
		for _, e := range b.Certificates.all {
			f.certs[e.Path] = &held[Certificate]{now: e.Certificate}
			if e.Own != nil {
				hold(e.Own.trusts())
			}
		}
	}
	return f
}

// Adopt makes the files of binds those of the store, and drops what was set at run
// time, as a reload of HAProxy does. lost tells, a sentence each, what the files have
// not.
func (s *Store) Adopt(binds []*Settings) (lost []string) {
	f := files(binds)
	s.mu.Lock()
	defer s.mu.Unlock()
	lost = s.lost(binds, f)
	s.binds, s.Certificates.files, s.Authorities.files, s.Revocations.files = binds, f.certs, f.cas, f.crls
	s.lines, s.deleted = map[string]int{}, nil
	for _, b := range binds {
		maps.Copy(s.lines, b.Lists)
	}
	return lost
}

// Lost tells what Adopt would.
func (s *Store) Lost(binds []*Settings) []string {
	f := files(binds)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost(binds, f)
}

func (s *Store) lost(binds []*Settings, f shelved) []string {
	return slices.Concat(s.Certificates.lost(f.certs), s.Authorities.lost(f.cas), s.Revocations.lost(f.crls), s.lostLines(binds), s.lostTicketKeys(binds), s.lostStaples(f.certs))
}

// SetCertificate puts a payload in PEM into the transaction of a file: a certificate
// with its chain and its key, or for FILE.key the key of the certificate that the
// transaction or the file has. It returns the file. A key must be the certificate's;
// a certificate without one may get it before the commit.
func (s *Store) SetCertificate(name string, payload []byte) (file string, created bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	files := s.Certificates.files
	h, of := files[name], fromPayload
	if base, is := strings.CutSuffix(name, keyExt); h == nil && is && files[base] != nil {
		name, h = base, files[base]
		of = cmp.Or(h.next, h.now, &Certificate{}).withKey
	}
	if h == nil {
		return name, false, ErrUnknown
	}
	next, err := of(name, payload)
	if err != nil {
		return name, false, err
	}
	if h.now != nil && h.now.issuer != nil {
		next.issuer = next.issuerInChain()
	}
	return name, h.begin(next), nil
}

// fromPayload makes a certificate of a payload, without PrivateKey if it has none.
func fromPayload(file string, payload []byte) (*Certificate, error) {
	chain, key := parse(payload)
	if len(chain) == 0 {
		return nil, errNoCertificate(file)
	}
	if key != nil {
		return pair(file, chain, key)
	}
	c := &Certificate{Path: file}
	for _, block := range chain {
		c.Certificate.Certificate = append(c.Certificate.Certificate, block.Bytes)
	}
	leaf, err := x509.ParseCertificate(chain[0].Bytes)
	if err != nil {
		return nil, errNoCertificate(file)
	}
	c.Leaf, c.Names = leaf, names(leaf)
	return c, nil
}

// withKey is the same certificate with the key of a payload.
func (c *Certificate) withKey(file string, payload []byte) (*Certificate, error) {
	_, key := parse(payload)
	if key == nil {
		return nil, errors.New("unable to load private key from file '" + file + "'.")
	}
	var chain []*pem.Block
	for _, der := range c.Certificate.Certificate {
		chain = append(chain, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	if len(chain) == 0 {
		return nil, ErrIncomplete
	}
	return pair(file, chain, key)
}

// complete says whether it can be shown to clients.
func (c *Certificate) complete() error {
	if c.PrivateKey == nil {
		return ErrIncomplete
	}
	return nil
}

// same says whether both are the same chain.
func (c *Certificate) same(other *Certificate) bool {
	return slices.EqualFunc(c.Certificate.Certificate, other.Certificate.Certificate, bytes.Equal)
}

// SetAuthorities puts those of a payload in PEM into the transaction of a file; with
// join they are more than those that the transaction or the file has.
func (s *Store) SetAuthorities(file string, payload []byte, join bool) (created bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.Authorities.files[file]
	if h == nil {
		return false, ErrUnknown
	}
	next := authorities(file, payload)
	if len(next.List) == 0 {
		return false, ErrIncomplete
	}
	if was := cmp.Or(h.next, h.now); join && was != nil {
		next.join(was)
	}
	return h.begin(next), nil
}

// SetRevocations puts the lists of a payload in PEM into the transaction of a file.
func (s *Store) SetRevocations(file string, payload []byte) (name string, created bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.Revocations.files[file]
	if h == nil {
		return file, false, ErrUnknown
	}
	next, err := revocations(file, payload)
	if err != nil {
		return file, false, ErrIncomplete
	}
	return file, h.begin(next), nil
}

// join adds those of other.
func (a *Authorities) join(other *Authorities) {
	a.List = append(slices.Clone(other.List), a.List...)
	for _, c := range other.List {
		a.Pool.AddCert(c)
	}
	a.sum = sha256.Sum256(slices.Concat(other.sum[:], a.sum[:]))
}

func (a *Authorities) same(other *Authorities) bool {
	return slices.EqualFunc(a.List, other.List, (*x509.Certificate).Equal)
}
