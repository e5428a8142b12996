package advice

import (
	"slices"
	"strings"
)

// goCiphers are the suites up to TLS 1.2 that Go's crypto/tls has, by OpenSSL's
// names.
var goCiphers = []string{
	"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
	"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
	"ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA",
	"ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA",
	"AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA256", "AES128-SHA", "AES256-SHA",
}

// goSuites are those of TLS 1.3.
var goSuites = []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}

func ciphersUnusable(f *finder) {
	g := &f.cfg.Global
	for _, c := range []struct{ keyword, list, sep string }{
		{"ssl-default-bind-ciphers", g.BindCiphers, ":, "}, {"ssl-default-bind-ciphersuites", g.BindCiphersuites, ":"},
	} {
		var missing []string
		for _, name := range strings.FieldsFunc(c.list, func(r rune) bool { return strings.ContainsRune(c.sep, r) }) {
			// What is no name of a suite is an operation or a class: ! - + @ HIGH.
			if strings.ContainsAny(name[:1], "!-+@") || !strings.ContainsAny(name, "-_") {
				continue
			}
			if !slices.Contains(goCiphers, name) && !slices.Contains(goSuites, name) {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 {
			f.global(c.keyword, "not in Go's TLS: %s", strings.Join(missing, ", "))
		}
	}
}
