package config

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// A checkSend is a request of checks: what `option httpchk` says, or what
// `http-check send` says; the second completes the first.
type checkSend struct {
	method, uri, version string
	fields               []byte
	body                 []byte
}

// checkDraft is what a section's lines say about checks.
type checkDraft struct {
	option    checkSend  // option httpchk
	send      *checkSend // http-check send
	expect    bool       // http-check expect was seen
	rules     bool       // any http-check line was seen
	inherited bool       // the http-check lines are those of the defaults
}

// ownChecks begins the http-check lines of a section: they replace those of its
// defaults section as a whole.
func (x *line) ownChecks() *checkDraft {
	c := &x.px.checks
	if c.inherited {
		c.send, c.expect, c.inherited = nil, false, false
		x.px.Check.Expect = Expect{}
	}
	c.rules = true
	return c
}

// parseHTTPChk reads `option httpchk [METHOD] [URI] [VERSION [HEADERS]]`.
func parseHTTPChk(x *line) {
	c := checkSend{}
	switch len(x.args) {
	case 0:
	case 1:
		c.uri = x.arg(0)
	default:
		c.method, c.uri = x.arg(0), x.arg(1)
	}
	version, fields, more := strings.Cut(x.arg(2), "\r\n")
	c.version = version
	if more {
		x.warn(x.args[2], "'option httpchk' : hiding headers or body at the end of the version string is deprecated. Please, consider to use 'http-check send' directive instead.")
		head, body, _ := strings.Cut(fields, "\r\n\r\n")
		for _, f := range strings.Split(head, "\r\n") {
			if f != "" {
				c.fields = append(c.fields, f+"\r\n"...)
			}
		}
		c.body = []byte(body)
	}
	if x.checkHTTPVersion(version) && x.atMost(3) {
		x.px.checks.option = c
		x.px.Check.HTTP = true
	}
}

func (x *line) checkHTTPVersion(v string) bool {
	if v == "" || v == "HTTP/1.0" || v == "HTTP/1.1" {
		return true
	}
	x.alert(x.name, "'%s' : version '%s' is known but not supported yet, use HTTP/1.0 or HTTP/1.1.", x.kw.Name, v)
	return false
}

// parseCheckSend reads `http-check send …`.
func parseCheckSend(x *line) {
	checks, c := x.ownChecks(), &checkSend{}
	if checks.send != nil {
		x.alert(x.name, "a second 'http-check send' is known but not supported yet: %s.", whySteps)
		return
	}
	for i := 0; i < len(x.args); i += 2 {
		name := x.args[i].Text
		value := x.arg(i + 1)
		if checkSendOptions[name] && value == "" {
			x.alert(x.args[i], "'http-check send' : '%s' expects an argument.", name)
			return
		}
		switch name {
		case "meth":
			c.method = value
		case "uri":
			c.uri = value
		case "ver":
			c.version = value
		case "body":
			c.body = []byte(value)
		case "hdr":
			if x.arg(i+2) == "" {
				x.alert(x.args[i], "'http-check send' : 'hdr' expects a name and a value as parameter.")
				return
			}
			if !x.checkField(c, i+1) {
				return
			}
			i++
		case "comment":
		case "uri-lf", "body-lf":
			x.alert(x.args[i], "keyword 'http-check send %s' is known but not supported yet: checks send constants.", name)
			return
		default:
			x.choose(i, "'http-check send' : expects 'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or 'body-lf' but got '"+name+"' as argument.",
				"meth", "uri", "ver", "hdr", "body", "comment")
			return
		}
	}
	if x.checkHTTPVersion(c.version) {
		checks.send = c
	}
}

// checkSendOptions are the options of http-check send that take a value.
var checkSendOptions = map[string]bool{"meth": true, "uri": true, "ver": true, "body": true, "hdr": true, "comment": true, "uri-lf": true, "body-lf": true}

// checkField adds the header whose name is argument i.
func (x *line) checkField(c *checkSend, i int) bool {
	name, value := x.arg(i), x.arg(i+1)
	if strings.ContainsAny(name, " \t\r\n:") || strings.ContainsAny(value, "\r\n") || strings.Contains(value, "%[") {
		x.alert(x.args[i], "'http-check send' : header '%s' must be a constant name and value.", name)
		return false
	}
	switch strings.ToLower(name) {
	case "content-length", "transfer-encoding", "connection":
		return true // the check frames its request itself
	}
	c.fields = append(c.fields, name+": "+value+"\r\n"...)
	return true
}

