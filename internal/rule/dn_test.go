package rule

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
)

func TestFormsOfNames(t *testing.T) {
	name := func(value any) []byte {
		der, err := asn1.Marshal(pkix.RDNSequence{{{Type: []int{2, 5, 4, 6}, Value: "FR"}}, {{Type: []int{2, 5, 4, 3}, Value: value}}})
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	raw := func(tag int, bytes string) []byte { return name(asn1.RawValue{Tag: tag, Bytes: []byte(bytes)}) }
	for _, c := range []struct {
		of         []byte
		line, ldap string
	}{
		{name("web.test"), "/C=FR/CN=web.test", "CN=web.test,C=FR"},
		{name(" # a, b "), "/C=FR/CN= # a, b ", `CN=\ # a\, b\ ,C=FR`},
		{name("é\x7f"), "/C=FR/CN=é\x7f", `CN=\C3\A9\7F,C=FR`},
		{raw(asn1.TagT61String, "\xe9"), "/C=FR/CN=\xe9", `CN=\C3\A9,C=FR`},
		{raw(asn1.TagBMPString, "\x20\xac\x00"), "/C=FR/CN=\x20\xac\x00", `CN=\E2\82\AC,C=FR`},
		{raw(tagUniversal, "\x00\x01\xf6\x00"), "/C=FR/CN=\x00\x01\xf6\x00", `CN=\F0\9F\98\80,C=FR`},
		{raw(asn1.TagInteger, "\x07"), "/C=FR/CN=\x07", "CN=#020107,C=FR"},
		{nil, "", ""}, {[]byte("no name"), "", ""},
	} {
		d := parseDN(c.of)
		if got := string(d.appendLine(nil)); got != c.line {
			t.Errorf("%x: %q, want %q", c.of, got, c.line)
		}
		if got := string(d.appendRFC2253(nil)); got != c.ldap {
			t.Errorf("%x: %q, want %q", c.of, got, c.ldap)
		}
	}
}

// FuzzDN reads what a client's certificate may hold.
func FuzzDN(f *testing.F) {
	for _, text := range []string{"", "a", " a,b+c ", "#\x00"} {
		der, err := asn1.Marshal(pkix.Name{CommonName: text, Country: []string{"FR"}, ExtraNames: []pkix.AttributeTypeAndValue{{Type: []int{1, 2, 3}, Value: text}}}.ToRDNSequence())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der, "CN", int64(1))
	}
	f.Fuzz(func(t *testing.T, der []byte, part string, n int64) {
		d := parseDN(der)
		all := string(d.appendLine(nil))
		if p := d.part(part, n); !strings.Contains(all, string(p)) {
			t.Errorf("%q is no part of %q", p, all)
		}
		for _, c := range d.appendRFC2253(nil) {
			if c < ' ' || c >= 0x7f {
				t.Errorf("%q in %q", c, d.appendRFC2253(nil))
			}
		}
	})
}
