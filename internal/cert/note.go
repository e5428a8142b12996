package cert

import (
	"crypto/tls"
	"crypto/x509"
)

// A Note is what a handshake leaves for rules and logs and crypto/tls does not keep.
type Note struct {
	Own    *x509.Certificate // the one that the client was shown
	Client Verdict           // what is wrong with the client's and was ignored
	Root   *x509.Certificate // the authority that the client's comes from, where crypto/tls was not asked; nil: none
}

// A keeper is a connection below TLS that keeps a Note for whoever asks later.
type keeper interface {
	Leave(note any)
	Left() any
}

// NoteOf is what the handshake of c left; nil: nothing.
func NoteOf(c *tls.Conn) *Note {
	if k, ok := c.NetConn().(keeper); ok {
		n, _ := k.Left().(*Note)
		return n
	}
	return nil
}

// leave keeps the note at the connection of a hello.
func (n *Note) leave(hello *tls.ClientHelloInfo) {
	if k, ok := hello.Conn.(keeper); ok {
		k.Leave(n)
	}
}
