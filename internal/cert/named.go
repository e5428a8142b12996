package cert

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
)

// Named is what a line of a crt-store says of a certificate (HAProxy 3.x): its files,
// each "" where it is not given. Nothing is looked for beside them.
type Named struct {
	Crt, Key, OCSP, Issuer, SCTL string
}

// IsNamed says whether a name is that of a certificate in a crt-store, and no file's.
func IsNamed(path string) bool { return strings.HasPrefix(path, "@") }

// Load reads the certificate that binds and the runtime socket know by name. The errors
// are HAProxy's where it has them.
func (n Named) Load(name string, from Files) (*Certificate, error) {
	chain, key, err := n.read(n.Crt, from)
	if err != nil {
		return nil, err
	}
	if len(chain) == 0 {
		return nil, errNoCertificate(n.Crt)
	}
	keyPath := n.Crt
	if n.Key != "" {
		keyPath = n.Key
		if _, key, err = n.read(n.Key, from); err != nil {
			return nil, err
		}
	}
	if key == nil {
		return nil, fmt.Errorf("No Private Key found in '%s'.", keyPath)
	}
	c, err := pair(name, from.Beside.complete(chain), key)
	if err != nil {
		return nil, err
	}
	for _, file := range []string{n.Crt, n.Key, n.OCSP, n.SCTL} {
		if file != "" {
			c.files = append(c.files, file)
		}
	}
	if n.SCTL != "" {
		data, err := from.ReadFile(n.SCTL)
		if err == nil {
			c.SignedCertificateTimestamps, err = parseSCTL(data)
		}
		if err != nil {
			return nil, errUnparsed(n.SCTL)
		}
	}
	if n.OCSP == "" {
		return c, nil
	}
	response, err := from.ReadFile(n.OCSP)
	if err != nil {
		return nil, errUnparsed(n.OCSP)
	}
	issuer := c.issuerInChain()
	if issuer == nil && n.Issuer != "" {
		if issuer, err = c.issuerOf(n.Issuer, from.ReadFile); err != nil {
			return nil, err
		}
	}
	if issuer == nil {
		return nil, errNoIssuer(n.OCSP)
	}
	c.stapleFirst(response, issuer)
	return c, nil
}

func (n Named) read(path string, from Files) (chain []*pem.Block, key *pem.Block, err error) {
	data, err := from.ReadFile(path)
	if err != nil {
		return nil, nil, errUnparsed(path)
	}
	chain, key = parse(data)
	return chain, key, nil
}

func errUnparsed(path string) error { return fmt.Errorf("'%s' cannot be read or parsed.", path) }

// issuerOf is the certificate of a file, if it is that of who signed c.
func (c *Certificate) issuerOf(path string, read func(string) ([]byte, error)) (*x509.Certificate, error) {
	data, err := read(path)
	if err != nil {
		return nil, errUnparsed(path)
	}
	chain, _ := parse(data)
	if len(chain) == 0 {
		return nil, fmt.Errorf("'%s' cannot be read or parsed'.", path)
	}
	ca, err := x509.ParseCertificate(chain[0].Bytes)
	if err != nil {
		return nil, fmt.Errorf("'%s' cannot be read or parsed'.", path)
	}
	if c.Leaf.CheckSignatureFrom(ca) != nil {
		return nil, fmt.Errorf(" '%s' is not an issuer'.", path)
	}
	return ca, nil
}
