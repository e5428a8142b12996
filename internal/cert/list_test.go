package cert_test

import (
	"crypto/tls"
	"reflect"
	"testing"

	"bascule/internal/cert"
)

func TestLinesOfACrtListAreRead(t *testing.T) {
	for _, test := range []struct {
		text string
		want cert.ListLine
		err  string
	}{
		{text: ""}, {text: "# a comment"}, {text: " \t "}, {text: "\r"},
		{text: "web.pem", want: cert.ListLine{Path: "web.pem"}},
		{text: "\tweb.pem \r", want: cert.ListLine{Path: "web.pem"}},
		{text: "web.pem *.web.test !api.web.test", want: cert.ListLine{Path: "web.pem", Filters: []string{"*.web.test", "!api.web.test"}}},
		{text: "web.pem [alpn h2,http/1.1 verify none] web.test", want: cert.ListLine{Path: "web.pem", Bracket: true, Options: []string{"alpn", "h2,http/1.1", "verify", "none"}, Filters: []string{"web.test"}}},
		{text: "web.pem[alpn h2]web.test", want: cert.ListLine{Path: "web.pem", Bracket: true, Options: []string{"alpn", "h2"}, Filters: []string{"web.test"}}},
		{text: "web.pem []", want: cert.ListLine{Path: "web.pem", Bracket: true, Options: []string{}}},
		{text: "web.pem lost.test [alpn h2]", want: cert.ListLine{Path: "web.pem", Bracket: true, Options: []string{"alpn", "h2"}, Misplaced: true}},
		{text: "[alpn h2] web.pem", err: "file must start with a cert"}, {text: "web.pem alpn h2]", err: "missing '['"},
		{text: "web.pem [a][b]", err: "too many '['"}, {text: "web.pem [a]]", err: "too many ']'"}, {text: "web.pem [verify required", err: "missing ']'"},
	} {
		got, err := cert.ParseListLine(test.text)
		if err != nil {
			got = cert.ListLine{}
		}
		if said := errorText(err); !reflect.DeepEqual(got, test.want) || said != test.err {
			t.Errorf("%q: got %+v, %q; want %+v, %q", test.text, got, said, test.want, test.err)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func FuzzListLine(f *testing.F) {
	for _, text := range []string{"", "web.pem [alpn h2] *.web.test !x", "a[b]c", "#", "]["} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := cert.ParseListLine(text)
		if err == nil && l.Path == "" && (l.Bracket || l.Filters != nil) {
			t.Errorf("%q: options or names without a file: %+v", text, l)
		}
	})
}

func TestFiltersChooseTheCertificate(t *testing.T) {
	entry := func(path string, filters ...string) *cert.Entry {
		return &cert.Entry{Certificate: &cert.Certificate{Path: path, Names: []string{path + ".own"}}, Filters: filters}
	}
	set := cert.NewSet([]*cert.Entry{
		entry("first", "first.test"), entry("wide", "*.Web.test", "!api.web.test", "!*.no.test"), entry("wide2", "*.web.test", "!shop.web.test"),
		entry("exact", "www.web.test"), entry("none", "!any.test"), entry("all", "*"), entry("own"),
	})
	for name, want := range map[string]string{
		"a.web.test": "wide", "api.web.test": "wide2", "www.web.test": "exact", "WWW.web.test": "exact", "web.test": "first", "b.a.web.test": "first",
		"any.test": "first", "wide.own": "first", "own.own": "own", "other.test": "first", "": "first", ".web.test": "first",
	} {
		if e, err := set.Pick(&tls.ClientHelloInfo{ServerName: name}, false); err != nil || e.Path != want {
			t.Errorf("%q: got %v, %v; want %s", name, e, err, want)
		}
	}
	if e, err := set.Pick(&tls.ClientHelloInfo{ServerName: "any.test"}, true); err == nil {
		t.Errorf("any.test is shown %s, with strict-sni", e.Path)
	}
}
