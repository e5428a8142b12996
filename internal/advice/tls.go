package advice

import (
	"crypto/rsa"
	"slices"
	"time"

	"bascule/internal/cert"
	"bascule/internal/config"
)

// secured are the binds with TLS.
func (f *finder) secured(yield func(*config.Proxy, *config.Bind) bool) {
	for p := range f.frontends {
		for _, b := range p.Binds {
			if b.TLS != nil && !yield(p, b) {
				return
			}
		}
	}
}

// shown are the certificates that binds show to clients.
func (f *finder) shown(about func(c *cert.Certificate, say func(format string, args ...any))) {
	for p, b := range f.secured {
		for _, e := range b.TLS.Certificates.All() {
			about(e.Certificate, func(format string, args ...any) { f.bind(p, b, e.Path+": "+format, args...) })
		}
	}
}

func alpnH2(f *finder) {
	for p, b := range f.secured {
		if slices.Contains(b.TLS.ALPN, "h2") {
			f.bind(p, b, "alpn %s: h2 is never agreed on", b.TLS.ALPN)
		}
	}
}

// soon is when a certificate should have been renewed: Let's Encrypt's tools do it a
// month before the end, so half of that is a renewal that has failed for weeks.
const soon = 14 * 24 * time.Hour

func certificateEnds(f *finder) {
	now := time.Now()
	f.shown(func(c *cert.Certificate, say func(string, ...any)) {
		end := c.Leaf.NotAfter.UTC().Format(time.DateTime)
		switch left := c.Leaf.NotAfter.Sub(now); {
		case left < 0:
			say("expired at %s", end)
		case c.Leaf.NotBefore.After(now):
			say("not valid before %s", c.Leaf.NotBefore.UTC().Format(time.DateTime))
		case left < soon && left < c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)/4: // one that lives for a week is renewed late
			say("expires at %s", end)
		}
	})
}

func chainBroken(f *finder) {
	f.shown(func(c *cert.Certificate, say func(string, ...any)) {
		switch next, given := c.Next(); {
		case given && c.Leaf.CheckSignatureFrom(next) != nil:
			say("the certificate behind it, of %s, is not that of its issuer, %s", next.Subject, c.Leaf.Issuer)
		case !given && len(c.Leaf.IssuingCertificateURL) > 0:
			say("the certificate of its issuer, %s, is not behind it", c.Leaf.Issuer)
		}
	})
}

// weakRSA is what no browser takes any more.
const weakRSA = 2048

func keyWeak(f *finder) {
	f.shown(func(c *cert.Certificate, say func(string, ...any)) {
		if k, ok := c.Leaf.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() < weakRSA {
			say("RSA of %d bits", k.N.BitLen())
		}
	})
}
