package rule

import (
	"crypto/sha1" //nolint:gosec // what ssl_c_sha1 is
	"crypto/x509"
	"fmt"

	"bascule/internal/cert"
)

// A certOf is a certificate of the client's connection; nil: there is none.
type certOf func(x *Ctx) *x509.Certificate

// clientCert is the one that the client has shown.
func clientCert(x *Ctx) *x509.Certificate {
	if x.TLS == nil || x.Failure != nil {
		return x.failure().Shown
	}
	if c := x.TLS.ConnectionState(); len(c.PeerCertificates) > 0 {
		return c.PeerCertificates[0]
	}
	return nil
}

// ownCert is the one that the client was shown.
func ownCert(x *Ctx) *x509.Certificate {
	if x.TLS == nil {
		return nil
	}
	if n := cert.NoteOf(x.TLS); n != nil {
		return n.Own
	}
	return nil
}

// serverCert is the one that the server has shown.
func serverCert(x *Ctx) *x509.Certificate {
	if x.ServerTLS != nil {
		if c := x.ServerTLS.ConnectionState(); len(c.PeerCertificates) > 0 {
			return c.PeerCertificates[0]
		}
	}
	return nil
}

// rootCert is the authority that the client's certificate comes from.
func rootCert(x *Ctx) *x509.Certificate {
	if x.TLS == nil {
		return nil
	}
	if c := x.TLS.ConnectionState(); len(c.VerifiedChains) > 0 {
		return c.VerifiedChains[0][len(c.VerifiedChains[0])-1]
	}
	if n := cert.NoteOf(x.TLS); n != nil {
		return n.Root
	}
	return nil
}

// certFetch makes a fetch of something that a certificate says.
func certFetch(of certOf, get func(c *x509.Certificate, x *Ctx, s *Sample) bool) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		c := of(x)
		return c != nil && get(c, x, s)
	}
}

// fetchCertUsed asks for the certificate of the session, which may be one that was
// resumed, and fetchHasCert for one that was shown on this connection.
func fetchCertUsed(x *Ctx, _ []arg, s *Sample) bool {
	return x.encrypted() && s.setBool(clientCert(x) != nil)
}

func fetchHasCert(x *Ctx, _ []arg, s *Sample) bool {
	if x.TLS == nil || x.Failure != nil {
		return false
	}
	c := x.TLS.ConnectionState()
	return s.setBool(len(c.PeerCertificates) > 0 && !c.DidResume)
}

func certDER(c *x509.Certificate, _ *Ctx, s *Sample) bool { return s.setBin(c.Raw) }

func certSHA1(c *x509.Certificate, x *Ctx, s *Sample) bool {
	sum, at := sha1.Sum(c.Raw), len(x.Scratch) //nolint:gosec // see the import
	x.Scratch = append(x.Scratch, sum[:]...)
	return s.setBin(x.Scratch[at:])
}

func certSerial(c *x509.Certificate, _ *Ctx, s *Sample) bool { return s.setBin(c.SerialNumber.Bytes()) }

func certVersion(c *x509.Certificate, _ *Ctx, s *Sample) bool { return s.setInt(int64(c.Version)) }

// certDate is HAProxy's form of a date; it has none before 2000 or from 2100 on.
const certDate = "060102150405Z"

func certNotBefore(c *x509.Certificate, x *Ctx, s *Sample) bool {
	return s.setText(x, c.NotBefore.UTC().Format(certDate))
}

func certNotAfter(c *x509.Certificate, x *Ctx, s *Sample) bool {
	return s.setText(x, c.NotAfter.UTC().Format(certDate))
}

