package config

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"bascule/internal/lang"
	"bascule/internal/rule"
)

func itoa(n int) string { return strconv.Itoa(n) }

// parseHTTPChk reads `option httpchk [METHOD] [URI] [VERSION [HEADERS]]`.
func parseHTTPChk(x *line) {
	c := &CheckRequest{}
	switch len(x.args) {
	case 0:
	case 1:
		c.URI = x.arg(0)
	default:
		c.Method, c.URI = x.arg(0), x.arg(1)
	}
	version, fields, more := strings.Cut(x.arg(2), "\r\n")
	c.Version = version
	if more {
		x.warn(x.args[2], "'option httpchk' : hiding headers or body at the end of the version string is deprecated. Please, consider to use 'http-check send' directive instead.")
		head, body, _ := strings.Cut(fields, "\r\n\r\n")
		for _, f := range strings.Split(head, "\r\n") {
			name, value, _ := strings.Cut(f, ":")
			if f != "" && !x.checkHeader(c, x.args[2], name, strings.Trim(value, " \t")) {
				return
			}
		}
		c.Body = []byte(body)
	}
	if x.checkHTTPVersion(version) && x.atMost(3) {
		checks := &x.px.checks
		checks.kind, checks.option, checks.late = CheckHTTP, c, len(checks.http.steps) > 0
	}
}

func (x *line) checkHTTPVersion(v string) bool {
	if v == "" || v == "HTTP/1.0" || v == "HTTP/1.1" {
		return true
	}
	x.alert(x.name, "'%s' : version '%s' is known but not supported yet, use HTTP/1.0 or HTTP/1.1.", x.kw.Name, v)
	return false
}

// checkSendOptions are the options of http-check send that take a value.
var checkSendOptions = map[string]bool{"meth": true, "uri": true, "ver": true, "body": true, "hdr": true, "comment": true, "uri-lf": true, "body-lf": true}

// parseCheckSend reads `http-check send …`.
func parseCheckSend(x *line) {
	s := CheckStep{Request: &CheckRequest{}}
	for i := 0; i < len(x.args); i += 2 {
		name, value := x.args[i].Text, x.arg(i+1)
		if checkSendOptions[name] && value == "" && name != "hdr" {
			x.alert(x.args[i], "'http-check send' : '%s' expects a string as argument.", name)
			return
		}
		if name == "hdr" {
			if x.arg(i+1) == "" || x.arg(i+2) == "" {
				x.alert(x.args[i], "'http-check send' : 'hdr' expects <name> and <value> as arguments.")
				return
			}
			if !x.checkHeader(s.Request, x.args[i+2], x.arg(i+1), x.arg(i+2)) {
				return
			}
			i++
			continue
		}
		if !x.checkSendOption(&s, i) {
			return
		}
	}
	if !x.checkHTTPVersion(s.Request.Version) {
		return
	}
	x.addStep(true, s)
}

// checkSendOption reads the option of http-check send at argument i, and its value.
func (x *line) checkSendOption(s *CheckStep, i int) bool {
	c, value := s.Request, x.arg(i+1)
	switch name := x.args[i].Text; name {
	case "meth":
		c.Method = value
	case "uri":
		c.URI, c.URIFormat = value, nil
	case "uri-lf":
		c.URI, c.URIFormat = "", x.checkFormat(x.args[i+1])
		return c.URIFormat != nil
	case "ver":
		c.Version = value
	case "body":
		c.Body, c.BodyFmt = []byte(value), nil
	case "body-lf":
		c.Body, c.BodyFmt = nil, x.checkFormat(x.args[i+1])
		return c.BodyFmt != nil
	case "comment":
		s.Comment = value
	default:
		x.choose(i, "'http-check send' : expects 'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or 'body-lf' but got '"+name+"' as argument.",
			"meth", "uri", "uri-lf", "ver", "hdr", "body", "body-lf", "comment")
		return false
	}
	return true
}

// checkHeader adds a header to a request. The check frames its request itself.
func (x *line) checkHeader(c *CheckRequest, at lang.Word, name, value string) bool {
	if strings.ContainsAny(name, " \t\r\n:") || name == "" || strings.ContainsAny(value, "\r\n") {
		x.alert(at, "'%s' : '%s: %s' is not a valid header.", x.kw.Name, name, value)
		return false
	}
	if strings.EqualFold(name, "content-length") || strings.EqualFold(name, "transfer-encoding") {
		return true
	}
	for _, h := range c.Headers {
		if strings.EqualFold(name, "host") && strings.EqualFold(h.Name, "host") {
			x.alert(at, "'%s' : 'Host' header already defined.", x.kw.Name)
			return false
		}
	}
	f, err := rule.ParseCheckFormat(value)
	if err != nil {
		x.alert(at, "'%s' : %s.", x.kw.Name, err)
		return false
	}
	c.Headers = append(c.Headers, CheckHeader{Name: name, Value: f})
	return true
}

// parseTCPSend reads `tcp-check send`, `send-lf`, `send-binary` and `send-binary-lf`.
func parseTCPSend(asFormat, asHex bool) func(*line) {
	return func(x *line) {
		if x.arg(0) == "" {
			x.alert(x.name, "'%s' : expects a string to send as argument.", x.kw.Name)
			return
		}
		d, w := &CheckData{Bytes: []byte(x.arg(0)), Hex: asHex}, x.args[0]
		switch {
		case asFormat:
			if d.Bytes, d.Format = nil, x.checkFormat(w); d.Format == nil {
				return
			}
		case asHex:
			var err error
			if d.Bytes, err = unhex(w.Text); err != nil {
				x.alert(w, "'%s' : '%s' invalid binary string (%s).", x.kw.Name, w.Text, err)
				return
			}
		}
		s := CheckStep{Send: d}
		if len(x.args) > 1 {
			switch {
			case x.arg(1) != "comment":
				x.alert(x.args[1], "'%s' : expects 'comment' but got '%s' as argument.", x.kw.Name, x.arg(1))
				return
			case x.arg(2) == "":
				x.alert(x.args[1], "'%s' : 'comment' expects a string as argument.", x.kw.Name)
				return
			case len(x.args) > 3:
				x.alert(x.args[3], "'%s' : expects 'comment' but got '%s' as argument.", x.kw.Name, x.arg(3))
				return
			}
			s.Comment = x.arg(2)
		}
		x.addStep(false, s)
	}
}

// unhex reads pairs of hexadecimal digits.
func unhex(text string) ([]byte, error) {
	b, err := hex.DecodeString(text)
	if bad := strings.Trim(text, "0123456789abcdefABCDEF"); bad != "" {
		return nil, fmt.Errorf("an hex digit is expected (found '%c')", bad[0])
	}
	if err != nil {
		return nil, fmt.Errorf("an even number of hex digit is expected")
	}
	return b, nil
}
