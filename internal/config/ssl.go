package config

import (
	"crypto/tls"
	"path/filepath"
	"slices"
	"strings"

	"bascule/internal/cert"
	"bascule/internal/lang"
)

// A tlsDraft is the TLS of a bind while its options are read.
type tlsDraft struct {
	cert.Settings
	on      bool // ssl
	certs   []*cert.Certificate
	without []uint16 // no-tlsv12 and its like
}

// tlsVersions are the words of ssl-min-ver and ssl-max-ver. Those before TLS 1.2
// are known and not spoken: a client that knows no better is refused.
var tlsVersions = map[string]uint16{
	"SSLv3":   tls.VersionSSL30, //nolint:staticcheck // its number only
	"TLSv1.0": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13,
}

// certFiles is how certificates are read: as all files of the configuration.
func (l *loader) certFiles() cert.Files {
	return cert.Files{ReadFile: l.readNamed, ReadDir: l.env.ReadDir, Stat: l.env.Stat}
}

// under puts a directory of global (crt-base, ca-base) before a relative name.
func under(base, name string) string {
	if base == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(base, name)
}

func bindCrt(o *options) {
	w := o.take()
	if w.Text == "" {
		o.bad(w, "'crt' : missing certificate location")
		return
	}
	list, err := cert.Load(under(o.cfg.Global.CrtBase, w.Text), o.certFiles())
	if err != nil {
		o.bad(w, "%s", err)
		return
	}
	o.bind.tls.certs = append(o.bind.tls.certs, list...)
}

func bindCAFile(o *options) {
	w := o.take()
	if w.Text == "" {
		o.bad(w, "'ca-file' : missing CAfile path")
		return
	}
	pool, err := cert.LoadCAs(under(o.cfg.Global.CABase, w.Text), o.certFiles())
	if err != nil {
		o.bad(w, "'ca-file' : unable to load %s: %s", w.Text, err)
		return
	}
	o.bind.tls.CAs = pool
}

func bindVerify(o *options) {
	w := o.take()
	switch w.Text {
	case "":
		o.bad(w, "'verify' : missing verify method")
	case "none":
		o.bind.tls.Verify = cert.VerifyNone
	case "optional":
		o.bind.tls.Verify = cert.VerifyOptional
	case "required":
		o.bind.tls.Verify = cert.VerifyRequired
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
	o.bind.tls.ALPN = slices.DeleteFunc(strings.Split(w.Text, ","), func(name string) bool { return name == "" })
}

// bindVersion reads ssl-min-ver and ssl-max-ver.
func bindVersion(at func(*cert.Settings) *uint16) func(*options) {
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
		*at(&o.bind.tls.Settings) = v
	}
}

// bindForce reads force-tlsv12 and force-tlsv13.
func bindForce(v uint16) func(*options) {
	return func(o *options) { o.bind.tls.Min, o.bind.tls.Max = v, v }
}

// bindWithout reads no-tlsv12 and no-tlsv13; versions before are never spoken.
func bindWithout(v uint16) func(*options) {
	return func(o *options) { o.bind.tls.without = append(o.bind.tls.without, v) }
}

// settle makes the Settings of what was read; nil: no ssl.
func (d *tlsDraft) settle() *cert.Settings {
	if !d.on {
		return nil
	}
	s := d.Settings
	if slices.Contains(d.without, tls.VersionTLS13) {
		s.Max = min(orElse(s.Max, tls.VersionTLS13), tls.VersionTLS12)
	}
	if slices.Contains(d.without, tls.VersionTLS12) {
		s.Min = max(s.Min, tls.VersionTLS13)
	}
	s.Certificates = cert.NewSet(d.certs)
	return &s
}

func orElse(v, other uint16) uint16 {
	if v == 0 {
		return other
	}
	return v
}

// verifyTLS says what a bind with ssl lacks, and makes it ready.
func (l *loader) verifyTLS(d *draft) {
	for _, b := range d.Binds {
		s := b.TLS
		if s == nil {
			continue
		}
		l.tlsDefaults(s)
		whose := "for bind '" + b.Addr.Text + "' at [" + b.Line + "]"
		switch {
		case orElse(s.Max, tls.VersionTLS13) < max(s.Min, tls.VersionTLS12):
			l.about(lang.Alert, d.at, "Proxy '%s': all SSL/TLS versions are disabled %s.", d.Name, whose)
		case s.Verify != cert.VerifyNone && s.CAs == nil:
			l.about(lang.Alert, d.at, "Proxy '%s': verify is enabled but no CA file specified %s.", d.Name, whose)
		case s.Certificates.Len() == 0 && s.Strict:
			l.about(lang.Warning, d.at, "Proxy '%s': no SSL certificate specified %s, ssl connections will fail (use 'crt').", d.Name, whose)
		case s.Certificates.Len() == 0:
			l.about(lang.Alert, d.at, "Proxy '%s': no SSL certificate specified %s (use 'crt').", d.Name, whose)
		}
		s.Build()
	}
}

