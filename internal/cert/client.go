package cert

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// A Client is the settings of the connections to a server with ssl, where bascule
// is the client of TLS. It is not changed after Build, and keeps the sessions that
// the server has given.
type Client struct {
	Verify      bool          // verify required
	CAs         *Authorities  // ca-file; nil: none
	CRLs        *Revocations  // crl-file; nil: none
	Host        string        // verifyhost; "": any name will do where none is asked for by SNI
	Certificate *Certificate  // crt; nil: none
	ALPN        []string      // those that can be spoken, in the order of preference
	Ciphers     []uint16      // ciphers, of TLS 1.2; nil: Go's own
	Curves      []tls.CurveID // curves; nil: Go's own
	Min, Max    uint16        // ssl-min-ver, ssl-max-ver; 0: bascule's, 1.2 to 1.3
	Fresh       bool          // no-ssl-reuse, no-tls-tickets: no session is resumed

	made *tls.Config
	sum  [sha256.Size]byte // of all of the above
}

// mostSessions is how many names a server's sessions are kept for, one each: a
// server is asked for few names, and one that has gone costs a whole handshake.
const mostSessions = 64

// Build makes what For returns; c is not changed afterwards.
func (c *Client) Build() {
	t := &tls.Config{
		MinVersion: max(c.Min, tls.VersionTLS12), MaxVersion: c.Max,
		NextProtos: c.ALPN, CipherSuites: c.Ciphers, CurvePreferences: c.Curves,
		InsecureSkipVerify:     true, // check does it, by HAProxy's rules of names
		SessionTicketsDisabled: c.Fresh,
		// See Settings.Build.
		DynamicRecordSizingDisabled: true,
	}
	if c.Certificate != nil {
		t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &c.Certificate.Certificate, nil // whatever authorities the server names, as HAProxy does
		}
	}
	if !c.Fresh {
		t.ClientSessionCache = tls.NewLRUClientSessionCache(mostSessions)
	}
	c.made = t
	h := sha256.New()
	fmt.Fprintf(h, "%v %q %q %d %d %d %d %v ", c.Verify, c.Host, c.ALPN, c.Ciphers, c.Curves, c.Min, c.Max, c.Fresh)
	if c.CAs != nil {
		h.Write(c.CAs.sum[:])
	}
	if c.CRLs != nil {
		h.Write(c.CRLs.sum[:])
	}
	if c.Certificate != nil {
		for _, der := range c.Certificate.Certificate.Certificate {
			h.Write(der)
		}
	}
	h.Sum(c.sum[:0])
}

// For is what a handshake is made with that asks for name by SNI, or for none.
func (c *Client) For(name string) *tls.Config {
	if name == "" && !c.Verify {
		return c.made
	}
	t := c.made.Clone()
	t.ServerName = name
	if c.Verify {
		t.VerifyConnection = func(s tls.ConnectionState) error {
			if err := c.check(&s, name); err != nil {
				return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
			}
			return nil
		}
	}
	return t
}

// Reason is what is wrong with a server's certificate, where a handshake failed for
// that, without crypto/tls's words before it; else it is err.
func Reason(err error) error {
	var wrong *tls.CertificateVerificationError
	if errors.As(err, &wrong) {
		return wrong.Err
	}
	return err
}

// Same says that connections made with o are as good as those made with c; either
// may be nil.
func (c *Client) Same(o *Client) bool {
	if c == nil || o == nil {
		return c == o
	}
	return c.sum == o.sum
}

// Errors of a server's certificate.
var (
	// ErrOtherName says that it is not for the name that was asked for by SNI.
	ErrOtherName = errors.New("the server's certificate is for another name")
	// ErrOtherHost says that it is not for that of verifyhost.
	ErrOtherHost = errors.New("the server's certificate is for another host")
	errNotShown  = errors.New("the server has shown no certificate")
	errExpired   = errors.New("the server's certificate has expired or is not yet valid")
)

// check verifies the certificate of a server that was asked for name.
func (c *Client) check(s *tls.ConnectionState, name string) error {
	if len(s.PeerCertificates) == 0 {
		return errNotShown
	}
	leaf := s.PeerCertificates[0]
	if now := time.Now(); s.DidResume && c.CRLs == nil { // its chain was verified when the session began, by these settings
		if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
			return errExpired
		}
	} else {
		between := x509.NewCertPool()
		for _, k := range s.PeerCertificates[1:] {
			between.AddCert(k)
		}
		chains, err := leaf.Verify(x509.VerifyOptions{Roots: c.CAs.Pool, Intermediates: between, CurrentTime: now})
		if err != nil {
			return err
		}
		if c.CRLs != nil {
			if d := c.CRLs.refuse(chains, c.CAs.List, now); d != nil {
				return d
			}
		}
	}
	return c.named(leaf, name)
}

// named says whether a certificate is for the name that was asked for by SNI, or
// for that of verifyhost; where there is neither it may be for any.
func (c *Client) named(leaf *x509.Certificate, sni string) error {
	switch {
	case sni == "" && c.Host == "", sni != "" && isFor(leaf, sni), c.Host != "" && isFor(leaf, c.Host):
		return nil
	case sni != "":
		return fmt.Errorf("%w than %q", ErrOtherName, sni)
	}
	return fmt.Errorf("%w than %q", ErrOtherHost, c.Host)
}

// isFor compares a name with those of a certificate as HAProxy does: the
// alternative names and the common name, where a star stands for a whole first
// label; and an address with the alternative ones.
func isFor(leaf *x509.Certificate, host string) bool {
	if ip := net.ParseIP(host); ip != nil && slices.ContainsFunc(leaf.IPAddresses, ip.Equal) {
		return true
	}
	_, domain, _ := strings.Cut(host, ".")
	for _, name := range append(slices.Clip(leaf.DNSNames), leaf.Subject.CommonName) {
		if strings.EqualFold(name, host) {
			return true
		}
		if rest, wild := strings.CutPrefix(name, "*."); wild && domain != "" && strings.EqualFold(rest, domain) {
			return true
		}
	}
	return false
}