// signatureNames are OpenSSL's short names.
var signatureNames = map[x509.SignatureAlgorithm]string{
	x509.MD5WithRSA: "RSA-MD5", x509.SHA1WithRSA: "RSA-SHA1", x509.SHA256WithRSA: "RSA-SHA256", x509.SHA384WithRSA: "RSA-SHA384", x509.SHA512WithRSA: "RSA-SHA512",
	x509.SHA256WithRSAPSS: "RSASSA-PSS", x509.SHA384WithRSAPSS: "RSASSA-PSS", x509.SHA512WithRSAPSS: "RSASSA-PSS",
	x509.ECDSAWithSHA1: "ecdsa-with-SHA1", x509.ECDSAWithSHA256: "ecdsa-with-SHA256", x509.ECDSAWithSHA384: "ecdsa-with-SHA384", x509.ECDSAWithSHA512: "ecdsa-with-SHA512",
	x509.DSAWithSHA1: "DSA-SHA1", x509.DSAWithSHA256: "dsa_with_SHA256", x509.PureEd25519: "ED25519",
}

func certSigAlg(c *x509.Certificate, x *Ctx, s *Sample) bool {
	name := signatureNames[c.SignatureAlgorithm]
	return name != "" && s.setText(x, name)
}

var keyNames = map[x509.PublicKeyAlgorithm]string{x509.RSA: "rsaEncryption", x509.ECDSA: "id-ecPublicKey", x509.Ed25519: "ED25519", x509.DSA: "dsaEncryption"}

func certKeyAlg(c *x509.Certificate, x *Ctx, s *Sample) bool {
	name := keyNames[c.PublicKeyAlgorithm]
	return name != "" && s.setText(x, name)
}

// fetchChain is what the client has shown behind its certificate, one behind the
// other; a session that is resumed has only the certificate itself.
func fetchChain(x *Ctx, _ []arg, s *Sample) bool {
	if x.TLS == nil {
		return false
	}
	c, at := x.TLS.ConnectionState(), len(x.Scratch)
	if len(c.PeerCertificates) < 2 || c.DidResume {
		return false
	}
	for _, link := range c.PeerCertificates[1:] {
		x.Scratch = append(x.Scratch, link.Raw...)
	}
	return s.setBin(x.Scratch[at:])
}

// fetchServerChain is what the server has shown, its own certificate first; nothing
// of a session that is resumed.
func fetchServerChain(x *Ctx, _ []arg, s *Sample) bool {
	if x.ServerTLS == nil {
		return false
	}
	c, at := x.ServerTLS.ConnectionState(), len(x.Scratch)
	if c.DidResume {
		return false
	}
	for _, link := range c.PeerCertificates {
		x.Scratch = append(x.Scratch, link.Raw...)
	}
	return len(x.Scratch) > at && s.setBin(x.Scratch[at:])
}

// dnFetch makes a fetch of a name: all of it, or the n-th of its parts of a kind.
func dnFetch(of certOf, name func(*x509.Certificate) []byte) evalFunc {
	return func(x *Ctx, args []arg, s *Sample) bool {
		c := of(x)
		if c == nil {
			return false
		}
		dn := parseDN(name(c))
		at := len(x.Scratch)
		switch {
		case len(args) > 0 && len(args[0].text) > 0:
			n := int64(1)
			if len(args) > 1 {
				n = args[1].num
			}
			part := dn.part(args[0].text, n)
			return part != nil && s.setBytes(part)
		case len(args) > 2 && args[2].text != "":
			x.Scratch = dn.appendRFC2253(x.Scratch)
		default:
			x.Scratch = dn.appendLine(x.Scratch)
		}
		return len(x.Scratch) > at && s.setBytes(x.Scratch[at:])
	}
}

func issuer(c *x509.Certificate) []byte  { return c.RawIssuer }
func subject(c *x509.Certificate) []byte { return c.RawSubject }

// checkDN is what the third argument of a name may be.
func checkDN(args []arg) error {
	if len(args) > 2 && args[2].text != "" && args[2].text != "rfc2253" {
		return fmt.Errorf("only rfc2253 or a blank value are currently supported as the format argument.")
	}
	return nil
}
