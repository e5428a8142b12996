// Package cert holds certificates by the names that they are for, and the
// settings of TLS made of them.
package cert

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// Files is where certificates are read from.
type Files struct {
	ReadFile func(name string) ([]byte, error)
	ReadDir  func(name string) ([]fs.DirEntry, error)
	Stat     func(name string) (fs.FileInfo, error)
	Beside   Beside
}

// A Certificate is a chain with its private key, as it is shown to clients.
type Certificate struct {
	tls.Certificate
	Path  string   // the file that it was read from, or its name in a crt-store
	files []string // it and those of its key, its response and its timestamps
	Names []string // lower case, from the alternative names and the common name; "*." before a wildcard's

	// Ignored says what of the files beside it is of no use, as HAProxy warns; "": nothing.
	Ignored string

	of      *material         // keeps it in the memo
	issuer  *x509.Certificate // nil: it takes no responses of OCSP
	stapled *staple           // nil: there is no response
}

// Next is the certificate that stands behind the first in the chain, its issuer's where
// the chain is right; ok is false where there is none that can be read.
func (c *Certificate) Next() (next *x509.Certificate, ok bool) {
	if len(c.Certificate.Certificate) < 2 {
		return nil, false
	}
	next, err := x509.ParseCertificate(c.Certificate.Certificate[1])
	return next, err == nil
}

// keyExt ends the name of the file of a key that lies beside its certificate.
const keyExt = ".key"

// beside are the ends of names of files that lie beside a certificate's, and are
// no certificates themselves (HAProxy, ssl-load-extra-files).
var beside = []string{keyExt, ocspExt, issuerExt, sctlExt}

// bundle are the ends of names under which one certificate lies in several kinds.
var bundle = []string{".rsa", ".dsa", ".ecdsa"}

// Load reads the certificates that `crt PATH` names: those of a file, of all files
// of a directory in the order of their names, or of the files PATH.rsa and
// PATH.ecdsa. The errors are HAProxy's in verdict and name the file.
func Load(path string, from Files) ([]*Certificate, error) {
	info, err := from.Stat(path)
	if err != nil {
		if from.Beside.looksFor(Bundles) {
			if list, found, bundleErr := loadBundle(path, from); found {
				return list, bundleErr
			}
		}
		return nil, fmt.Errorf("unable to stat SSL certificate from file '%s' : %s.", path, why(err))
	}
	if !info.IsDir() {
		c, err := loadShown(path, from)
		if err != nil {
			return nil, err
		}
		return []*Certificate{c}, nil
	}
	entries, err := from.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("unable to scan directory '%s' : %s", path, why(err))
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	var list []*Certificate
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if strings.HasPrefix(e.Name(), ".") || slices.Contains(beside, filepath.Ext(name)) || !regular(name, from) {
			continue
		}
		c, err := loadShown(name, from)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// LoadClient reads the certificate that is shown to a server: one file, with its
// key in it or beside it.
func LoadClient(path string, from Files) (*Certificate, error) {
	info, err := from.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("unable to stat SSL certificate from file '%s' : %s.", path, why(err))
	case info.IsDir():
		return nil, fmt.Errorf("unable to stat SSL certificate from file '%s' : it is a directory.", path)
	}
	return loadFile(path, from)
}

// regular follows links, as certbot makes them.
func regular(name string, from Files) bool {
	info, err := from.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func loadBundle(path string, from Files) (list []*Certificate, found bool, err error) {
	for _, end := range bundle {
		if !regular(path+end, from) {
			continue
		}
		c, err := loadShown(path+end, from)
		if err != nil {
			return nil, true, err
		}
		list = append(list, c)
	}
	return list, len(list) > 0, nil
}

// loadFile reads one certificate with its chain, and its key from the same file or
// from the one beside it.
func loadFile(path string, from Files) (*Certificate, error) {
	data, err := from.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("unable to load certificate from file '%s' : %s", path, why(err))
	}
	chain, key := parse(data)
	if len(chain) == 0 {
		return nil, fmt.Errorf("%w It has none in PEM that can be read.", errNoCertificate(path))
	}
	keyPath := path
	if key == nil {
		if !from.Beside.looksFor(Keys) {
			return nil, fmt.Errorf("No Private Key found in '%s'.", from.Beside.base(path))
		}
		if keyPath, data, _, err = from.read(path, keyExt, Keys); err != nil {
			return nil, fmt.Errorf("unable to load the private key from file '%s' : %s", keyPath, why(err))
		}
		if _, key = parse(data); key == nil {
			return nil, fmt.Errorf("No Private Key found in '%s'. It may stand there or behind the certificate.", keyPath)
		}
	}
	c, err := pair(path, from.Beside.complete(chain), key)
	if err != nil {
		return nil, err
	}
	if c.files = []string{path}; keyPath != path {
		c.files = append(c.files, keyPath)
	}
	return c, nil
}

