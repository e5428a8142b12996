package config

import (
	"crypto/tls"
	"slices"
	"strings"

	"bascule/internal/cert"
	"bascule/internal/lang"
	"bascule/internal/rule"
)

// A serverTLS is what the options of a server line say of TLS.
type serverTLS struct {
	use, check         choice
	ofDefault          bool // default-server has ssl
	verify             string
	cas                *cert.Authorities
	crls               *cert.Revocations
	curves             string
	autoSNI            bool
	crt, host          string
	alpn, checkALPN    []string
	ciphers, suites    string
	min, max           uint16
	without            tlsSet
	noReuse, noTickets bool
}

// A choice is an option that may be switched on and off, or not be there.
type choice uint8

const (
	open choice = iota
	yes
	no
)

// A tlsSet has bits for the versions from SSLv3 to TLS 1.3.
type tlsSet uint8

func versionBit(v uint16) tlsSet { return 1 << (v - tls.VersionSSL30) } //nolint:staticcheck // its number only

// serverWord reads an option's word; missing is HAProxy's complaint.
func serverWord(missing string, set func(*options, lang.Word)) func(*options) {
	return func(o *options) {
		w := o.take()
		if w.Text == "" {
			o.bad(w, "'%s' : %s.", o.opt.Text, missing)
			return
		}
		set(o, w)
	}
}

// verifyMethods are the words of verify, and of ssl-server-verify.
var verifyMethods = []string{"none", "required"}

func serverVerify(o *options, w lang.Word) {
	if !slices.Contains(verifyMethods, w.Text) {
		o.problem(w, "'verify' : unknown verify method '"+w.Text+"', only 'none' and 'required' are supported.", verifyMethods)
		return
	}
	o.srv.tls.verify = w.Text
}

func serverCAFile(o *options, w lang.Word) {
	path := w.Text
	if path != cert.SystemCAs {
		path = under(o.cfg.Global.CABase, path)
	}
	cas, err := cert.LoadCAs(path, o.certFiles())
	if err != nil {
		o.bad(w, "'ca-file' : unable to load %s: %s", w.Text, err)
		return
	}
	o.srv.tls.cas = cas
}

func serverCRLFile(o *options, w lang.Word) {
	crls, err := cert.LoadCRLs(under(o.cfg.Global.CABase, w.Text), o.certFiles())
	if err != nil {
		o.bad(w, "'crl-file' : unable to load %s: %s", w.Text, err)
		return
	}
	o.srv.tls.crls = crls
}

func serverSNI(o *options, w lang.Word) {
	e, err := rule.ParseServerName(w)
	if err != nil {
		o.bad(w, "error detected while parsing sni expression : %s", err)
		return
	}
	o.srv.SNI = e
}

// protocols are the names of a comma-delimited list.
func protocols(w lang.Word) []string {
	return slices.DeleteFunc(strings.Split(w.Text, ","), func(name string) bool { return name == "" })
}

// serverVersion reads ssl-min-ver and ssl-max-ver.
func serverVersion(at func(*serverTLS) *uint16) func(*options) {
	return serverWord("missing the ssl/tls version", func(o *options, w lang.Word) {
		v, ok := tlsVersions[w.Text]
		if !ok {
			o.problem(w, "'"+w.Text+"' : unknown ssl/tls version.", versionWords)
			return
		}
		*at(&o.srv.tls) = v
	})
}

// versionWords are those of tlsVersions, the oldest first.
var versionWords = []string{"SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"}

// forced and without read force-tlsv12, no-tlsv12 and their like.
func forced(v uint16) func(*options) {
	return func(o *options) { o.srv.tls.min, o.srv.tls.max = v, v }
}

func without(v uint16) func(*options) {
	return func(o *options) { o.srv.tls.without |= versionBit(v) }
}

// versions are the oldest and the newest version that may be spoken, 0 where there
// is none, and one between them in words that may not, "" where there is none.
func (s *serverTLS) versions() (low, high uint16, hole string) {
	left := ^s.without
	if s.min != 0 || s.max != 0 {
		left = ^tlsSet(0) // no-tlsv12 and its like count only alone
	}
	if s.min != 0 {
		left &^= versionBit(s.min) - 1
	}
	if s.max != 0 {
		left &= versionBit(s.max)<<1 - 1
	}
	begun, gap := false, ""
	for _, word := range versionWords[1:] { // OpenSSL has no SSLv3
		v := tlsVersions[word]
		if left&versionBit(v) == 0 {
			if begun {
				gap = word
			}
			continue
		}
		if begun = true; gap != "" {
			hole, gap = gap, ""
		}
		if high = v; low == 0 && v >= tls.VersionTLS12 {
			low = v
		}
	}
	return low, high, hole
}

const (
	serverTLSExample = "server s1 127.0.0.1:8443 ssl verify required ca-file web.pem"
	noALPN           = "missing the comma-delimited ALPN protocol suite"
)

