package config

import (
	"crypto/tls"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"bascule/internal/cert"
)

// tlsVersions are the words of ssl-min-ver and ssl-max-ver. Those before TLS 1.2
// are known and not spoken: a client that knows no better is refused.
var tlsVersions = map[string]uint16{
	"SSLv3":   tls.VersionSSL30, //nolint:staticcheck // its number only
	"TLSv1.0": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13,
}

// certFiles is how certificates are read: as all files of the configuration.
func (l *loader) certFiles() cert.Files {
	return cert.Files{
		ReadFile: l.readNamed,
		ReadDir:  func(name string) ([]fs.DirEntry, error) { return l.env.ReadDir(l.named(name)) },
		Stat:     func(name string) (fs.FileInfo, error) { return l.env.Stat(l.named(name)) },
		Beside:   l.cfg.Global.beside,
	}
}

// under puts a directory (crt-base, ca-base) before a relative name of a file.
func under(base, name string) string {
	if base == "" || filepath.IsAbs(name) || cert.IsNamed(name) {
		return name
	}
	return filepath.Join(base, name)
}

// bindCrt reads crt and default-crt.
func bindCrt(o *options) {
	w := o.take()
	if w.Text == "" {
		o.bad(w, "'%s' : missing certificate location", o.opt.Text)
		return
	}
	o.loadEntries(w, w.Text, entryDraft{Entry: cert.Entry{Default: o.opt.Text == "default-crt"}})
}

// bindCAs reads ca-file and ca-verify-file.
func bindCAs(at func(*tlsConf) **cert.Authorities) func(*options) {
	return func(o *options) {
		w := o.take()
		if w.Text == "" {
			o.bad(w, "'%s' : missing CAfile path", o.opt.Text)
			return
		}
		cas, err := o.trust.Authorities(under(o.cfg.Global.CABase, w.Text))
		if err != nil {
			o.bad(w, "'%s' : unable to load %s: %s", o.opt.Text, w.Text, err)
			return
		}
		*at(&o.bind.tls.tlsConf) = cas
	}
}

// bindIgnore reads ca-ignore-err and crt-ignore-err; what is given twice adds up.
func bindIgnore(at func(*tlsConf) *cert.Errors) func(*options) {
	return func(o *options) {
		w := o.take()
		switch set := at(&o.bind.tls.tlsConf); w.Text {
		case "":
			o.bad(w, "'%s' : missing error IDs list", o.opt.Text)
		case "all":
			*set = cert.AllErrors()
		default:
			for id := range strings.SplitSeq(w.Text, ",") {
				n := cert.ErrorNumber(id)
				if n == 0 {
					n, _ = atoi(id)
				}
				if n <= 0 || n > cert.MaxError {
					o.bad(w, "'%s' : ID '%d' out of range (1..%d) in error IDs list '%s'", o.opt.Text, n, cert.MaxError, w.Text)
					return
				}
				set.Add(n)
			}
		}
	}
}

func bindCRLFile(o *options) {
	w := o.take()
	if w.Text == "" {
		o.bad(w, "'crl-file' : missing CRLfile path")
		return
	}
	crls, err := o.trust.Revocations(under(o.cfg.Global.CABase, w.Text))
	if err != nil {
		o.bad(w, "'crl-file' : unable to load %s: %s", w.Text, err)
		return
	}
	o.bind.tls.crls = crls
}

func bindVerify(o *options) {
	w := o.take()
	switch w.Text {
	case "":
		o.bad(w, "'verify' : missing verify method")
	case "none", "optional", "required":
		o.bind.tls.verify = w.Text
	default:
		o.problem(w, "'verify' : unknown verify method '"+w.Text+"', only 'none', 'optional', and 'required' are supported",
			[]string{"none", "optional", "required"})
	}
}

func bindALPN(o *options) {
	w := o.take()
	if w.Text == "" {
		o.bad(w, "'alpn' : missing the comma-delimited ALPN protocol suite")
		return
	}
	o.bind.tls.alpn = slices.DeleteFunc(strings.Split(w.Text, ","), func(name string) bool { return name == "" })
	if slices.Contains(o.bind.tls.alpn, "h2") && !o.toldH2 {
		o.toldH2 = true
		o.note(w, "'alpn' : h2 is never agreed on, clients get HTTP/1.1: HTTP/2 is not spoken yet.")
	}
}

