package drill

import (
	"crypto/tls"
	"net"
	"testing"
)

// TestTheFloodsOwnTLS: what the flood says is a whole ClientHello, and the certificate is
// one that its clients trust.
func TestTheFloodsOwnTLS(t *testing.T) {
	text, trust, err := makeCertificate("drill.test")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		t.Fatal(err)
	}
	client, server := net.Pipe()
	defer client.Close()
	go func() { // ends with the handshake, or with its pipe
		defer server.Close()
		_ = tls.Server(server, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake()
	}()
	if err := tls.Client(client, trust).Handshake(); err != nil {
		t.Error(err)
	}
	hello, err := clientHello(trust)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(hello) - 5; n < 100 || hello[0] != 22 || int(hello[3])<<8|int(hello[4]) != n {
		t.Errorf("a hello of %d bytes begins with %x", len(hello), hello[:5])
	}
}