// switched reads an option that is there or not.
func switched(at func(*serverTLS) *choice, to choice) func(*options) {
	return func(o *options) {
		*at(&o.srv.tls) = to
		o.srv.tls.ofDefault = o.srv.tls.ofDefault || o.isDef && to == yes
	}
}

func useTLS(t *serverTLS) *choice   { return &t.use }
func checkTLS(t *serverTLS) *choice { return &t.check }

// namedByHost reads sni-auto and no-sni-auto.
func namedByHost(is bool) func(*options) {
	return serverFlag(func(s *Server) { s.tls.autoSNI = is })
}

// serverTLSOptions are the options of server and default-server lines about TLS.
var serverTLSOptions = []Keyword{
	{Name: "alpn", In: OnServer, Usage: "<protocols>", Text: "The protocols that are offered to the server, in the order of preference. h2 may stand in the list of a server in mode http and is not offered.",
		Example: serverTLSExample + " alpn http/1.1", option: serverWord(noALPN, func(o *options, w lang.Word) { o.srv.tls.alpn = protocols(w) })},
	{Name: "ca-file", In: OnServer, Usage: "<file>|@system-ca", Text: "The authorities that the server's certificate must come from; @system-ca are those that the system trusts.", Example: serverTLSExample, option: serverWord("missing CAfile path", serverCAFile)},
	{Name: "check-alpn", In: OnServer, Usage: "<protocols>", Text: "The same for checks.", Example: serverTLSExample + " check check-alpn http/1.1", option: serverWord(noALPN, func(o *options, w lang.Word) { o.srv.tls.checkALPN = protocols(w) })},
	{Name: "check-sni", In: OnServer, Usage: "<name>", Text: "The name that checks ask for by SNI; none where not given.", Example: serverTLSExample + " check check-sni web.test", option: serverWord("missing SNI", func(o *options, w lang.Word) { o.srv.CheckSNI = w.Text })},
	{Name: "check-ssl", In: OnServer, Text: "Checks speak TLS wherever they go; with ssl they do unless port or addr is given.", Example: "server s1 127.0.0.1:8080 check check-ssl port 8443 verify none", option: switched(checkTLS, yes)},
	{Name: "ciphers", In: OnServer, Usage: "<ciphers>", Text: "The cipher suites of TLS 1.2, in OpenSSL's words; Go's own where it is not given.",
		Differs: "The order has no effect. A list with no suite that Go speaks, such as DHE alone, is an alert.",
		Example: serverTLSExample + " ciphers ECDHE-RSA-AES128-GCM-SHA256:EECDH+AESGCM", option: serverWord("missing cipher suite", func(o *options, w lang.Word) { o.srv.tls.ciphers = w.Text })},
	{Name: "ciphersuites", In: OnServer, Usage: "<suites>", Text: "The cipher suites of TLS 1.3.", Differs: "All three of AES and CHACHA20 are always spoken.",
		Example: serverTLSExample + " ciphersuites TLS_AES_128_GCM_SHA256", option: serverWord("missing cipher suite", func(o *options, w lang.Word) { o.srv.tls.suites = w.Text })},
	{Name: "crl-file", In: OnServer, Usage: "<file>", Text: "Lists of revoked certificates: one of every authority in the server's chain must be there, signed and in time, and none may name one of the chain. A reload reads them again.",
		Differs: "As of binds: a resumed session is looked up too, of several lists of an authority each counts.",
		Example: serverTLSExample + " crl-file web.pem", option: serverWord("missing CRLfile path", serverCRLFile)},
	{Name: "crt", In: OnServer, Usage: "<file>", Text: "The certificate that is shown to a server which asks for one, with its key in the file or in <file>.key.", Example: serverTLSExample + " crt web.pem", option: serverWord("missing certificate file path", func(o *options, w lang.Word) { o.srv.tls.crt = w.Text })},
	{Name: "curves", In: OnServer, Usage: "<curves>", Text: "The curves of the key exchange, in OpenSSL's names, as those of binds.", Differs: "The order has no effect. A name that is no curve is an alert.",
		Example: serverTLSExample + " curves X25519:P-256", option: serverWord("missing curve suite", func(o *options, w lang.Word) { o.srv.tls.curves = w.Text })},
	{Name: "force-tlsv12", In: OnServer, Text: "TLS 1.2 only.", Example: serverTLSExample + " force-tlsv12", option: forced(tls.VersionTLS12)},
	{Name: "force-tlsv13", In: OnServer, Text: "TLS 1.3 only.", Example: serverTLSExample + " force-tlsv13", option: forced(tls.VersionTLS13)},
	{Name: "no-check-ssl", In: OnServer, Text: "Takes back `check-ssl` of default-server, and keeps the checks of a server with ssl in the clear.", Example: serverTLSExample + " check no-check-ssl port 8080", option: switched(checkTLS, no)},
	{Name: "no-sni-auto", In: OnServer, Text: "Takes back `sni-auto` of default-server.", Example: serverTLSExample + " no-sni-auto", option: namedByHost(false)},
	{Name: "no-ssl", In: OnServer, Text: "Takes back `ssl` of default-server.", Example: "server s1 127.0.0.1:8080 no-ssl", option: switched(useTLS, no)},
	{Name: "no-ssl-reuse", In: OnServer, Text: "Resumes no session: each connection costs a whole handshake.", Example: serverTLSExample + " no-ssl-reuse", option: serverFlag(func(s *Server) { s.tls.noReuse = true })},
	{Name: "no-sslv3", In: OnServer, Text: "Means little: " + oldVersion + ".", Example: serverTLSExample + " no-sslv3", option: without(tls.VersionSSL30)}, //nolint:staticcheck // its number only
	{Name: "no-tls-tickets", In: OnServer, Text: "The same as `no-ssl-reuse`.", Example: serverTLSExample + " no-tls-tickets", option: serverFlag(func(s *Server) { s.tls.noTickets = true })},
	{Name: "no-tlsv10", In: OnServer, Text: "Means little: " + oldVersion + ".", Example: serverTLSExample + " no-tlsv10", option: without(tls.VersionTLS10)},
	{Name: "no-tlsv11", In: OnServer, Text: "Means little: " + oldVersion + ".", Example: serverTLSExample + " no-tlsv10 no-tlsv11", option: without(tls.VersionTLS11)},
	{Name: "no-tlsv12", In: OnServer, Text: "TLS 1.3 only.", Example: serverTLSExample + " no-tlsv10 no-tlsv11 no-tlsv12", option: without(tls.VersionTLS12)},
	{Name: "no-tlsv13", In: OnServer, Text: "TLS 1.2 only.", Example: serverTLSExample + " no-tlsv13", option: without(tls.VersionTLS13)},
	{Name: "no-verifyhost", In: OnServer, Text: "Takes back `verifyhost` of default-server.", Example: serverTLSExample + " no-verifyhost", option: serverFlag(func(s *Server) { s.tls.host = "" })},
	{Name: "sni", In: OnServer, Usage: "<expression>", Text: "The name that the server is asked for by SNI, and that its certificate must be for. A kept connection serves only requests that ask for its name.", Example: serverTLSExample + " sni req.hdr(host),field(1,:)", option: serverWord("missing sni expression", serverSNI)},
	{Name: "sni-auto", In: OnServer, Text: "In mode http the server is asked for the name in the request's Host where sni says none: the same as `sni req.hdr(host),host_only`. The client chooses it, so let rules choose the hosts.",
		Differs: "HAProxy has it from 3.3 on, where it is the default; here it has to be written.", Example: serverTLSExample + " sni-auto", option: namedByHost(true)},
	{Name: "ssl", In: OnServer, Text: "The server speaks TLS, 1.2 or 1.3. Its certificate is verified unless verify none says otherwise.", Example: serverTLSExample, option: switched(useTLS, yes)},
	{Name: "ssl-max-ver", In: OnServer, Usage: "TLSv1.2|TLSv1.3", Text: "The newest version of TLS that is spoken.", Example: serverTLSExample + " ssl-max-ver TLSv1.2", option: serverVersion(func(t *serverTLS) *uint16 { return &t.max })},
	{Name: "ssl-min-ver", In: OnServer, Usage: "TLSv1.2|TLSv1.3", Text: "The oldest version of TLS that is spoken; TLSv1.2 where it is not given, or older.", Example: serverTLSExample + " ssl-min-ver TLSv1.3", option: serverVersion(func(t *serverTLS) *uint16 { return &t.min })},
	{Name: "ssl-reuse", In: OnServer, Text: "Takes back `no-ssl-reuse` of default-server.", Example: serverTLSExample + " ssl-reuse", option: serverFlag(func(s *Server) { s.tls.noReuse = false })},
	{Name: "tls-tickets", In: OnServer, Text: "Takes back `no-tls-tickets` of default-server.", Example: serverTLSExample + " tls-tickets", option: serverFlag(func(s *Server) { s.tls.noTickets = false })},
	{Name: "verify", In: OnServer, Usage: "none|required", Text: "Whether the server's certificate must come from an authority of ca-file and be for the right name; required where not given.", Example: serverTLSExample, option: serverWord("missing verify method", serverVerify)},
	{Name: "verifyhost", In: OnServer, Usage: "<name>", Text: "The name that the server's certificate must be for where sni asks for none, or may be for instead.", Example: serverTLSExample + " verifyhost web.test", option: serverWord("missing hostname to verify against", func(o *options, w lang.Word) { o.srv.tls.host = w.Text })},
}