func errNoCertificate(path string) error {
	return fmt.Errorf("unable to load certificate from file '%s'.", path)
}

// pair makes a certificate of a chain and its key.
func pair(path string, chain []*pem.Block, key *pem.Block) (*Certificate, error) {
	if locked(key) {
		return nil, fmt.Errorf("unable to load private key for '%s'. It has a passphrase; openssl pkey writes it without.", path)
	}
	m, err := parsed.find(sumOf(chain, key), func() (*material, error) {
		var all bytes.Buffer
		for _, block := range chain {
			_ = pem.Encode(&all, block) // a buffer takes all
		}
		made, err := tls.X509KeyPair(all.Bytes(), pem.EncodeToMemory(key))
		if err != nil {
			return nil, err
		}
		return &material{Certificate: made, names: names(made.Leaf)}, nil
	})
	if err != nil {
		if strings.Contains(err.Error(), "does not match") {
			return nil, fmt.Errorf("inconsistencies between private key and certificate loaded '%s'. The key must be that of the first certificate.", path)
		}
		return nil, fmt.Errorf("unable to load certificate from file '%s' : %w", path, err)
	}
	return &Certificate{Certificate: m.Certificate, Path: path, Names: m.names, of: m}, nil
}

// locked says whether a key has a passphrase (RFC 5958 §3, RFC 1421 §4.6.1.1).
func locked(key *pem.Block) bool {
	return key.Type == "ENCRYPTED PRIVATE KEY" || strings.HasSuffix(key.Headers["Proc-Type"], "ENCRYPTED")
}

// parse takes the certificates and the first private key of a PEM file.
func parse(data []byte) (chain []*pem.Block, key *pem.Block) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return chain, key
		}
		switch {
		case block.Type == "CERTIFICATE":
			chain = append(chain, block)
		case key == nil && strings.HasSuffix(block.Type, "PRIVATE KEY"):
			key = block
		}
	}
}

// names are those that a certificate is for.
func names(leaf *x509.Certificate) []string {
	var list []string
	for _, name := range append(slices.Clone(leaf.DNSNames), leaf.Subject.CommonName) {
		if name = strings.ToLower(name); name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// Authorities are those that others' certificates must come from.
type Authorities struct {
	Path string // the file that they were read from
	List []*x509.Certificate
	Pool *x509.CertPool    // of List
	sum  [sha256.Size]byte // of the file
}

// SystemCAs stands for the file of authorities that the system trusts.
const SystemCAs = "@system-ca"

// LoadCAs reads them from a file.
func LoadCAs(path string, from Files) (*Authorities, error) {
	if path == SystemCAs {
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("Couldn't open the ca-file '%s' (%s).", path, why(err))
		}
		return &Authorities{Pool: pool, sum: sha256.Sum256([]byte(path))}, nil
	}
	data, err := from.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("Couldn't open the ca-file '%s' (%s).", path, why(err))
	}
	a := authorities(path, data)
	if len(a.List) == 0 {
		return nil, fmt.Errorf("Couldn't open the ca-file '%s' (no certificate or crl found).", path)
	}
	return a, nil
}

// authorities takes those that can be read.
func authorities(path string, data []byte) *Authorities {
	a := &Authorities{Path: path, Pool: x509.NewCertPool(), sum: sha256.Sum256(data)}
	chain, _ := parse(data)
	for _, block := range chain {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			a.List = append(a.List, c)
			a.Pool.AddCert(c)
		}
	}
	return a
}

// why is the system's reason without the call and the path, which the message has.
func why(err error) string {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err
	}
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}