// tlsDefaults gives a bind what ssl-default-bind-options says and its line does not.
func (l *loader) tlsDefaults(s *cert.Settings) {
	words := l.cfg.Global.BindOptions
	for i, word := range words {
		switch word {
		case "ssl-min-ver", "ssl-max-ver":
			if i+1 == len(words) {
				continue
			}
			if at := &s.Min; word == "ssl-min-ver" && *at == 0 {
				*at = tlsVersions[words[i+1]]
			} else if at = &s.Max; word == "ssl-max-ver" && *at == 0 {
				*at = tlsVersions[words[i+1]]
			}
		case "no-tls-tickets":
			s.NoTickets = true
		case "strict-sni":
			s.Strict = true
		}
	}
}

const (
	tlsExample = "bind :8443 ssl crt web.pem"
	oldVersion = "versions before TLS 1.2 are never spoken"
)

// sslOptions are the options of bind lines about TLS.
var sslOptions = []Keyword{
	{Name: "alpn", In: OnBind, Usage: "<protocols>", Text: "The protocols that are offered to clients, in the order of preference. h2 may stand in the list and is never agreed on.",
		Example: tlsExample + " alpn http/1.1", option: bindALPN},
	{Name: "ca-file", In: OnBind, Usage: "<file>", Text: "The authorities that certificates of clients must come from.", Example: tlsExample + " ca-file web.pem verify optional", option: bindCAFile},
	{Name: "crt", In: OnBind, Usage: "<file|directory>", Text: "A certificate with its chain and its key, which may lie beside it in <file>.key; of a directory all, sorted by name; of <file>.rsa and <file>.ecdsa each client gets the one that it can read. May be given several times: the client's SNI chooses, and the first is for clients who name no other.",
		Example: tlsExample, option: bindCrt},
	{Name: "force-tlsv12", In: OnBind, Text: "TLS 1.2 only.", Example: tlsExample + " force-tlsv12", option: bindForce(tls.VersionTLS12)},
	{Name: "force-tlsv13", In: OnBind, Text: "TLS 1.3 only.", Example: tlsExample + " force-tlsv13", option: bindForce(tls.VersionTLS13)},
	{Name: "no-sslv3", In: OnBind, Status: Without, Why: oldVersion},
	{Name: "no-tls-tickets", In: OnBind, Text: "Clients resume no sessions: each connection costs a whole handshake.", Example: tlsExample + " no-tls-tickets",
		option: func(o *options) { o.bind.tls.NoTickets = true }},
	{Name: "no-tlsv10", In: OnBind, Status: Without, Why: oldVersion},
	{Name: "no-tlsv11", In: OnBind, Status: Without, Why: oldVersion},
	{Name: "no-tlsv12", In: OnBind, Text: "TLS 1.3 only.", Example: tlsExample + " no-tlsv12", option: bindWithout(tls.VersionTLS12)},
	{Name: "no-tlsv13", In: OnBind, Text: "TLS 1.2 only.", Example: tlsExample + " no-tlsv13", option: bindWithout(tls.VersionTLS13)},
	{Name: "prefer-client-ciphers", In: OnBind, Status: Without, Why: "Go's TLS chooses among the suites that both know, by what the machines do fast"},
	{Name: "ssl", In: OnBind, Text: "Clients speak TLS, 1.2 or 1.3.", Example: tlsExample, option: func(o *options) { o.bind.tls.on = true }},
	{Name: "ssl-max-ver", In: OnBind, Usage: "TLSv1.2|TLSv1.3", Text: "The newest version of TLS that is spoken.", Example: tlsExample + " ssl-max-ver TLSv1.2",
		option: bindVersion(func(s *cert.Settings) *uint16 { return &s.Max })},
	{Name: "ssl-min-ver", In: OnBind, Usage: "TLSv1.2|TLSv1.3", Text: "The oldest version of TLS that is spoken; TLSv1.2 where it is not given, or older.", Example: tlsExample + " ssl-min-ver TLSv1.3",
		option: bindVersion(func(s *cert.Settings) *uint16 { return &s.Min })},
	{Name: "strict-sni", In: OnBind, Text: "A client that names no host of a certificate is refused; else it gets the first certificate.", Example: tlsExample + " strict-sni",
		option: func(o *options) { o.bind.tls.Strict = true }},
	{Name: "verify", In: OnBind, Usage: "none|optional|required", Text: "Whether clients must show a certificate, or may; one that is shown must be good.", Example: tlsExample + " ca-file web.pem verify required", option: bindVerify},
}
