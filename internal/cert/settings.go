package cert

import (
	"crypto/tls"
	"slices"
	"sync/atomic"
)

// Verify says whether clients need a certificate.
type Verify uint8

// The words of verify.
const (
	VerifyNone Verify = iota
	VerifyOptional
	VerifyRequired
)

// Options are what a handshake is made by.
type Options struct {
	ALPN     []string // alpn, in the order of preference
	Min, Max uint16   // ssl-min-ver, ssl-max-ver: 1.2 to 1.3
	Verify   Verify
	CAs      *Authorities  // ca-file; nil: none
	Ciphers  []uint16      // ciphers; nil: Mozilla's "intermediate"
	Curves   []tls.CurveID // curves, ecdhe; nil: Go's own
	// As the configuration has them, with what cannot be spoken.
	CipherList, SuiteList, CurveList string
}

// Settings are those of a bind with ssl, as its line gives them.
type Settings struct {
	Options
	Certificates *Set
	Strict       bool // strict-sni
	NoTickets    bool // no-tls-tickets

	now *atomic.Pointer[inForce]
}

// inForce is what handshakes are made with: what Settings say, and a Store has
// replaced since. It is not changed; another one takes its place.
type inForce struct {
	set           *Set
	cas           *Authorities
	server, plain *tls.Config // plain: without ALPN
}

// served are the protocols that can be spoken. Others may stand in the list and
// are never agreed on.
var served = []string{"http/1.1", "http/1.0"}

// intermediate are the suites of TLS 1.2 that are spoken where the file names none:
// those of Mozilla's "intermediate" that Go has. What Go would speak besides has CBC,
// whose padding was attacked again and again, and only clients of 2013 need it.
var intermediate = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Server is what the next handshake is made with, after Build.
func (s *Settings) Server() *tls.Config { return s.now.Load().server }

// Build makes what Server returns; the fields of s are not changed afterwards.
func (s *Settings) Build() {
	s.now = &atomic.Pointer[inForce]{}
	s.now.Store(s.make(s.Certificates, s.CAs))
}

func (s *Settings) make(set *Set, cas *Authorities) *inForce {
	c := &tls.Config{
		MinVersion: max(s.Min, tls.VersionTLS12), MaxVersion: s.Max, //nolint:gosec // 1.2 at least
		CipherSuites: s.Ciphers, CurvePreferences: s.Curves,
		GetCertificate:         s.pick,
		SessionTicketsDisabled: s.NoTickets,
		// Records of a size that grows help a client that reads slowly for the first
		// kilobytes, and cost every large reply dozens of small records.
		DynamicRecordSizingDisabled: true,
		ClientAuth:                  [...]tls.ClientAuthType{tls.NoClientCert, tls.VerifyClientCertIfGiven, tls.RequireAndVerifyClientCert}[s.Verify],
	}
	if cas != nil {
		c.ClientCAs = cas.Pool
	}
	if c.CipherSuites == nil {
		c.CipherSuites = intermediate
	}
	f := &inForce{set: set, cas: cas, server: c.Clone(), plain: c}
	for _, name := range s.ALPN {
		if slices.Contains(served, name) {
			f.server.NextProtos = append(f.server.NextProtos, name)
		}
	}
	f.server.GetConfigForClient = s.forClient
	return f
}

// forClient leaves ALPN away for a client that knows none of our protocols: it may
// still speak the one that everybody does, as with HAProxy. The certificate is noted
// here because a session of TLS 1.3 that is resumed needs none.
func (s *Settings) forClient(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	f := s.now.Load()
	if c, err := f.set.Pick(hello, s.Strict); err == nil {
		(&Note{Own: c.Leaf}).leave(hello)
	}
	for _, name := range hello.SupportedProtos {
		if slices.Contains(f.server.NextProtos, name) {
			return nil, nil //nolint:nilnil // crypto/tls: go on with the one that asks
		}
	}
	return f.plain, nil
}

func (s *Settings) pick(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c, err := s.now.Load().set.Pick(hello, s.Strict)
	if err != nil {
		return nil, err
	}
	return &c.Certificate, nil
}

// shows says whether handshakes are made with the certificate of a file.
func (s *Settings) shows(path string) bool {
	return slices.ContainsFunc(s.now.Load().set.all, func(c *Certificate) bool { return c.Path == path })
}

// trusts says whether clients' certificates must come from the authorities of a file.
func (s *Settings) trusts(path string) bool {
	cas := s.now.Load().cas
	return cas != nil && cas.Path == path
}

// show makes the next handshakes show c in place of what its file had. Tickets stay
// good: they say nothing of the certificate.
func (s *Settings) show(c *Certificate) {
	f := *s.now.Load()
	f.set = f.set.with(c)
	s.now.Store(&f)
}

// trust makes the next handshakes ask for certificates of other authorities.
// Tickets are no good any more: whom they name, those may not know.
func (s *Settings) trust(cas *Authorities, t *Tickets) {
	s.now.Store(s.make(s.now.Load().set, cas))
	t.Use(s)
}
