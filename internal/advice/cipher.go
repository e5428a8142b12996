package advice

import (
	"strings"

	"bascule/internal/cert"
)

func ciphersUnusable(f *finder) {
	g := &f.cfg.Global
	for _, list := range unusable(g.BindCiphers, g.BindCiphersuites, g.BindCurves) {
		f.global("ssl-default-bind-"+list.keyword, "%s", list.text)
	}
	for p := range f.frontends {
		for _, b := range p.Binds {
			if b.TLS == nil {
				continue
			}
			own := func(list, global string) string {
				if list == global { // told there
					return ""
				}
				return list
			}
			for _, list := range unusable(own(b.TLS.CipherList, g.BindCiphers), own(b.TLS.SuiteList, g.BindCiphersuites), own(b.TLS.CurveList, g.BindCurves)) {
				f.bind(p, b, "%s: %s", list.keyword, list.text)
			}
		}
	}
}

// An unused list has names that have no effect.
type unused struct{ keyword, text string }

func unusable(ciphers, suites, curves string) (list []unused) {
	tell := func(keyword string, missing []string) {
		if len(missing) > 0 {
			list = append(list, unused{keyword, "not in Go's TLS: " + strings.Join(missing, ", ")})
		}
	}
	_, missing := cert.Ciphers(ciphers)
	tell("ciphers", missing)
	if suites != "" {
		_, left, missing := cert.Ciphersuites(suites)
		tell("ciphersuites", missing)
		if len(left) > 0 {
			list = append(list, unused{"ciphersuites", "spoken all the same: " + strings.Join(left, ", ")})
		}
	}
	if curves != "" {
		_, missing, _ := cert.Curves(curves)
		tell("curves", missing)
	}
	return list
}
