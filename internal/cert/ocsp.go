package cert

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ocsp"
)

const (
	ocspExt   = ".ocsp"
	issuerExt = ".issuer"
)

// A staple is what an authority says of a certificate lately (RFC 6960), in the
// handshake of TLS (RFC 6066 §8).
type staple struct {
	shown tls.Certificate
	until time.Time // its nextUpdate
	fresh bool      // set at run time
}

// at is what is shown to a client now: with the response of the authority while that
// is good.
func (c *Certificate) at(now time.Time) *tls.Certificate {
	if c.stapled != nil && now.Before(c.stapled.until) {
		return &c.stapled.shown
	}
	return &c.Certificate
}

// loadShown reads a certificate and what lies beside it for clients.
func loadShown(path string, from Files) (*Certificate, error) {
	c, err := loadFile(path, from)
	if err != nil {
		return nil, err
	}
	if err := c.stamps(from); err != nil {
		return nil, err
	}
	name, response, ok, err := from.read(path, ocspExt, OCSPs)
	switch {
	case err != nil:
		return nil, fmt.Errorf("unable to load the OCSP response from file '%s' : %s", name, why(err))
	case !ok:
		return c, nil
	}
	c.files = append(c.files, name)
	issuer, err := c.findIssuer(from)
	if err != nil {
		return nil, err
	}
	c.stapleFirst(response, issuer)
	return c, nil
}

// stapleFirst staples the response of a file, or says that it is ignored.
func (c *Certificate) stapleFirst(response []byte, issuer *x509.Certificate) {
	var err error
	c.issuer = issuer
	if c.stapled, err = c.staple(response, time.Now()); err != nil {
		c.Ignored = fmt.Sprintf("Loading: %s. Content will be ignored.", err)
	}
}

// issuerInChain is the certificate of who signed c where its chain has it; nil: it has not.
func (c *Certificate) issuerInChain() *x509.Certificate {
	for _, der := range c.Certificate.Certificate[1:] {
		if ca, err := x509.ParseCertificate(der); err == nil && c.Leaf.CheckSignatureFrom(ca) == nil {
			return ca
		}
	}
	return nil
}

// findIssuer is that, or what the file beside c has.
func (c *Certificate) findIssuer(from Files) (*x509.Certificate, error) {
	if ca := c.issuerInChain(); ca != nil {
		return ca, nil
	}
	path, data, ok, _ := from.read(c.Path, issuerExt, Issuers)
	if !ok {
		return nil, errNoIssuer(c.Path + ocspExt)
	}
	return c.issuerOf(path, func(string) ([]byte, error) { return data, nil })
}

func errNoIssuer(response string) error {
	return fmt.Errorf(" '%s' is present and activates OCSP but it is impossible to compute the OCSP certificate ID (maybe the issuer could not be found)'.", response)
}

var (
	errStatus     = errors.New("OCSP response status not successful")
	errUnreadable = errors.New("Unable to parse OCSP response")
)

// staple makes one of a response about c that its issuer, or whom it let, has signed.
// The errors are HAProxy's where it has them.
func (c *Certificate) staple(response []byte, now time.Time) (*staple, error) {
	r, err := ocsp.ParseResponse(response, c.issuer)
	switch refused := (ocsp.ResponseError{}); {
	case errors.As(err, &refused):
		return nil, errStatus
	case err != nil:
		return nil, errUnreadable
	case r.SerialNumber.Cmp(c.Leaf.SerialNumber) != 0:
		return nil, errors.New("OCSP single response: Certificate ID does not match certificate and issuer")
	case r.Status == ocsp.Unknown:
		return nil, errors.New("OCSP single response: certificate status is unknown")
	case r.NextUpdate.IsZero():
		return nil, errors.New("OCSP single response: missing nextupdate")
	case !now.Before(r.NextUpdate) || now.Before(r.ThisUpdate):
		return nil, errors.New("OCSP single response: no longer valid.")
	}
	made := &staple{shown: c.Certificate, until: r.NextUpdate}
	made.shown.OCSPStaple = response
	return made, nil
}
