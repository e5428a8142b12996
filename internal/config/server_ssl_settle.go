package config

import (
	"crypto/tls"
	"slices"
	"strings"

	"bascule/internal/cert"
	"bascule/internal/lang"
	"bascule/internal/rule"
)

// verifyServersTLS says what servers with ssl lack, and makes their settings.
func (l *loader) verifyServersTLS(d *draft) {
	if !d.Backend {
		return
	}
	for i, s := range d.Servers {
		if s.tls.use != yes && s.tls.check != yes && !s.tls.ofDefault && !d.checks.tls {
			continue
		}
		l.verifyServerTLS(d, s, d.serverAt[i])
	}
}

func (l *loader) verifyServerTLS(d *draft, s *Server, at lang.Word) {
	say := func(severity lang.Severity, format string, args ...any) {
		l.about(severity, at, "'server "+d.Name+"/"+s.Name+"' : "+format, args...)
		l.problems.List[len(l.problems.List)-1].Shape = lang.Placed
	}
	t := s.tls
	l.serverTLSDefaults(&t)
	c := cert.Client{Verify: t.verify != "none", CAs: t.cas, CRLs: t.crls, Host: t.host, ALPN: spoken(t.alpn, d.Mode == ModeHTTP), Fresh: t.noReuse || t.noTickets}
	if t.crt != "" {
		path := under(l.cfg.Global.CrtBase, t.crt)
		if stored := l.certs[path]; cert.IsNamed(path) && stored != nil {
			c.Certificate = stored[0]
		} else {
			shown, err := cert.LoadClient(path, l.certFiles())
			if err != nil {
				say(lang.Alert, "%s", err)
				return
			}
			c.Certificate = shown
		}
	}
	if c.Verify && c.CAs == nil {
		if l.cfg.Global.ServerVerify == "none" {
			say(lang.Alert, "verify is enabled but no CA file specified.")
		} else {
			say(lang.Alert, "verify is enabled by default but no CA file specified. Name the authorities by 'ca-file', or write 'verify none' where the network between can be trusted ('ssl-server-verify none' in global is for all servers).")
		}
		return
	}
	if t.without != 0 && (t.min != 0 || t.max != 0) {
		say(lang.Warning, "no-sslv3/no-tlsv1x are ignored for this server. Use only 'ssl-min-ver' and 'ssl-max-ver' to fix.")
	}
	if c.Ciphers, _ = cert.Ciphers(t.ciphers); t.ciphers != "" && len(c.Ciphers) == 0 {
		say(lang.Alert, "unable to set SSL cipher list to '%s'.", t.ciphers)
		return
	}
	if taken, _, _ := cert.Ciphersuites(t.suites); t.suites != "" && len(taken) == 0 {
		say(lang.Alert, "unable to set TLS 1.3 cipher suites to '%s'.", t.suites)
		return
	}
	if t.curves != "" {
		var err error
		if c.Curves, _, err = cert.Curves(t.curves); err != nil {
			say(lang.Alert, "unable to set SSL curves list to '%s': %s.", t.curves, err)
			return
		}
	}
	hole := ""
	if c.Min, c.Max, hole = t.versions(); hole != "" {
		say(lang.Warning, "backend '%s': SSL/TLS versions range not contiguous for server '%s'. Hole find for %s. Use only 'ssl-min-ver' and 'ssl-max-ver' to fix.", d.Name, s.Name, hole)
	}
	if c.Min == 0 {
		say(lang.Alert, "backend '%s': all SSL/TLS versions are disabled for server '%s'.", d.Name, s.Name)
		return
	}
	c.Build()
	s.AnyTLS = &c
	if t.use == yes {
		s.TLS = &c
		if s.SNI == nil && t.autoSNI && d.Mode == ModeHTTP {
			s.SNI, _ = rule.ParseServerName(lang.Word{Text: "req.hdr(host),host_only"})
		}
	}
	own := s.CheckAddr.Port == 0 && !s.CheckAddr.IP.IsValid()
	s.CheckSSL = t.check == yes || t.check == open && own && t.use == yes
	if s.CheckSSL || d.checks.tls {
		k, http := c, d.checks.kind == CheckHTTP
		k.ALPN, s.CheckALPN = spoken(t.alpn, http), spoken(t.checkALPN, http)
		k.Build()
		s.CheckTLS = &k
	}
}

// spoken are the protocols of a list that are offered: HTTP/2 is not spoken to
// servers, and what is not HTTP carries whatever its client speaks.
func spoken(list []string, http bool) []string {
	if !http {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return name != "http/1.1" && name != "http/1.0" })
}

// NoSSL says whether the line has no-ssl.
func (s *Server) NoSSL() bool { return s.tls.use == no }

