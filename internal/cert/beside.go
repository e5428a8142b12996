package cert

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Kinds are kinds of files that are looked for beside a certificate's
// (HAProxy: ssl-load-extra-files).
type Kinds uint8

// A kind each.
const (
	Bundles Kinds = 1 << iota // FILE.rsa and FILE.ecdsa, where there is no FILE
	SCTLs                     // FILE.sctl
	OCSPs                     // FILE.ocsp
	Issuers                   // FILE.issuer
	Keys                      // FILE.key

	AllKinds = Bundles | SCTLs | OCSPs | Issuers | Keys
)

// Beside is what is looked for beside a certificate's file. The zero value looks for all.
type Beside struct {
	Without Kinds
	Replace bool     // ssl-load-extra-del-ext: FILE.key is the key of FILE.crt
	Chains  []*Chain // issuers-chain-path
}

// looksFor says whether files of a kind are.
func (b *Beside) looksFor(k Kinds) bool { return b.Without&k == 0 }

// name is that of the file with an end beside a certificate's.
func (b *Beside) name(path, end string) string { return b.base(path) + end }

func (b *Beside) base(path string) string {
	if b.Replace {
		return strings.TrimSuffix(path, ".crt")
	}
	return path
}

// read is the content of the file with an end beside a certificate's; ok is false where
// there is none.
func (f *Files) read(path, end string, kind Kinds) (name string, data []byte, ok bool, err error) {
	name = f.Beside.name(path, end)
	if !f.Beside.looksFor(kind) {
		return name, nil, false, nil
	}
	data, err = f.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return name, nil, false, nil
	}
	return name, data, err == nil, err
}

const sctlExt = ".sctl"

// stamps reads what logs of certificates have signed of c (RFC 6962 §3.3), which is
// shown to clients as it stands.
func (c *Certificate) stamps(from Files) error {
	name, data, ok, err := from.read(c.Path, sctlExt, SCTLs)
	if ok {
		c.files = append(c.files, name)
		c.SignedCertificateTimestamps, err = parseSCTL(data)
	}
	if err != nil {
		return fmt.Errorf(" '%s' is present but cannot be read or parsed'.", name)
	}
	return nil
}

var errSCTL = errors.New("no list of timestamps")

// parseSCTL reads a list of timestamps, each behind its length.
func parseSCTL(data []byte) (list [][]byte, err error) {
	rest, data := cutSized(data)
	if rest == nil || len(data) > 0 {
		return nil, errSCTL
	}
	for len(rest) > 0 {
		stamp, more := cutSized(rest)
		if stamp == nil {
			return nil, errSCTL
		}
		if len(stamp) > 0 { // crypto/tls and clients take no empty one
			list = append(list, stamp)
		}
		rest = more
	}
	return list, nil
}

// cutSized takes what stands behind its length in two bytes; nil where that is not whole.
func cutSized(data []byte) (b, rest []byte) {
	if len(data) < 2 {
		return nil, nil
	}
	n := 2 + int(data[0])<<8 + int(data[1])
	if n > len(data) {
		return nil, nil
	}
	return data[2:n:n], data[n:]
}
