package config

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"slices"

	"bascule/internal/cert"
	"bascule/internal/lang"
)

// A tlsConf is what a bind line or ssl-default-bind-options says of TLS. What it does
// not say is zero.
type tlsConf struct {
	alpn         []string
	min, max     uint16   // ssl-min-ver, ssl-max-ver
	without      []uint16 // no-sslv3, no-tlsv12 and their like
	verify       string
	cas          *cert.Authorities
	verifyCAs    *cert.Authorities // ca-verify-file
	noNames      bool              // no-ca-names
	ignoreCA     cert.Errors       // ca-ignore-err
	ignoreCert   cert.Errors       // crt-ignore-err
	crls         *cert.Revocations
	ciphers      string
	ciphersuites string
	curves       string
	ecdhe        string
	tickets      choice // tls-tickets
	strict       choice // strict-sni
}

// over is c, and what it does not say as other does.
func (c tlsConf) over(other tlsConf) tlsConf {
	if c.alpn == nil {
		c.alpn = other.alpn
	}
	c.min, c.max = cmp.Or(c.min, other.min), cmp.Or(c.max, other.max)
	c.without = append(slices.Clone(c.without), other.without...)
	c.verify, c.cas, c.crls = cmp.Or(c.verify, other.verify), cmp.Or(c.cas, other.cas), cmp.Or(c.crls, other.crls)
	c.verifyCAs, c.noNames = cmp.Or(c.verifyCAs, other.verifyCAs), c.noNames || other.noNames
	c.ignoreCA, c.ignoreCert = cmp.Or(c.ignoreCA, other.ignoreCA), cmp.Or(c.ignoreCert, other.ignoreCert)
	c.ciphers, c.ciphersuites = cmp.Or(c.ciphers, other.ciphers), cmp.Or(c.ciphersuites, other.ciphersuites)
	c.curves, c.ecdhe = cmp.Or(c.curves, other.curves), cmp.Or(c.ecdhe, other.ecdhe)
	c.tickets, c.strict = cmp.Or(c.tickets, other.tickets), cmp.Or(c.strict, other.strict)
	return c
}

// A tlsDraft is the TLS of a bind line until its proxy is verified.
type tlsDraft struct {
	tlsConf
	on    bool // ssl
	certs []entryDraft
	lists map[string]int // crt-list, and how many lines each has

	ticketKeys *cert.TicketKeys // tls-ticket-keys
}

// under gives the draft what the global section says until now and its line does not,
// as the word ssl does in HAProxy.
func (t tlsDraft) under(g *Global) *tlsDraft {
	all := g.bindTLS
	all.ciphers, all.ciphersuites, all.curves = g.BindCiphers, g.BindCiphersuites, g.BindCurves
	t.tlsConf = t.over(all)
	return &t
}

// verifyTLS says what a bind with ssl lacks, and makes it ready.
func (l *loader) verifyTLS(d *draft) {
	made := map[*tlsDraft]*cert.Settings{} // the addresses of a line share them
	for _, b := range d.Binds {
		if b.tls == nil {
			continue
		}
		s := made[b.tls]
		if s == nil {
			s = l.settle(b.tls, d, b)
			made[b.tls] = s
		}
		b.TLS = s
	}
}

// settle makes the Settings of what a bind line says, in the order in which HAProxy
// complains.
func (l *loader) settle(t *tlsDraft, d *draft, b *Bind) *cert.Settings {
	whose := "for bind '" + b.Addr.Text + "' at [" + b.Line + "]"
	say := func(severity lang.Severity, format string, args ...any) {
		l.about(severity, d.at, "Proxy '%s': %s", d.Name, fmt.Sprintf(format, args...))
	}
	s := &cert.Settings{Certificates: cert.NewSet(nil), Strict: t.strict == yes, NoTickets: t.tickets == no, TicketKeys: t.ticketKeys, Lists: t.lists, ReadLine: l.lineReader(t, whose), Line: b.Line}
	switch {
	case len(t.certs) == 0 && !s.Strict:
		say(lang.Alert, "no SSL certificate specified %s (use 'crt'). A directory needs one in it.", whose)
		return s
	case len(t.certs) == 0:
		say(lang.Warning, "no SSL certificate specified %s, ssl connections will fail (use 'crt').", whose)
	}
	s.Options = t.resolve(whose, say)
	s.Certificates = cert.NewSet(t.entries(func(c tlsConf) cert.Options { return c.resolve(whose, say) }))
	s.Build()
	return s
}

