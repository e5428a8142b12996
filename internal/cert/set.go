package cert

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
)

// A Set finds certificates by the name that a client asks for.
type Set struct {
	all    []*Entry
	others []*Entry            // for clients who name nobody: default-crt, else the first of all
	byName map[string][]*Entry // "*.example.org" for what it stands for
	not    map[*Entry][]string // what the entry's wildcards do not cover
}

// NewSet makes a set of certificates, in the order of the configuration.
func NewSet(list []*Entry) *Set {
	s := &Set{all: list, byName: make(map[string][]*Entry, len(list)), not: map[*Entry][]string{}}
	for _, e := range list {
		if e.Default {
			s.others = append(s.others, e)
		}
		names, not := e.shown()
		for _, name := range names {
			s.byName[name] = append(s.byName[name], e)
		}
		if len(not) > 0 {
			s.not[e] = not
		}
	}
	if len(s.others) == 0 {
		s.others = list[:min(len(list), 1)]
	}
	return s
}

// All are the certificates, in the order of the configuration.
func (s *Set) All() []*Entry { return s.all }

// Len counts the certificates.
func (s *Set) Len() int { return len(s.all) }

// with is the same set with c in place of what came from the same file.
func (s *Set) with(c *Certificate) *Set {
	list := slices.Clone(s.all)
	for i := range list {
		if e := *list[i]; e.Path == c.Path {
			e.Certificate = c
			list[i] = &e
		}
	}
	return NewSet(list)
}

// errNoName is what a client sees as unrecognized_name or internal_error.
var errNoName = errors.New("no certificate for the name that the client asks for")

// Pick is the certificate for a client's hello: the one of exactly the name, else
// of the wildcard that stands for its first label, else the default, unless strict
// (strict-sni). Of several for a name the client gets an ECDSA one if it can read
// it.
func (s *Set) Pick(hello *tls.ClientHelloInfo, strict bool) (*Entry, error) {
	if list := s.named(strings.ToLower(hello.ServerName)); len(list) > 0 {
		return best(list, hello), nil
	}
	if strict || len(s.all) == 0 {
		return nil, errNoName
	}
	return best(s.others, hello), nil
}

func (s *Set) named(name string) []*Entry {
	if name == "" {
		return nil
	}
	if list := s.byName[name]; len(list) > 0 {
		return list
	}
	dot := strings.IndexByte(name, '.')
	if dot <= 0 {
		return nil
	}
	list := s.byName["*"+name[dot:]]
	excludes := func(e *Entry) bool { return slices.Contains(s.not[e], name) }
	if slices.ContainsFunc(list, excludes) {
		list = slices.DeleteFunc(slices.Clone(list), excludes)
	}
	return list
}

// best is the one that the client can read and that costs least to sign with.
func best(list []*Entry, hello *tls.ClientHelloInfo) *Entry {
	if len(list) == 1 {
		return list[0]
	}
	wanted := readsECDSA(hello)
	for _, c := range list {
		if c.elliptic() == wanted {
			return c
		}
	}
	return list[0]
}

// elliptic says whether the certificate's key is of an elliptic curve.
func (c *Certificate) elliptic() bool {
	switch c.PrivateKey.(type) {
	case *ecdsa.PrivateKey, ed25519.PrivateKey:
		return true
	}
	return false
}

// readsECDSA says whether a client takes signatures by ECDSA: it names one of them
// (RFC 8446 §4.2.3), and before TLS 1.3 a suite with them too.
func readsECDSA(hello *tls.ClientHelloInfo) bool {
	signs := slices.ContainsFunc(hello.SignatureSchemes, func(s tls.SignatureScheme) bool {
		return s == tls.ECDSAWithP256AndSHA256 || s == tls.ECDSAWithP384AndSHA384 || s == tls.ECDSAWithP521AndSHA512 || s == tls.Ed25519
	})
	return signs && (slices.Contains(hello.SupportedVersions, tls.VersionTLS13) || slices.ContainsFunc(hello.CipherSuites, isECDSA))
}

func isECDSA(suite uint16) bool {
	switch suite {
	case tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA:
		return true
	}
	return false
}
