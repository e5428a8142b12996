package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/big"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The kinds of key that a row's certificate may have.
const (
	ecdsaKey = "ecdsa" // P-256
	rsaKey   = "rsa"   // 2048 bits
)

// certificates holds one of each kind, with its key behind it in PEM; all proxies of a
// row have the same.
var certificates = map[string]func() ([]byte, error){
	ecdsaKey: sync.OnceValues(func() ([]byte, error) { return certificate(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }),
	rsaKey:   sync.OnceValues(func() ([]byte, error) { return certificate(rsa.GenerateKey(rand.Reader, 2048)) }),
}

func certificate[K interface {
	*ecdsa.PrivateKey | *rsa.PrivateKey
}](key K, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench.test"}, DNSNames: []string{"bench.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	var public any
	switch k := any(key).(type) {
	case *ecdsa.PrivateKey:
		public = &k.PublicKey
	case *rsa.PrivateKey:
		public = &k.PublicKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a Buffer takes all
	_ = pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: private})
	return out.Bytes(), nil
}

// clientTLS is what the load's clients offer: one version, one exchange, so that every
// proxy does the same work. With resumed each connection resumes the session of one
// before it.
func clientTLS(resumed bool) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519}, ServerName: "bench.test",
		InsecureSkipVerify: true, // the certificate is its own authority
		// Whole records from the first on, as OpenSSL's clients send them.
		DynamicRecordSizingDisabled: true,
	}
	if resumed {
		c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	return c
}

// secure is TLS over a descriptor of the loop. It is the net.Conn that crypto/tls sees:
// a handshake that finds nothing to read is suspended, a read after it ends with errBlocked.
type secure struct {
	net.Conn // nil: what crypto/tls does not call here
	tls      *tls.Conn
	fd       int
	out      []byte                  // what the socket did not take
	yield    func(struct{}) bool     // of the handshake, while it runs
	next     func() (struct{}, bool) // goes on with it
	stop     func()
	err      error // of the handshake
}

// blocked calls itself temporary, which crypto/tls does not keep.
type blocked struct{}

func (blocked) Error() string   { return "nothing to read for now" }
func (blocked) Timeout() bool   { return false }
func (blocked) Temporary() bool { return true }

var errBlocked net.Error = blocked{}

// newSecure makes the client's side; go on with shake.
func newSecure(fd int, config *tls.Config) *secure {
	s := &secure{fd: fd}
	s.tls = tls.Client(s, config)
	// A coroutine, so that it runs on the loop's thread, which alone has the descriptor.
	s.next, s.stop = iter.Pull(func(yield func(struct{}) bool) {
		s.yield = yield
		s.err = s.tls.Handshake()
		s.yield = nil
	})
	return s
}

// shake goes on with the handshake and says whether it is over; err is why it failed.
func (s *secure) shake() (over bool, err error) {
	if _, waits := s.next(); waits {
		return false, nil
	}
	return true, s.err
}

func (s *secure) Read(p []byte) (int, error) {
	for {
		n, errno := recv(s.fd, p)
		switch {
		case errno == unix.EAGAIN && s.yield == nil:
			return 0, errBlocked
		case errno == unix.EAGAIN:
			if !s.yield(struct{}{}) {
				return 0, net.ErrClosed
			}
		case errno != 0:
			return 0, errno
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Write keeps what the socket does not take until flush.
func (s *secure) Write(p []byte) (int, error) {
	s.out = append(s.out, p...)
	return len(p), s.flush()
}

func (s *secure) flush() error {
	for len(s.out) > 0 {
		n, errno := send(s.fd, s.out)
		if errno == unix.EAGAIN {
			return nil
		}
		if errno != 0 {
			return errno
		}
		s.out = s.out[:copy(s.out, s.out[n:])]
	}
	return nil
}

// SetWriteDeadline is called by crypto/tls for a close_notify, which is not sent here.
func (s *secure) SetWriteDeadline(time.Time) error { return nil }

// shake goes on with a client's handshake, and asks at its end.
func (c *client) shake(l *loop) {
	over, err := c.secure.shake()
	switch {
	case err != nil:
		c.fail(l, fmt.Sprintf("TLS handshake: %v", err))
	case over && c.load.row.resumed && c.answered && !c.secure.tls.ConnectionState().DidResume:
		c.fail(l, "a session was not resumed")
	case over:
		c.secured = true
		c.send(l, c.load.ask())
	}
}

// readySecure is ready of a client with TLS.
func (c *client) readySecure(l *loop, events uint32) {
	if events&unix.EPOLLOUT != 0 {
		c.flush(l)
	}
	switch {
	case events&^unix.EPOLLOUT == 0 || c.fd < 0:
	case c.secured:
		c.readSecure(l)
	default:
		c.shake(l)
	}
}

// readSecure takes all that can be decrypted: no event tells of what crypto/tls holds.
func (c *client) readSecure(l *loop) {
	for s := c.secure; c.fd >= 0; {
		n, err := s.tls.Read(l.scratch)
		switch {
		case errors.Is(err, errBlocked):
			return
		case err != nil && c.last && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
			c.again(l)
			return
		case err != nil:
			c.fail(l, fmt.Sprintf("connection closed by the proxy (%v)", err))
			return
		}
		c.read(l, l.scratch[:n])
	}
}

// uploadPart is how much of a body is encrypted at once.
const uploadPart = 16 << 10

var zeros [uploadPart]byte

// sendSecure encrypts p and what follows of a body, as far as the socket takes it.
func (c *client) sendSecure(l *loop, p []byte) {
	_, err := c.secure.tls.Write(p)
	for err == nil && len(c.secure.out) == 0 && c.upload > 0 {
		n := min(c.upload, uploadPart)
		c.upload -= n
		_, err = c.secure.tls.Write(zeros[:n])
	}
	if err != nil {
		c.fail(l, fmt.Sprintf("request not sent (%v)", err))
	} else if len(c.secure.out) > 0 {
		l.change(c.fd, unix.EPOLLIN|unix.EPOLLOUT)
	}
}

// flush sends what the socket takes now.
func (c *client) flush(l *loop) {
	err := c.secure.flush()
	if err != nil {
		c.fail(l, fmt.Sprintf("request not sent (%v)", err))
		return
	}
	if len(c.secure.out) == 0 {
		l.change(c.fd, unix.EPOLLIN)
		c.sendSecure(l, nil)
	}
}