// parseCheckExpect reads `http-check expect [!] KIND PATTERN`.
func parseCheckExpect(x *line) {
	if len(x.args) == 0 {
		x.alert(x.name, "'http-check expect' : expects at least a matching pattern as arguments.")
		return
	}
	checks := x.ownChecks()
	if checks.expect {
		x.alert(x.name, "a second 'http-check expect' is known but not supported yet: %s.", whySteps)
		return
	}
	checks.expect = true
	e, i := Expect{}, 0
	if x.arg(0) == "!" {
		e.Not, i = true, 1
	}
	kind, not := strings.CutPrefix(x.arg(i), "!")
	e.Kind, e.Not, e.Text = kind, e.Not || not, x.arg(i+1)
	if !x.expectPattern(&e, i) {
		return
	}
	if len(x.args) > i+2 {
		x.alert(x.args[i+2], "'http-check expect' : unexpected argument '%s'.", x.args[i+2].Text)
		return
	}
	x.px.Check.Expect = e
}

// expectPattern reads the pattern of the kind that is argument i.
func (x *line) expectPattern(e *Expect, i int) bool {
	switch e.Kind {
	case "status", "rstatus", "string", "rstring":
		if e.Text == "" {
			x.alert(x.at(i), "'http-check expect' : '%s' expects a pattern as an argument.", e.Kind)
			return false
		}
	case "hdr", "fhdr", "string-lf", "min-recv", "comment", "ok-status", "error-status", "tout-status", "on-success", "on-error", "status-code":
		x.alert(x.at(i), "keyword 'http-check expect %s' is known but not supported yet: use status, rstatus, string or rstring.", e.Kind)
		return false
	default:
		x.choose(i, "'http-check expect' : 'only supports min-recv, [!]string', '[!]rstring', '[!]string-lf', '[!]status', '[!]rstatus', [!]hdr, [!]fhdr or comment but got '"+e.Kind+"' as argument.",
			"status", "rstatus", "string", "rstring")
		return false
	}
	if e.Kind == "status" {
		return x.expectStatus(e, i+1)
	}
	if e.Kind == "rstatus" || e.Kind == "rstring" {
		re, err := regexp.Compile(e.Text)
		if err != nil {
			x.alert(x.at(i+1), "'http-check expect' : regex '%s' is invalid (error=%s).", e.Text, err)
			return false
		}
		e.Match = re.Match
	}
	return true
}

// expectStatus reads a list such as 200,204,300-399.
func (x *line) expectStatus(e *Expect, i int) bool {
	for _, part := range strings.Split(x.arg(i), ",") {
		first, last, isRange := strings.Cut(part, "-")
		low, err1 := atoi(first)
		high, err2 := low, err1
		if isRange {
			high, err2 = atoi(last)
		}
		if err1 != nil || err2 != nil {
			bad := strings.Trim(part, "0123456789-")
			if bad == "" {
				x.alert(x.at(i), "'http-check expect' : invalid list of status codes '%s'.", x.arg(i))
				return false
			}
			x.alert(x.at(i), "'http-check expect' : invalid character '%c' in the list of status codes.", bad[0])
			return false
		}
		if low < 100 || high > 999 || low > high {
			x.alert(x.at(i), "'http-check expect' : invalid range of status codes '%s'.", part)
			return false
		}
		e.Ranges = append(e.Ranges, [2]int{low, high})
	}
	return true
}

// settleCheck turns what the lines say into the Check of a backend.
func (d *draft) settleCheck() {
	if !d.Check.HTTP {
		return
	}
	request := d.checks.option
	if s := d.checks.send; s != nil {
		request.method = cmp.Or(s.method, request.method)
		request.uri = cmp.Or(s.uri, request.uri)
		request.version = cmp.Or(s.version, request.version)
		request.fields = append(slices.Clip(request.fields), s.fields...)
		if s.body != nil {
			request.body = s.body
		}
	}
	c := &d.Check
	c.Method = cmp.Or(request.method, "OPTIONS")
	c.URI = cmp.Or(request.uri, "/")
	if request.version == "HTTP/1.1" {
		c.Minor = 1
	}
	c.Fields, c.Body = request.fields, request.body
}
