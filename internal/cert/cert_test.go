package cert_test

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"io/fs"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"bascule/internal/cert"
	"bascule/internal/cert/certtest"
)

func files(all map[string][]byte) cert.Files {
	in := fstest.MapFS{}
	for name, data := range all {
		in[name] = &fstest.MapFile{Data: data}
	}
	return cert.Files{
		ReadFile: func(name string) ([]byte, error) { return fs.ReadFile(in, name) },
		ReadDir:  func(name string) ([]fs.DirEntry, error) { return fs.ReadDir(in, name) },
		Stat:     func(name string) (fs.FileInfo, error) { return fs.Stat(in, name) },
	}
}

// entries are those of crt: each certificate for its own names.
func entries(list []*cert.Certificate) []*cert.Entry {
	all := make([]*cert.Entry, 0, len(list))
	for _, c := range list {
		all = append(all, &cert.Entry{Certificate: c})
	}
	return all
}

func TestCertificatesAreReadAsHAProxyReadsThem(t *testing.T) {
	m := certtest.New(t)
	certificate, key := m.ECDSA("web.test", "*.Web.test")
	other, otherKey := m.RSA("web.test")
	from := files(map[string][]byte{
		"both.pem": append(bytes.Clone(certificate), key...), "swapped.pem": append(bytes.Clone(key), certificate...),
		"apart.pem": certificate, "apart.pem.key": key, "alone.pem": certificate,
		"locked.pem": append(bytes.Clone(certificate), pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY"})...),
		"old.pem":    append(bytes.Clone(certificate), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}})...),
		"wrong.pem":  append(bytes.Clone(certificate), otherKey...), "junk.pem": []byte("junk\n"),
		"pair.ecdsa": append(bytes.Clone(certificate), key...), "pair.rsa": append(bytes.Clone(other), otherKey...),
		"dir/b.pem": append(bytes.Clone(certificate), key...), "dir/a.pem": other, "dir/a.pem.key": otherKey,
		"dir/.hidden": []byte("junk"), "dir/a.pem.issuer": []byte("junk"), "dir/a.pem.sctl": {0, 0}, "dir/sub/c.pem": []byte("junk"),
		"bad/a.pem": append(bytes.Clone(certificate), key...), "bad/z.pem": []byte("junk"),
	})
	for _, test := range []struct {
		path string
		want string // paths, or the error's words
	}{
		{"both.pem", "both.pem"}, {"swapped.pem", "swapped.pem"}, {"apart.pem", "apart.pem"},
		{"pair", "pair.rsa pair.ecdsa"}, {"dir", "dir/a.pem dir/b.pem"},
		{"alone.pem", "No Private Key found in 'alone.pem.key'. It may stand there or behind the certificate."},
		{"wrong.pem", "inconsistencies between private key and certificate loaded 'wrong.pem'. The key must be that of the first certificate."},
		{"locked.pem", "unable to load private key for 'locked.pem'. It has a passphrase; openssl pkey writes it without."},
		{"old.pem", "unable to load private key for 'old.pem'. It has a passphrase; openssl pkey writes it without."},
		{"junk.pem", "unable to load certificate from file 'junk.pem'. It has none in PEM that can be read."},
		{"bad", "unable to load certificate from file 'bad/z.pem'. It has none in PEM that can be read."},
		{"none", "unable to stat SSL certificate from file 'none' : File does not exist."},
	} {
		list, err := cert.Load(test.path, from)
		var paths []string
		for _, c := range list {
			paths = append(paths, c.Path)
		}
		got := strings.Join(paths, " ")
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.path, got, test.want)
		}
	}
	list, err := cert.Load("both.pem", from)
	if err != nil || !slices.Equal(list[0].Names, []string{"web.test", "*.web.test"}) {
		t.Errorf("names %q, %v", list[0].Names, err)
	}
}

func TestTheNameChoosesTheCertificate(t *testing.T) {
	m := certtest.New(t)
	ec, ecKey := m.ECDSA("web.test", "*.web.test")
	rsa, rsaKey := m.RSA("web.test")
	from := files(map[string][]byte{
		"default": m.Both("default.test"), "api": m.Both("api.web.test"),
		"web.ecdsa": append(ec, ecKey...), "web.rsa": append(rsa, rsaKey...),
	})
	var all []*cert.Certificate
	for _, name := range []string{"default", "api", "web"} {
		list, err := cert.Load(name, from)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
	}
	set := cert.NewSet(entries(all))
	modern := tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS13}, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256}}
	old := tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS12}, SignatureSchemes: []tls.SignatureScheme{tls.PKCS1WithSHA256, tls.ECDSAWithP256AndSHA256},
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}
	for _, test := range []struct {
		name   string
		hello  tls.ClientHelloInfo
		strict bool
		want   string
	}{
		{"default.test", modern, false, "default"},
		{"", modern, false, "default"},
		{"other.test", modern, false, "default"},
		{"API.web.TEST", modern, true, "api"},
		{"shop.web.test", modern, true, "web.ecdsa"},
		{"a.shop.web.test", modern, false, "default"},
		{"web.test", modern, true, "web.ecdsa"},
		{"web.test", old, true, "web.rsa"},
		{"", modern, true, ""},
		{"other.test", modern, true, ""},
	} {
		test.hello.ServerName = test.name
		c, err := set.Pick(&test.hello, test.strict)
		got := ""
		if err == nil {
			got = c.Path
		}
		if got != test.want {
			t.Errorf("%q (strict %v): got %q, want %q", test.name, test.strict, got, test.want)
		}
	}
}

// handshake says what a client of TLS 1.2 with one suite agrees on.
func handshake(t *testing.T, s *cert.Settings, m *certtest.Maker, suite uint16) error {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	go func() { // ends with the pipe
		_ = tls.Server(ours, s.Server()).Handshake() // what the client says counts
		ours.Close()
	}()
	return tls.Client(theirs, &tls.Config{RootCAs: m.Pool(), ServerName: "web.test",
		MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}}).Handshake()
}

// Suites with CBC are what Lucky Thirteen is about, and scanners report them.
func TestSuitesWithoutAEADAreNotSpokenUnasked(t *testing.T) {
	m := certtest.New(t)
	list, err := cert.Load("site", files(map[string][]byte{"site": m.Both("web.test")}))
	if err != nil {
		t.Fatal(err)
	}
	s := &cert.Settings{Certificates: cert.NewSet(entries(list))}
	s.Build()
	for _, test := range []struct {
		suite uint16
		want  bool
	}{
		{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, true},
		{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, true},
		{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, true},
		{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, false},
		{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, false},
	} {
		if err := handshake(t, s, m, test.suite); (err == nil) != test.want {
			t.Errorf("%s: %v, want it spoken: %v", tls.CipherSuiteName(test.suite), err, test.want)
		}
	}
}
