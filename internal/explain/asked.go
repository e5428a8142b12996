// Package explain tells what would happen to one request: it builds the
// configuration's frontends and backends without starting them, lets the real
// rules, balancing and persistence decide, and writes down what they did.
package explain

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"bascule/internal/config"
	"bascule/internal/wire"
)

// An Asked is the request to explain.
type Asked struct {
	Line     string   // "GET /path", or a target alone; https://HOST/path comes by TLS
	Fields   []string // "Name: value"
	Body     string
	Minor    int        // of HTTP/1.x
	Src      netip.Addr // the client; zero: 127.0.0.1
	Frontend string     // "": the only one
	Down     []string   // servers that are down, by name or BACKEND/NAME

	secure *secure // of an https URL; nil: without TLS
}

// clientPort is the client's port in what the rules see; nothing depends on it.
const clientPort = 40000

// head is the request as a client would send it, and as wire reads it.
func (a *Asked) head() (text []byte, req *wire.Request, err error) {
	method, target, found := strings.Cut(strings.TrimSpace(a.Line), " ")
	if !found {
		method, target = "GET", method
	}
	target = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(target), fmt.Sprintf(" HTTP/1.%d", a.Minor)))
	if target == "" {
		return nil, nil, errors.New("explain expects a request such as 'GET /path'")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.%d\r\n", method, target, a.Minor)
	host, length := a.Minor == 0, a.Body == ""
	for _, field := range a.Fields {
		name, value, ok := strings.Cut(field, ":")
		if !ok {
			return nil, nil, fmt.Errorf("a header is 'Name: value', got '%s'", field)
		}
		host = host || strings.EqualFold(name, "Host")
		length = length || strings.EqualFold(name, "Content-Length")
		fmt.Fprintf(&b, "%s: %s\r\n", name, strings.TrimSpace(value))
	}
	if !host {
		b.WriteString("Host: localhost\r\n")
	}
	if !length {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(a.Body))
	}
	b.WriteString("\r\n")
	req = &wire.Request{}
	if req.Parse([]byte(b.String()), nil) != wire.Done {
		return nil, nil, fmt.Errorf("the request is answered with 400: %s", req.Fault().Why)
	}
	return []byte(b.String()), req, nil
}

// frontend finds the frontend that gets the request.
func (a *Asked) frontend(cfg *config.Config) (*config.Proxy, error) {
	var all []*config.Proxy
	var names []string
	for _, p := range cfg.Proxies {
		if p.Frontend && !p.Disabled && (a.secure == nil || a.Frontend != "" || a.secure.bind(p) != nil) {
			all, names = append(all, p), append(names, p.Name)
			if p.Name == a.Frontend {
				return p, nil
			}
		}
	}
	switch {
	case len(all) == 0 && a.secure != nil:
		return nil, errors.New("no frontend has a bind with ssl that the URL leads to")
	case len(all) == 0:
		return nil, errors.New("the configuration has no frontend")
	case a.Frontend != "":
		return nil, fmt.Errorf("there is no frontend '%s'; there are: %s", a.Frontend, strings.Join(names, ", "))
	case len(all) > 1:
		return nil, fmt.Errorf("there are several frontends, choose one by --frontend: %s", strings.Join(names, ", "))
	}
	return all[0], nil
}
