package config

import (
	"slices"

	"bascule/internal/lang"
)

// defaultOptions are the words of bind lines that ssl-default-bind-options takes.
var defaultOptions = []string{
	"force-sslv3", "force-tlsv10", "force-tlsv11", "force-tlsv12", "force-tlsv13", "no-sslv3", "no-tls-tickets", "no-tlsv10", "no-tlsv11", "no-tlsv12", "no-tlsv13",
	"prefer-client-ciphers", "ssl-max-ver", "ssl-min-ver", "strict-sni",
}

// parseDefaultBind reads ssl-default-bind-options: words of bind lines.
func parseDefaultBind(x *line) {
	const where = " on global statement 'ssl-default-bind-options'."
	if x.arg(0) == "" {
		x.alert(x.name, "global statement 'ssl-default-bind-options' expects an option as an argument.")
		return
	}
	d := bindDraft{}
	d.tls.tlsConf = x.cfg.Global.bindTLS
	o := &options{line: x, rest: x.args, end: where, bind: &d}
	for len(o.rest) > 0 && o.rest[0].Text != "" {
		o.opt = o.take()
		if !slices.Contains(defaultOptions, o.opt.Text) {
			o.problem(o.opt, "unknown option '"+o.opt.Text+"'", defaultOptions)
			return
		}
		if kw, _, _ := x.table.find([]lang.Word{o.opt}, OnBind); kw.option != nil {
			kw.option(o)
		}
	}
	x.cfg.Global.bindTLS = d.tls.tlsConf
}

// parseDefaultList reads a list of names that OpenSSL knows, for all binds with ssl.
func parseDefaultList(what string, field func(*Global) *string) func(*line) {
	return func(x *line) {
		if x.arg(0) == "" {
			x.alert(x.name, "global statement '%s' expects a %s.", x.kw.Name, what)
			return
		}
		if x.atMost(1) {
			*field(&x.cfg.Global) = x.arg(0)
		}
	}
}

// sslDefaults are the lines of global about the TLS of all binds.
var sslDefaults = []Keyword{
	{Name: "ssl-default-bind-ciphers", In: InGlobal, Usage: "<ciphers>", Text: "The cipher suites of TLS 1.2 of binds that say none.", Example: "ssl-default-bind-ciphers ECDHE-RSA-AES128-GCM-SHA256",
		parse: parseDefaultList("cipher suite as an argument", func(g *Global) *string { return &g.BindCiphers })},
	{Name: "ssl-default-bind-ciphersuites", In: InGlobal, Usage: "<suites>", Text: "The cipher suites of TLS 1.3 of binds that say none.", Example: "ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256",
		Differs: "All three of AES and CHACHA20 are always spoken.",
		parse:   parseDefaultList("cipher suite as an argument", func(g *Global) *string { return &g.BindCiphersuites })},
	{Name: "ssl-default-bind-curves", In: InGlobal, Usage: "<curves>", Text: "The curves of the key exchange of binds that say none.", Example: "ssl-default-bind-curves X25519:P-256",
		parse: parseDefaultList("curves suite as an arguments", func(g *Global) *string { return &g.BindCurves })},
	{Name: "ssl-default-bind-options", In: InGlobal, Usage: "<options>", Text: "Options of every bind with ssl below it: ssl-min-ver, ssl-max-ver, force-tlsv12, no-tlsv13 and their like, no-tls-tickets, strict-sni.",
		Example: "ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets", parse: parseDefaultBind},
}
