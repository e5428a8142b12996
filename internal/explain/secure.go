package explain

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"bascule/internal/cert"
	"bascule/internal/config"
)

// A TLS is the handshake that comes before an https request.
type TLS struct {
	Bind        Place    `json:"bind"`
	Name        string   `json:"name"`                  // that the client asks for, by SNI; "": none, for an address
	Certificate string   `json:"certificate,omitempty"` // its file
	Names       []string `json:"names,omitempty"`
	Until       string   `json:"until,omitempty"`
	Default     bool     `json:"default,omitempty"` // no certificate is for the name
	Version     string   `json:"version,omitempty"`
	Cipher      string   `json:"cipher,omitempty"`
	ALPN        string   `json:"alpn,omitempty"`
	Failed      string   `json:"failed,omitempty"` // why there is no request
}

// httpsPort is where https goes that says no port.
const httpsPort = 443

// A secure is what an https URL in the place of a target asks for.
type secure struct {
	host string
	port int       // 0: none was given
	conn *tls.Conn // behind the handshake
}

// https takes the URL out of the line, and gives the host to the head if that has none.
func (a *Asked) https() error {
	method, target, found := strings.Cut(strings.TrimSpace(a.Line), " ")
	if !found {
		method, target = "GET", method
	}
	target, version, _ := strings.Cut(strings.TrimSpace(target), " ")
	if !strings.HasPrefix(strings.ToLower(target), "https://") {
		return nil
	}
	u, err := url.Parse(target)
	if err != nil || u.Hostname() == "" {
		return fmt.Errorf("'%s' is no URL with a host", target)
	}
	port, _ := strconv.Atoi(u.Port()) // 0: none
	a.secure = &secure{host: u.Hostname(), port: port}
	a.Line = strings.TrimSpace(method + " " + u.RequestURI() + " " + version)
	if !slices.ContainsFunc(a.Fields, func(f string) bool { return strings.HasPrefix(strings.ToLower(f), "host:") }) {
		a.Fields = append(slices.Clip(a.Fields), "Host: "+u.Host)
	}
	return nil
}

// bind is the one of a frontend that the URL leads to; nil: none. Where the file has
// none of the port that https has, any with TLS will do: the port may be published.
func (s *secure) bind(p *config.Proxy) (found *config.Bind) {
	for _, b := range p.Binds {
		switch {
		case b.TLS == nil:
		case b.Addr.Port == s.port, s.port == 0 && b.Addr.Port == httpsPort:
			return b
		case s.port == 0 && found == nil:
			found = b
		}
	}
	return found
}

// shake makes the handshake in memory, by the settings of the bind.
func (s *secure) shake(b *config.Bind) *TLS {
	t := &TLS{Bind: Place{b.Addr.Text, b.Line}, Name: s.host}
	if net.ParseIP(s.host) != nil {
		t.Name = ""
	}
	ours, theirs := net.Pipe()
	ended := make(chan struct{})
	go func() { // ends when ours is closed
		defer close(ended)
		c := tls.Client(theirs, &tls.Config{ServerName: t.Name, InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}) //nolint:gosec // nobody is asked
		_, _ = io.Copy(io.Discard, c)
		theirs.Close()
	}()
	side := &noted{Conn: ours}
	s.conn = tls.Server(side, b.TLS.Server())
	err := s.conn.Handshake()
	ours.Close()
	<-ended
	if err != nil {
		t.Failed = err.Error()
		s.conn = nil
	}
	if n, _ := side.note.(*cert.Note); n != nil && n.Own != nil {
		for _, e := range b.TLS.Certificates.All() {
			if e.Leaf == n.Own {
				t.Certificate, t.Names, t.Until = e.Path, e.Names, e.Leaf.NotAfter.UTC().Format("2006-01-02")
				break
			}
		}
		_, named := b.TLS.Certificates.Pick(&tls.ClientHelloInfo{ServerName: t.Name}, true)
		t.Default = named != nil
	}
	if s.conn != nil {
		state := s.conn.ConnectionState()
		t.Version, t.Cipher, t.ALPN = tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), state.NegotiatedProtocol
	}
	return t
}

// noted is a connection that keeps what the handshake notes for rules.
type noted struct {
	net.Conn
	note any
}

func (n *noted) Leave(note any) { n.note = note }
func (n *noted) Left() any      { return n.note }

// secured is the TLS of the request, nil without.
func (a *Asked) secured() *tls.Conn {
	if a.secure == nil {
		return nil
	}
	return a.secure.conn
}

// lines are what is printed of it.
func (t *TLS) lines() []string {
	list := []string{fmt.Sprintf("TLS on bind %s (%s)", t.Bind.Name, t.Bind.At)}
	if t.Name != "" {
		list[0] += ", SNI " + t.Name
	}
	if t.Certificate != "" {
		why := ""
		if t.Default {
			why = ", the default: none is for that name"
		}
		list = append(list, fmt.Sprintf("  certificate %s (%s, until %s)%s", t.Certificate, strings.Join(t.Names, " "), t.Until, why))
	}
	if t.Failed != "" {
		return append(list, "  the handshake fails: "+t.Failed)
	}
	alpn := t.ALPN
	if alpn == "" {
		alpn = "none"
	}
	return append(list, fmt.Sprintf("  %s, %s, alpn %s", t.Version, t.Cipher, alpn))
}