// serverTLSDefaults gives a server what global says and its line does not.
func (l *loader) serverTLSDefaults(t *serverTLS) {
	g := &l.cfg.Global
	if t.verify == "" {
		t.verify = g.ServerVerify
	}
	t.without |= g.serverTLS.without
	t.noTickets = t.noTickets || g.serverTLS.noTickets
	if t.ciphers == "" {
		t.ciphers = g.serverTLS.ciphers
	}
	if t.suites == "" {
		t.suites = g.serverTLS.suites
	}
	if t.curves == "" {
		t.curves = g.serverTLS.curves
	}
	if t.min == 0 {
		t.min = g.serverTLS.min
	}
	if t.max == 0 {
		t.max = g.serverTLS.max
	}
}

// parseServerVerify reads ssl-server-verify of global.
func parseServerVerify(x *line) {
	switch {
	case x.arg(0) == "":
		x.alert(x.name, "'%s' expects an integer argument.", x.kw.Name) // of HAProxy's words
	case !slices.Contains(verifyMethods, x.arg(0)):
		x.choose(0, "'ssl-server-verify' expects 'none' or 'required' as argument.", verifyMethods...)
	default:
		x.cfg.Global.ServerVerify = x.arg(0)
	}
}

// parseServerOptions reads ssl-default-server-options of global.
func parseServerOptions(x *line) {
	const of = "global statement 'ssl-default-server-options'"
	if len(x.args) == 0 {
		x.alert(x.name, "%s expects an option as an argument.", of)
		return
	}
	t := &x.cfg.Global.serverTLS
	for i := 0; i < len(x.args); i++ {
		w := x.args[i]
		if w.Text == "ssl-min-ver" || w.Text == "ssl-max-ver" {
			i++
			v, ok := tlsVersions[x.arg(i)]
			switch {
			case x.arg(i) == "":
				x.alert(w, "'%s' : missing the ssl/tls version on %s.", w.Text, of)
				return
			case !ok:
				x.alert(x.args[i], "'%s' : unknown ssl/tls version on %s.", x.arg(i), of)
				return
			case w.Text == "ssl-min-ver":
				t.min = v
			default:
				t.max = v
			}
			continue
		}
		name, isForced := strings.CutPrefix(w.Text, "force-")
		if !isForced {
			name, _ = strings.CutPrefix(w.Text, "no-")
		}
		v := tlsOptionVersions[name]
		switch {
		case w.Text == "no-tls-tickets":
			t.noTickets = true
		case v == 0 || name == w.Text:
			x.choose(i, "unknown option '"+w.Text+"' on "+of+".", serverOptionWords...)
			return
		case isForced:
			t.min, t.max = v, v
		default:
			t.without |= versionBit(v)
		}
	}
}

// tlsOptionVersions are the versions in the names of options.
var tlsOptionVersions = map[string]uint16{
	"sslv3":  tls.VersionSSL30, //nolint:staticcheck // its number only
	"tlsv10": tls.VersionTLS10, "tlsv11": tls.VersionTLS11, "tlsv12": tls.VersionTLS12, "tlsv13": tls.VersionTLS13,
}

// serverOptionWords are those of ssl-default-server-options.
var serverOptionWords = []string{"ssl-min-ver", "ssl-max-ver", "no-tls-tickets", "no-sslv3", "no-tlsv10", "no-tlsv11", "no-tlsv12", "no-tlsv13",
	"force-sslv3", "force-tlsv10", "force-tlsv11", "force-tlsv12", "force-tlsv13"}

// globalTLSKeywords are the lines of the global section about TLS to servers.
var globalTLSKeywords = []Keyword{
	{Name: "ssl-default-server-ciphers", In: InGlobal, Usage: "<ciphers>", Text: "The cipher suites of TLS 1.2 of servers that say none.", Example: "ssl-default-server-ciphers ECDHE-RSA-AES128-GCM-SHA256",
		parse: parseDefaultList("cipher suite as an argument", func(g *Global) *string { return &g.serverTLS.ciphers })},
	{Name: "ssl-default-server-ciphersuites", In: InGlobal, Usage: "<suites>", Text: "The cipher suites of TLS 1.3 of servers that say none.", Differs: "All three of AES and CHACHA20 are always spoken.", Example: "ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256",
		parse: parseDefaultList("cipher suite as an argument", func(g *Global) *string { return &g.serverTLS.suites })},
	{Name: "ssl-default-server-curves", In: InGlobal, Usage: "<curves>", Text: "The curves of the key exchange of servers that say none.", Example: "ssl-default-server-curves X25519:P-256",
		parse: parseDefaultList("curves suite as an arguments", func(g *Global) *string { return &g.serverTLS.curves })},
	{Name: "ssl-default-server-options", In: InGlobal, Usage: "<options>", Text: "Options of every server with ssl: ssl-min-ver, ssl-max-ver, no-tls-tickets, and those that force or forbid a version.", Example: "ssl-default-server-options ssl-min-ver TLSv1.2 no-tls-tickets", parse: parseServerOptions},
	{Name: "ssl-server-verify", In: InGlobal, Usage: "none|required", Text: "Whether certificates of servers are verified where their lines do not say; required where it is not given.", Example: "ssl-server-verify required", parse: parseServerVerify},
}
