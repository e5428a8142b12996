package rule

import (
	"crypto/tls"
	"strings"
)

// A side is the TLS of one of the two connections; nil: it has none.
type side func(x *Ctx) *tls.Conn

func ofClientSide(x *Ctx) *tls.Conn { return x.TLS }
func ofServerSide(x *Ctx) *tls.Conn { return x.ServerTLS }

// stateFetch makes a fetch of what was agreed on with a peer; without TLS there
// is no sample.
func stateFetch(with side, of func(c *tls.ConnectionState, x *Ctx, s *Sample) bool) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		t := with(x)
		if t == nil {
			return false
		}
		c := t.ConnectionState()
		return of(&c, x, s)
	}
}

// isFetch makes a fetch that is false without TLS.
func isFetch(with side, is func(c *tls.ConnectionState) bool) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		t := with(x)
		if t == nil {
			return s.setBool(false)
		}
		c := t.ConnectionState()
		return s.setBool(is(&c))
	}
}

// nameFetch makes a fetch of a name of OpenSSL's.
func nameFetch(with side, name func(*tls.Conn) string) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		t := with(x)
		return t != nil && s.setText(x, name(t))
	}
}

func fetchServerTLS(x *Ctx, _ []arg, s *Sample) bool { return s.setBool(x.ServerTLS != nil) }

func fetchTLS(x *Ctx, _ []arg, s *Sample) bool { return s.setBool(x.encrypted()) }

func fetchHasEarly(x *Ctx, _ []arg, s *Sample) bool { return x.TLS != nil && s.setBool(false) }

// fetchNever is of what no connection has.
func fetchNever(*Ctx, []arg, *Sample) bool { return false }

func hasSNI(c *tls.ConnectionState) bool    { return c.ServerName != "" }
func isResumed(c *tls.ConnectionState) bool { return c.DidResume }

func tlsSNI(c *tls.ConnectionState, x *Ctx, s *Sample) bool {
	return c.ServerName != "" && s.setText(x, c.ServerName)
}

func tlsALPN(c *tls.ConnectionState, x *Ctx, s *Sample) bool {
	return c.NegotiatedProtocol != "" && s.setText(x, c.NegotiatedProtocol)
}

func tlsKeysize(c *tls.ConnectionState, _ *Ctx, s *Sample) bool {
	return s.setInt(keySize(cipherNames[c.CipherSuite]))
}

// tlsUnique is tls-unique (RFC 5929 §3), which TLS 1.3 has not.
func tlsUnique(c *tls.ConnectionState, _ *Ctx, s *Sample) bool {
	return len(c.TLSUnique) > 0 && s.setBin(c.TLSUnique)
}

// Protocol is OpenSSL's name of the version of TLS that was agreed on (%sslv), ""
// without TLS.
func Protocol(c *tls.Conn) string {
	if c == nil {
		return ""
	}
	switch c.ConnectionState().Version {
	case tls.VersionTLS13:
		return "TLSv1.3"
	case tls.VersionTLS12:
		return "TLSv1.2"
	}
	return "" // older ones are never spoken
}

// Cipher is OpenSSL's name of the cipher suite that was agreed on (%sslc), "" without TLS.
func Cipher(c *tls.Conn) string {
	if c == nil {
		return ""
	}
	return cipherNames[c.ConnectionState().CipherSuite]
}

var cipherNames = nameCiphers()

// nameCiphers makes OpenSSL's names of cipher suites of the registered ones, which
// those of TLS 1.3 keep.
func nameCiphers() map[uint16]string {
	short := strings.NewReplacer("AES_", "AES", "3DES_EDE_CBC", "DES-CBC3", "RC4_128", "RC4", "_CBC", "", "POLY1305_SHA256", "POLY1305", "_", "-")
	names := make(map[uint16]string)
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, suite := range list {
			key, cipher, two := strings.Cut(strings.TrimPrefix(suite.Name, "TLS_"), "_WITH_")
			switch {
			case !two:
				names[suite.ID] = suite.Name
			case key == "RSA":
				names[suite.ID] = short.Replace(cipher)
			default:
				names[suite.ID] = short.Replace(key) + "-" + short.Replace(cipher)
			}
		}
	}
	return names
}

// keySize is how many bits a cipher's key has.
func keySize(name string) int64 {
	switch {
	case strings.Contains(name, "AES_256"), strings.Contains(name, "AES256"), strings.Contains(name, "CHACHA20"):
		return 256
	case strings.Contains(name, "DES-CBC3"):
		return 168
	}
	return 128
}
