package cert

import (
	"crypto/tls"
	"slices"
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
	Ciphers  []uint16      // ciphers; nil: Go's own
	Curves   []tls.CurveID // curves, ecdhe; nil: Go's own
	// As the configuration has them, with what cannot be spoken.
	CipherList, SuiteList, CurveList string
}

// Settings are those of a bind with ssl.
type Settings struct {
	Options
	Certificates *Set
	Strict       bool // strict-sni
	NoTickets    bool // no-tls-tickets

	server, plain *tls.Config // plain: without ALPN
}

// served are the protocols that can be spoken. Others may stand in the list and
// are never agreed on.
var served = []string{"http/1.1", "http/1.0"}

// Server is what a handshake is made with. It is the same for every call after
// Build.
func (s *Settings) Server() *tls.Config { return s.server }

// Build makes what Server returns; s is not changed afterwards.
func (s *Settings) Build() {
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
	if s.CAs != nil {
		c.ClientCAs = s.CAs.Pool
	}
	s.plain = c
	s.server = c.Clone()
	for _, name := range s.ALPN {
		if slices.Contains(served, name) {
			s.server.NextProtos = append(s.server.NextProtos, name)
		}
	}
	s.server.GetConfigForClient = s.forClient
}

// forClient leaves ALPN away for a client that knows none of our protocols: it may
// still speak the one that everybody does, as with HAProxy. The certificate is noted
// here because a session of TLS 1.3 that is resumed needs none.
func (s *Settings) forClient(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if c, err := s.Certificates.Pick(hello, s.Strict); err == nil {
		(&Note{Own: c.Leaf}).leave(hello)
	}
	for _, name := range hello.SupportedProtos {
		if slices.Contains(s.server.NextProtos, name) {
			return nil, nil //nolint:nilnil // crypto/tls: go on with the one that asks
		}
	}
	return s.plain, nil
}

func (s *Settings) pick(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c, err := s.Certificates.Pick(hello, s.Strict)
	if err != nil {
		return nil, err
	}
	return &c.Certificate, nil
}