func bindTicketKeys(o *options) {
	w := o.take()
	if w.Text == "" {
		o.bad(w, "'tls-ticket-keys' : missing TLS ticket keys file path")
		return
	}
	name := o.named(w.Text)
	if o.keys[name] == nil {
		keys, err := cert.LoadTicketKeys(w.Text, o.certFiles())
		if err != nil {
			o.bad(w, "%s", err)
			return
		}
		o.keys[name] = keys // binds with the same file have the same ones
	}
	o.bind.tls.ticketKeys = o.keys[name]
}

// bindVersion reads ssl-min-ver and ssl-max-ver.
func bindVersion(at func(*tlsConf) *uint16) func(*options) {
	return func(o *options) {
		w := o.take()
		if w.Text == "" {
			o.bad(w, "'%s' : missing the ssl/tls version", o.opt.Text)
			return
		}
		v, ok := tlsVersions[w.Text]
		if !ok {
			o.problem(w, "'"+w.Text+"' : unknown ssl/tls version", []string{"SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"})
			return
		}
		*at(&o.bind.tls.tlsConf) = v
	}
}

// bindList reads a list of names that OpenSSL knows; it is looked at with the whole.
func bindList(missing string, at func(*tlsConf) *string) func(*options) {
	return func(o *options) {
		w := o.take()
		if w.Text == "" {
			o.bad(w, "'%s' : %s", o.opt.Text, missing)
			return
		}
		*at(&o.bind.tls.tlsConf) = w.Text
	}
}

// bindForce reads force-tlsv12 and its like.
func bindForce(v uint16) func(*options) {
	return func(o *options) { o.bind.tls.min, o.bind.tls.max = v, v }
}

// bindWithout reads no-tlsv12 and its like.
func bindWithout(v uint16) func(*options) {
	return func(o *options) { o.bind.tls.without = append(o.bind.tls.without, v) }
}

const (
	tlsExample = "bind :8443 ssl crt web.pem"
	oldVersion = "versions before TLS 1.2 are never spoken"
	oldForce   = "versions before TLS 1.2 are never spoken: a bind with it alone is an alert"
)

