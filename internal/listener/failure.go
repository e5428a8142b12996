package listener

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"bascule/internal/cert"
	"bascule/internal/loop"
	"bascule/internal/rule"
)

// HAProxy's numbers of what a handshake fails for (fc_err).
const (
	failEnd         = 24
	failTimeout     = 26
	failAuthority   = 30
	failCertificate = 31
	failHandshake   = 34
)

// OpenSSL's numbers of what is wrong with a certificate (X509_V_ERR_…).
const (
	badNotYet     = 9
	badExpired    = 10
	badSelfSigned = 18
	badUnknown    = 20
	badPurpose    = 26
	badOther      = 1 // X509_V_ERR_UNSPECIFIED
)

// tlsReasons are OpenSSL's numbers and words for what crypto/tls says.
var tlsReasons = []struct {
	says   string // the beginning
	number int64
	reason string
}{
	{"tls: client offered only unsupported versions", 258, "unsupported protocol"},
	{"tls: no cipher suite supported by both client and server", 193, "no shared cipher"},
	{"tls: no ECDHE curve supported by both client and server", 101, "no suitable key share"},
	{"tls: client didn't provide a certificate", 199, "peer did not return a certificate"},
	{"tls: failed to verify certificate", 134, "certificate verify failed"},
	{"tls: received unexpected handshake message", 244, "unexpected message"},
	{loop.ErrPlainHTTP.Error(), 156, "http request"},
	{loop.ErrNotTLS.Error(), 267, "wrong version number"},
}

// alertReasons are OpenSSL's words for alerts that clients send (RFC 8446 §6.2).
var alertReasons = map[int64]string{
	10: "sslv3 alert unexpected message", 20: "sslv3 alert bad record mac", 40: "sslv3 alert handshake failure", 42: "sslv3 alert bad certificate",
	43: "sslv3 alert unsupported certificate", 44: "sslv3 alert certificate revoked", 45: "sslv3 alert certificate expired", 46: "sslv3 alert certificate unknown",
	47: "sslv3 alert illegal parameter", 48: "tlsv1 alert unknown ca", 49: "tlsv1 alert access denied", 50: "tlsv1 alert decode error", 51: "tlsv1 alert decrypt error",
	70: "tlsv1 alert protocol version", 71: "tlsv1 alert insufficient security", 80: "tlsv1 alert internal error", 90: "tlsv1 alert user cancelled",
}

const (
	tlsLibrary  = 20 << 23 // OpenSSL's number of a reason has that of its library in front
	alertOffset = 1000     // and an alert's is so much above the alert's own
)

// failed is what a handshake failed for, and the TLS that was begun, nil without.
func failed(err error) (*rule.Failure, *tls.Conn) {
	f := &rule.Failure{Code: failHandshake, Text: "SSL handshake failure", Secure: true}
	var ended *loop.HandshakeError
	var secured *tls.Conn
	if errors.As(err, &ended) {
		secured = ended.TLS
	}
	var system syscall.Errno // of the socket
	switch {
	case errors.Is(err, loop.ErrHandshakeLate):
		f.Code, f.Text = failTimeout, "Timeout during SSL handshake"
		return f, secured
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.Code, f.Text = failEnd, "Connection closed during SSL handshake"
		return f, secured
	case errors.As(err, &system):
		f.Why = system.Error()
		return f, secured
	}
	f.Why = strings.Map(printable, err.Error())
	unverified(f, err)
	if number, reason := reasonOf(err); number != 0 {
		f.TLS = tlsLibrary + number
		f.Reason = fmt.Sprintf("error:%08X:SSL routines::%s", f.TLS, reason)
	} else {
		f.Reason = f.Why
	}
	return f, secured
}

// unverified notes what is wrong with a client's certificate.
func unverified(f *rule.Failure, err error) {
	var bad *tls.CertificateVerificationError
	if !errors.As(err, &bad) || len(bad.UnverifiedCertificates) == 0 {
		return
	}
	leaf, depth := bad.UnverifiedCertificates[0], 0
	var invalid x509.CertificateInvalidError
	var distrust *cert.Distrust
	number := int64(badOther)
	switch {
	case errors.As(err, &distrust):
		depth = distrust.Depth
	case errors.As(err, new(x509.UnknownAuthorityError)) && string(leaf.RawIssuer) == string(leaf.RawSubject):
		number = badSelfSigned
	case errors.As(err, new(x509.UnknownAuthorityError)):
		number = badUnknown
	case !errors.As(err, &invalid):
	case invalid.Reason == x509.Expired:
		number = badExpired
		if invalid.Cert.NotBefore.After(time.Now()) {
			number = badNotYet
		}
		if !invalid.Cert.Equal(leaf) {
			depth = 1
		}
	case invalid.Reason == x509.IncompatibleUsage:
		number = badPurpose
	}
	f.Shown, f.Client = leaf, cert.Of(number, depth)
	if distrust != nil {
		f.Client = distrust.Found
	}
	f.Code, f.Text = failCertificate, "SSL client certificate not trusted"
	if depth > 0 {
		f.Code, f.Text = failAuthority, "SSL client CA chain cannot be verified"
	}
}

// reasonOf is OpenSSL's number of a failure without its library, 0 for what it has none for.
func reasonOf(err error) (number int64, reason string) {
	var remote *net.OpError
	if errors.As(err, &remote) && remote.Op == "remote error" {
		for n, reason := range alertReasons {
			if tls.AlertError(n).Error() == remote.Err.Error() {
				return alertOffset + n, reason
			}
		}
	}
	for _, r := range tlsReasons {
		if strings.HasPrefix(err.Error(), r.says) {
			return r.number, r.reason
		}
	}
	return 0, ""
}

// printable keeps what a client's certificate may hold from ending the line.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '?'
	}
	return r
}
