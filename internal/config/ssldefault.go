package config

import (
	"slices"

	"bascule/internal/cert"
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

// extraKinds are the words of ssl-load-extra-files.
var extraKinds = map[string]cert.Kinds{"bundle": cert.Bundles, "sctl": cert.SCTLs, "ocsp": cert.OCSPs, "issuer": cert.Issuers, "key": cert.Keys}

// parseExtraFiles reads ssl-load-extra-files, which holds for the certificates below it.
func parseExtraFiles(x *line) {
	var wanted cert.Kinds
	for i, w := range x.args {
		kind, known := extraKinds[w.Text]
		switch alone := w.Text == "none" || w.Text == "all"; {
		case alone && len(x.args) > 1:
			x.alert(x.args[min(i+1, len(x.args)-1)], "'ssl-load-extra-files' 'none' and 'all' can be only used alone")
			return
		case w.Text == "all":
			wanted = cert.AllKinds
		case !alone && !known:
			x.alert(w, "'ssl-load-extra-files' expects one or multiple arguments (none, all, bundle, sctl, ocsp, issuer).")
			return
		}
		wanted |= kind
	}
	if len(x.args) == 0 {
		x.alert(x.name, "'ssl-load-extra-files' expects one or multiple arguments (none, all, bundle, sctl, ocsp, issuer).")
		return
	}
	x.cfg.Global.beside.Without = cert.AllKinds &^ wanted
}

// parseIssuers reads issuers-chain-path, which holds for the certificates below it.
func parseIssuers(x *line) {
	if !x.atMost(1) {
		return
	}
	dir := x.arg(0)
	info, err := x.env.Stat(x.named(dir))
	switch {
	case dir == "" || err != nil:
		x.alert(x.name, "global statement 'issuers-chain-path' expects a directory path as an argument.")
		return
	case !info.IsDir():
		x.alert(x.args[0], "global statement 'issuers-chain-path': %s is not a directory.", dir)
		return
	}
	chains, ignored, err := cert.LoadChains(dir, x.cfg.Global.beside.Chains, x.certFiles())
	if err != nil {
		x.alert(x.args[0], "global statement 'issuers-chain-path': unable to open directory %s.", dir)
		return
	}
	x.cfg.Global.beside.Chains = chains
	for _, text := range ignored {
		x.whole(lang.Warning, "%s", text)
	}
}

// sslDefaults are the lines of global about the TLS of all binds.
var sslDefaults = []Keyword{
	{Name: "issuers-chain-path", In: InGlobal, Usage: "<dir>", Text: "A directory with a file for each authority: its certificate and those above it, which are shown behind a certificate that it has signed and whose file has no more. For the certificates below this line.",
		Example: "issuers-chain-path chains", parse: parseIssuers},
	{Name: "ssl-default-bind-ciphers", In: InGlobal, Usage: "<ciphers>", Text: "The cipher suites of TLS 1.2 of binds that say none.", Example: "ssl-default-bind-ciphers ECDHE-RSA-AES128-GCM-SHA256",
		parse: parseDefaultList("cipher suite as an argument", func(g *Global) *string { return &g.BindCiphers })},
	{Name: "ssl-default-bind-ciphersuites", In: InGlobal, Usage: "<suites>", Text: "The cipher suites of TLS 1.3 of binds that say none.", Example: "ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256",
		Differs: "All three of AES and CHACHA20 are always spoken.",
		parse:   parseDefaultList("cipher suite as an argument", func(g *Global) *string { return &g.BindCiphersuites })},
	{Name: "ssl-default-bind-curves", In: InGlobal, Usage: "<curves>", Text: "The curves of the key exchange of binds that say none.", Example: "ssl-default-bind-curves X25519:P-256",
		parse: parseDefaultList("curves suite as an arguments", func(g *Global) *string { return &g.BindCurves })},
	{Name: "ssl-default-bind-options", In: InGlobal, Usage: "<options>", Text: "Options of every bind with ssl below it: ssl-min-ver, ssl-max-ver, force-tlsv12, no-tlsv13 and their like, no-tls-tickets, strict-sni.",
		Example: "ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets", parse: parseDefaultBind},
	{Name: "ssl-load-extra-del-ext", In: InGlobal, Text: "What lies beside FILE.crt is looked for as FILE.key and its like, not as FILE.crt.key; for the certificates below this line.",
		Example: "ssl-load-extra-del-ext", parse: func(x *line) { x.cfg.Global.beside.Replace = true }},
	{Name: "ssl-load-extra-files", In: InGlobal, Usage: "none|all|bundle|sctl|ocsp|issuer|key...", Text: "What is looked for beside a certificate's FILE: its key in FILE.key, a response to staple in FILE.ocsp with the authority in FILE.issuer, timestamps of logs in FILE.sctl (RFC 6962), and FILE.rsa and FILE.ecdsa in place of FILE; all where this is not given. For the certificates below this line.",
		Example: "ssl-load-extra-files key ocsp issuer", parse: parseExtraFiles},
}
