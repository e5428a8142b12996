package cert

import (
	"crypto/tls"
	"slices"
	"sync/atomic"
	"time"
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
	CAs      *Authorities // ca-file; nil: none
	CRLs     *Revocations // crl-file; nil: none

	VerifyCAs            *Authorities // ca-verify-file; nil: none
	NoNames              bool         // no-ca-names
	IgnoreCA, IgnoreCert Errors       // ca-ignore-err, crt-ignore-err

	Ciphers []uint16      // ciphers; nil: Mozilla's "intermediate"
	Curves  []tls.CurveID // curves, ecdhe; nil: Go's own
	// As the configuration has them, with what cannot be spoken.
	CipherList, SuiteList, CurveList string
}

// Settings are those of a bind with ssl, as its line gives them.
type Settings struct {
	Options
	Certificates *Set
	Strict       bool           // strict-sni
	NoTickets    bool           // no-tls-tickets
	TicketKeys   *TicketKeys    // tls-ticket-keys; nil: those of the process
	Lists        map[string]int // crt-list, and how many lines each has
	ReadLine     LineReader     // of what is added to them
	Line         string         // file:line of the bind, for messages

	now *atomic.Pointer[inForce]
}

// inForce is what handshakes are made with: what Settings say, and a Store has
// replaced since. It is not changed; another one takes its place.
type inForce struct {
	set  *Set
	bind handshake
	own  map[*Options]handshake // of entries of a crt-list
}

// A handshake is what Options make; plain is without ALPN.
type handshake struct {
	cas           trusted
	judge         *judge // nil: crypto/tls decides about clients' certificates
	server, plain *tls.Config
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
func (s *Settings) Server() *tls.Config { return s.now.Load().bind.server }

// Build makes what Server returns; the fields of s are not changed afterwards.
func (s *Settings) Build() {
	s.now = &atomic.Pointer[inForce]{}
	s.now.Store(s.make(s.Certificates, (*Options).trusts))
}

func (o *Options) trusts() trusted { return trusted{o.CAs, o.VerifyCAs, o.CRLs} }

// make puts a set in force, and what cas has for options.
func (s *Settings) make(set *Set, cas func(*Options) trusted) *inForce {
	f := &inForce{set: set, bind: s.handshake(&s.Options, cas(&s.Options)), own: map[*Options]handshake{}}
	for _, e := range set.all {
		if e.Own != nil {
			f.own[e.Own] = s.handshake(e.Own, cas(e.Own))
		}
	}
	f.bind.server.GetConfigForClient = s.forClient
	return f
}

func (s *Settings) handshake(o *Options, cas trusted) handshake {
	c := &tls.Config{
		MinVersion: max(o.Min, tls.VersionTLS12), MaxVersion: o.Max, //nolint:gosec // 1.2 at least
		CipherSuites: o.Ciphers, CurvePreferences: o.Curves,
		GetCertificate:         s.pick,
		SessionTicketsDisabled: s.NoTickets,
		// Records of a size that grows help a client that reads slowly for the first
		// kilobytes, and cost every large reply dozens of small records.
		DynamicRecordSizingDisabled: true,
		ClientAuth:                  [...]tls.ClientAuthType{tls.NoClientCert, tls.VerifyClientCertIfGiven, tls.RequireAndVerifyClientCert}[o.Verify],
	}
	if cas.named != nil && !o.NoNames {
		c.ClientCAs = cas.named.Pool
	}
	h := handshake{cas: cas}
	switch {
	case cas.named == nil && cas.other == nil:
	case o.judged():
		c.ClientAuth = [...]tls.ClientAuthType{tls.NoClientCert, tls.RequestClientCert, tls.RequireAnyClientCert}[o.Verify]
		h.judge = &judge{options: o, pool: cas.pool(), list: cas.list(), crls: cas.crls}
	case cas.crls != nil && o.Verify != VerifyNone:
		c.VerifyConnection = func(state tls.ConnectionState) error { return cas.crls.verify(&state, cas.named) }
	}
	if c.CipherSuites == nil {
		c.CipherSuites = intermediate
	}
	h.server, h.plain = c.Clone(), c
	for _, name := range o.ALPN {
		if slices.Contains(served, name) {
			h.server.NextProtos = append(h.server.NextProtos, name)
		}
	}
	return h
}

// forClient finds what the certificate for a client's hello is shown with. It leaves
// ALPN away for a client that knows none of our protocols: it may still speak the one
// that everybody does, as with HAProxy. The certificate is noted here because a session
// of TLS 1.3 that is resumed needs none.
func (s *Settings) forClient(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	f := s.now.Load()
	h, note := f.bind, &Note{}
	if e, err := f.set.Pick(hello, s.Strict); err == nil {
		note.Own = e.Leaf
		note.leave(hello)
		if e.Own != nil {
			h = f.own[e.Own]
		}
	}
	c := h.plain
	if slices.ContainsFunc(hello.SupportedProtos, func(name string) bool { return slices.Contains(h.server.NextProtos, name) }) {
		c = h.server
	}
	if h.judge != nil {
		c = c.Clone()
		c.VerifyConnection = func(state tls.ConnectionState) error { return h.judge.verify(&state, note) }
	}
	return c, nil
}

func (s *Settings) pick(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	e, err := s.now.Load().set.Pick(hello, s.Strict)
	if err != nil {
		return nil, err
	}
	return e.at(time.Now()), nil
}

// shows says whether handshakes are made with the certificate of a file.
func (s *Settings) shows(path string) bool {
	return slices.ContainsFunc(s.now.Load().set.all, func(e *Entry) bool { return e.Path == path })
}

// asks says whether clients are asked for a certificate.
func (h handshake) asks() bool { return h.plain.ClientAuth != tls.NoClientCert }

// judges says whether clients' certificates are judged by what has says of. With
// verify none they are not, whatever files are named.
func (s *Settings) judges(has func(trusted) bool) bool {
	f := s.now.Load()
	if f.bind.asks() && has(f.bind.cas) {
		return true
	}
	for _, h := range f.own {
		if h.asks() && has(h.cas) {
			return true
		}
	}
	return false
}

// show makes the next handshakes show c in place of what its file had. Tickets stay
// good: they say nothing of the certificate.
func (s *Settings) show(c *Certificate) {
	f := *s.now.Load()
	f.set = f.set.with(c)
	s.now.Store(&f)
}

// trust makes the next handshakes go by what change makes of what they went by. With
// other authorities tickets are no good any more: whom they name, those may not know.
// With other lists of revoked certificates they are, for those are asked again.
func (s *Settings) trust(change func(trusted) trusted, t *Tickets) {
	f := s.now.Load()
	s.now.Store(s.make(f.set, func(o *Options) trusted {
		h, own := f.own[o]
		if !own {
			h = f.bind
		}
		return change(h.cas)
	}))
	t.Use(s)
}

// from says whether authorities, or nil, were read from a file.
func (a *Authorities) from(path string) bool { return a != nil && a.Path == path }