// resolve gives the words their meaning, and says what is wrong with them.
func (c tlsConf) resolve(whose string, say func(severity lang.Severity, format string, args ...any)) cert.Options {
	o := cert.Options{ALPN: c.alpn, CAs: c.cas, CRLs: c.crls, VerifyCAs: c.verifyCAs, NoNames: c.noNames, IgnoreCA: c.ignoreCA, IgnoreCert: c.ignoreCert,
		CipherList: c.ciphers, SuiteList: c.ciphersuites, CurveList: cmp.Or(c.curves, c.ecdhe)}
	o.Min, o.Max = c.versions(whose, say)
	switch c.verify {
	case "optional":
		o.Verify = cert.VerifyOptional
	case "required":
		o.Verify = cert.VerifyRequired
	}
	if o.Verify != cert.VerifyNone && o.CAs == nil && o.VerifyCAs == nil {
		say(lang.Alert, "verify is enabled but no CA file specified %s.", whose)
	}
	if c.ciphers != "" {
		if o.Ciphers, _ = cert.Ciphers(c.ciphers); len(o.Ciphers) == 0 {
			say(lang.Alert, "unable to set SSL cipher list to '%s' %s.", c.ciphers, whose)
		}
	}
	if c.ciphersuites != "" {
		if taken, _, _ := cert.Ciphersuites(c.ciphersuites); len(taken) == 0 {
			say(lang.Alert, "unable to set TLS 1.3 cipher suites to '%s' %s.", c.ciphersuites, whose)
		}
	}
	if o.CurveList != "" {
		var err error
		if o.Curves, _, err = cert.Curves(o.CurveList); err != nil {
			what := "SSL curves list"
			if c.curves == "" {
				what = "elliptic named curve"
			}
			say(lang.Alert, "unable to set %s to '%s' %s.", what, o.CurveList, whose)
		}
	}
	return o
}

// versions is the oldest and the newest version to speak, which HAProxy takes from
// ssl-min-ver and ssl-max-ver, or where there are none from what no-tlsv12 and its like
// leave.
func (c tlsConf) versions(whose string, say func(severity lang.Severity, format string, args ...any)) (low, high uint16) {
	low, high = cmp.Or(c.min, tls.VersionTLS12), cmp.Or(c.max, tls.VersionTLS13)
	switch {
	case c.min == 0 && high < tls.VersionTLS12:
		say(lang.Warning, "Ambiguous configuration %s: the ssl-min-ver value is not configured and the ssl-max-ver value is lower than the default ssl-min-ver value (TLSv1.2). Setting the ssl-min-ver to %s. Use 'ssl-min-ver' to fix this.",
			whose, versionName(high))
	case c.min == 0 && c.max == 0:
		if slices.Contains(c.without, tls.VersionTLS13) {
			high = tls.VersionTLS12
		}
		if slices.Contains(c.without, tls.VersionTLS12) {
			low = tls.VersionTLS13
		}
	case len(c.without) > 0:
		say(lang.Warning, "no-sslv3/no-tlsv1x are ignored %s. Use only 'ssl-min-ver' and 'ssl-max-ver' to fix.", whose)
	}
	if low = max(low, tls.VersionTLS12); high < low {
		say(lang.Alert, "all SSL/TLS versions are disabled %s.", whose)
	}
	return low, high
}

// versionName is the word of ssl-max-ver.
func versionName(v uint16) string {
	for name, number := range tlsVersions {
		if number == v {
			return name
		}
	}
	return ""
}
