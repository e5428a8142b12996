package loop

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// A HandshakeEnd is what became of a handshake, or of what class its failure is: few
// enough to be counted each.
type HandshakeEnd int

// The ends of handshakes.
const (
	HandshakeGivenUp     HandshakeEnd = iota // its connection was closed on this side, for other reasons
	HandshakeFull                            // done, with a new key
	HandshakeResumed                         // done, of a session that was there
	HandshakeClosed                          // the peer left
	HandshakeLate                            // its time was over
	HandshakeCrowded                         // gave its place to another source's
	HandshakeNotTLS                          // the peer spoke something else
	HandshakeUnshared                        // no version, cipher, curve or protocol in common
	HandshakeCertificate                     // one of the two does not trust the other's, or was shown none
	HandshakeOther
	HandshakeEnds // how many there are
)

// String is the end in a word, as metrics have it.
func (e HandshakeEnd) String() string {
	return [HandshakeEnds]string{"given-up", "full", "resumed", "closed", "timeout", "crowded", "not-tls", "unshared", "certificate", "other"}[e]
}

// HandshakeFacts are the handshakes of one side, with clients or with servers.
type HandshakeFacts struct {
	Ended   [HandshakeEnds]int64 // in total
	Waiting int64                // now, of which nothing was computed yet; none with servers
	Begun   int64                // now, that compute or wait for the peer
}

// Facts are what was counted so far.
func (hs *Handshakes) Facts() (f HandshakeFacts) {
	for i := range f.Ended {
		f.Ended[i] = hs.ended[i].Load()
	}
	hs.turns.mu.Lock()
	defer hs.turns.mu.Unlock()
	f.Waiting, f.Begun = int64(hs.turns.crowds[waiting].n), hs.open.Load()
	return f
}

// saidByTLS are the classes of what crypto/tls has words for alone, and of the
// alerts that peers send (RFC 8446, section 6.2), by the beginnings of the texts.
var saidByTLS = []struct {
	says string
	end  HandshakeEnd
}{
	{"tls: client offered only unsupported versions", HandshakeUnshared},
	{"tls: server selected unsupported protocol version", HandshakeUnshared},
	{"tls: no cipher suite supported by both client and server", HandshakeUnshared},
	{"tls: no ECDHE curve supported by both client and server", HandshakeUnshared},
	{"tls: peer doesn't support any of the certificate's signature algorithms", HandshakeUnshared},
	{"tls: client requested unsupported application protocols", HandshakeUnshared},
	{"tls: client didn't provide a certificate", HandshakeCertificate},
	{"remote error: tls: handshake failure", HandshakeUnshared},
	{"remote error: tls: protocol version not supported", HandshakeUnshared},
	{"remote error: tls: insufficient security level", HandshakeUnshared},
	{"remote error: tls: no application protocol", HandshakeUnshared},
	{"remote error: tls: bad certificate", HandshakeCertificate},
	{"remote error: tls: unsupported certificate", HandshakeCertificate},
	{"remote error: tls: revoked certificate", HandshakeCertificate},
	{"remote error: tls: expired certificate", HandshakeCertificate},
	{"remote error: tls: unknown certificate", HandshakeCertificate}, // and unknown certificate authority
	{"remote error: tls: certificate required", HandshakeCertificate},
}

// endOf is the class of what a handshake failed for.
func endOf(err error) HandshakeEnd {
	switch {
	case errors.Is(err, ErrHandshakeLate):
		return HandshakeLate
	case errors.Is(err, ErrHandshakeCrowded):
		return HandshakeCrowded
	case errors.Is(err, ErrNotTLS), errors.Is(err, ErrPlainHTTP), errors.As(err, new(tls.RecordHeaderError)):
		return HandshakeNotTLS
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, new(syscall.Errno)):
		return HandshakeClosed
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return HandshakeCertificate
	}
	says := err.Error()
	for _, s := range saidByTLS {
		if strings.HasPrefix(says, s.says) {
			return s.end
		}
	}
	return HandshakeOther
}