// sslOptions are the options of bind lines about TLS.
var sslOptions = []Keyword{
	{Name: "alpn", In: OnBind, Usage: "<protocols>", Text: "The protocols that are offered to clients, in the order of preference. h2 may stand in the list and is never agreed on.",
		Example: tlsExample + " alpn http/1.1", option: bindALPN},
	{Name: "ca-file", In: OnBind, Usage: "<file>", Text: "The authorities that certificates of clients must come from.", Example: tlsExample + " ca-file web.pem verify optional", option: bindCAs(func(c *tlsConf) **cert.Authorities { return &c.cas })},
	{Name: "ca-ignore-err", In: OnBind, Usage: "all|<error>,...", Text: "What may be wrong with the authorities above a client's certificate: OpenSSL's numbers, or names as X509_V_ERR_CERT_HAS_EXPIRED. The client is let in, and rules know by ssl_c_verify, ssl_c_ca_err and ssl_c_ca_err_depth.",
		Differs: "Names are read as in HAProxy 3.x.",
		Example: tlsExample + " ca-file web.pem verify optional ca-ignore-err 10,19", option: bindIgnore(func(c *tlsConf) *cert.Errors { return &c.ignoreCA })},
	{Name: "ca-verify-file", In: OnBind, Usage: "<file>", Text: "More authorities that certificates of clients may come from, whose names clients are not told.", Example: tlsExample + " ca-file web.pem ca-verify-file web.pem verify optional",
		option: bindCAs(func(c *tlsConf) **cert.Authorities { return &c.verifyCAs })},
	{Name: "ciphers", In: OnBind, Usage: "<ciphers>", Text: "The cipher suites of TLS 1.2, in OpenSSL's words; those of Mozilla's intermediate where it is not given.",
		Differs: "The order has no effect: of the suites that both know TLS takes what the machines do fast. A list with no suite that Go speaks, such as DHE alone, is an alert.",
		Example: tlsExample + " ciphers ECDHE-RSA-AES128-GCM-SHA256:EECDH+AESGCM", option: bindList("missing cipher suite", func(c *tlsConf) *string { return &c.ciphers })},
	{Name: "ciphersuites", In: OnBind, Usage: "<suites>", Text: "The cipher suites of TLS 1.3.",
		Differs: "All three of AES and CHACHA20 are always spoken.",
		Example: tlsExample + " ciphersuites TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256", option: bindList("missing cipher suite", func(c *tlsConf) *string { return &c.ciphersuites })},
	{Name: "crl-file", In: OnBind, Usage: "<file>", Text: "Lists of revoked certificates: one of every authority in a client's chain must be there, signed and in time, and none may name one of the chain. A reload reads them again.",
		Differs: "A resumed session is looked up too. Of several lists of an authority each counts. A list of some certificates only, or of changes alone, does not count, and a certificate in the file is not trusted. A file with a list of version 1 is an alert.",
		Example: tlsExample + " ca-file web.pem verify required crl-file web.pem", option: bindCRLFile},
	{Name: "crt", In: OnBind, Usage: "<file|directory|@store/name>", Text: "A certificate with its chain and its key, which may lie beside it in <file>.key; of a directory all, sorted by name; of <file>.rsa and <file>.ecdsa each client gets the one that it can read. May be given several times: the client's SNI chooses, and the first is for clients who name no other. A name behind @ is one of a crt-store.",
		Example: tlsExample, option: bindCrt},
	{Name: "crt-ignore-err", In: OnBind, Usage: "all|<error>,...", Text: "What may be wrong with a client's own certificate, as ca-ignore-err says it of its authorities; ssl_c_verify and ssl_c_err tell.",
		Differs: "Names are read as in HAProxy 3.x. A session that is resumed is looked at again, and ssl_c_err tells of it too.",
		Example: tlsExample + " ca-file web.pem verify optional crt-ignore-err 10", option: bindIgnore(func(c *tlsConf) *cert.Errors { return &c.ignoreCert })},
	{Name: "crt-list", In: OnBind, Usage: "<file>", Text: "A file with a certificate in each line: its file, in brackets options of its own (alpn, ca-file, ca-verify-file, ciphers, ciphersuites, crl-file, curves, ecdhe, no-ca-names, ssl-max-ver, ssl-min-ver, verify), and the names that it is shown for, with wildcards and those that they leave out behind an exclamation mark; where none are given its own names.",
		Differs: "A line without the closing bracket is an alert; HAProxy reads its options as names.",
		Example: "bind :8443 ssl crt-list web.list", option: bindCrtList},
	{Name: "curves", In: OnBind, Usage: "<curves>", Text: "The curves of the key exchange, in OpenSSL's names: X25519, P-256 (prime256v1), P-384, P-521, X25519MLKEM768, SecP256r1MLKEM768, SecP384r1MLKEM1024.",
		Differs: "The order has no effect. The curves with MLKEM are known without OpenSSL 3.5 too.",
		Example: tlsExample + " curves X25519:P-256", option: bindList("missing curve suite", func(c *tlsConf) *string { return &c.curves })},
	{Name: "default-crt", In: OnBind, Usage: "<file>", Text: "A certificate as crt gives it, which is for clients who name no other too, in place of the first one; of several each client gets the one that it can read. A word of HAProxy 3.x.",
		Example: tlsExample + " default-crt web.pem", option: bindCrt},
	{Name: "ecdhe", In: OnBind, Usage: "<curve>", Text: "The curve of the key exchange, where curves is not given.", Example: tlsExample + " ecdhe prime256v1",
		option: bindList("missing named curve", func(c *tlsConf) *string { return &c.ecdhe })},
	{Name: "force-sslv3", In: OnBind, Status: Without, Why: oldForce, option: bindForce(tls.VersionSSL30)}, //nolint:staticcheck // its number only
	{Name: "force-tlsv10", In: OnBind, Status: Without, Why: oldForce, option: bindForce(tls.VersionTLS10)},
	{Name: "force-tlsv11", In: OnBind, Status: Without, Why: oldForce, option: bindForce(tls.VersionTLS11)},
	{Name: "force-tlsv12", In: OnBind, Text: "TLS 1.2 only.", Example: tlsExample + " force-tlsv12", option: bindForce(tls.VersionTLS12)},
	{Name: "force-tlsv13", In: OnBind, Text: "TLS 1.3 only.", Example: tlsExample + " force-tlsv13", option: bindForce(tls.VersionTLS13)},
	{Name: "no-sslv3", In: OnBind, Status: Without, Why: oldVersion, option: bindWithout(tls.VersionSSL30)}, //nolint:staticcheck // its number only
	{Name: "no-alpn", In: OnBind, Text: "Takes back alpn.", Example: tlsExample + " alpn http/1.1 no-alpn", option: func(o *options) { o.bind.tls.alpn = []string{} }},
	{Name: "no-ca-names", In: OnBind, Text: "Clients are not told the names of the authorities in ca-file.", Example: tlsExample + " ca-file web.pem verify optional no-ca-names",
		option: func(o *options) { o.bind.tls.noNames = true }},
	{Name: "no-strict-sni", In: OnBind, Text: "Takes back strict-sni of ssl-default-bind-options.", Example: tlsExample + " no-strict-sni",
		option: func(o *options) { o.bind.tls.strict = no }},
	{Name: "no-tls-tickets", In: OnBind, Text: "Clients resume no sessions: each connection costs a whole handshake.", Example: tlsExample + " no-tls-tickets",
		option: func(o *options) { o.bind.tls.tickets = no }},
	{Name: "no-tlsv10", In: OnBind, Status: Without, Why: oldVersion, option: bindWithout(tls.VersionTLS10)},
	{Name: "no-tlsv11", In: OnBind, Status: Without, Why: oldVersion, option: bindWithout(tls.VersionTLS11)},
	{Name: "no-tlsv12", In: OnBind, Text: "TLS 1.3 only.", Example: tlsExample + " no-tlsv12", option: bindWithout(tls.VersionTLS12)},
	{Name: "no-tlsv13", In: OnBind, Text: "TLS 1.2 only.", Example: tlsExample + " no-tlsv13", option: bindWithout(tls.VersionTLS13)},
	{Name: "prefer-client-ciphers", In: OnBind, Status: Without, Why: "Go's TLS chooses among the suites that both know, by what the machines do fast"},
	{Name: "ssl", In: OnBind, Text: "Clients speak TLS, 1.2 or 1.3.", Example: tlsExample, option: func(o *options) { o.bind.tls.on = true }},
	{Name: "ssl-max-ver", In: OnBind, Usage: "TLSv1.2|TLSv1.3", Text: "The newest version of TLS that is spoken.", Example: tlsExample + " ssl-max-ver TLSv1.2",
		option: bindVersion(func(c *tlsConf) *uint16 { return &c.max })},
	{Name: "ssl-min-ver", In: OnBind, Usage: "TLSv1.2|TLSv1.3", Text: "The oldest version of TLS that is spoken; TLSv1.2 where it is not given, or older.", Example: tlsExample + " ssl-min-ver TLSv1.3",
		option: bindVersion(func(c *tlsConf) *uint16 { return &c.min })},
	{Name: "strict-sni", In: OnBind, Text: "A client that names no host of a certificate is refused; else it gets the first certificate.", Example: tlsExample + " strict-sni",
		option: func(o *options) { o.bind.tls.strict = yes }},
	{Name: "tls-ticket-keys", In: OnBind, Usage: "<file>", Text: "Keys of tickets in base64, of 48 or 80 bytes, one a line, for several processes to share: the last three are taken, and the last but one makes new tickets. A reload reads them again.",
		Differs: "bascule makes other tickets of them than HAProxy, so that a client resumes between bascules and not between the two.",
		Example: tlsExample + " tls-ticket-keys tickets", option: bindTicketKeys},
	{Name: "tls-tickets", In: OnBind, Text: "Takes back no-tls-tickets of ssl-default-bind-options.", Example: tlsExample + " tls-tickets",
		option: func(o *options) { o.bind.tls.tickets = yes }},
	{Name: "verify", In: OnBind, Usage: "none|optional|required", Text: "Whether clients must show a certificate, or may; one that is shown must be good.", Example: tlsExample + " ca-file web.pem verify required", option: bindVerify},
}
