package cert

import (
	"crypto/tls"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func chosen(ids []uint16) []string {
	var names []string
	for _, s := range suites {
		if slices.Contains(ids, s.id) {
			names = append(names, s.name)
		}
	}
	return names
}

func TestListsOfCiphersOfTheWorldAreRead(t *testing.T) {
	intermediate := "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" +
		"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305"
	for _, test := range []struct {
		list    string
		want    int
		missing string
	}{
		{intermediate, 6, "DHE-RSA-AES128-GCM-SHA256 DHE-RSA-AES256-GCM-SHA384 DHE-RSA-CHACHA20-POLY1305"},
		{"EECDH+AESGCM:EDH+AESGCM", 4, "EDH+AESGCM"},
		{"HIGH:!aNULL:!MD5", 14, ""},
		{"ECDHE-RSA-AES128-SHA256:!CBC", 0, ""},
		{"bogus", 0, "bogus"}, {"DHE", 0, "DHE"}, {"!HIGH", 0, ""}, {"ALL:!ALL", 0, ""}, {"HIGH:@BOGUS", 0, ""}, {"HIGH:@SECLEVEL=9", 0, ""},
		{"", 0, ""}, {",:", 0, ""}, {"!", 0, ""}, {"HIGH:ü", 0, ""}, {"DEFAULT", 14, ""}, {"HIGH:@SECLEVEL=3", 10, ""}, {"HIGH:@SECLEVEL=4", 4, ""},
	} {
		ids, missing := Ciphers(test.list)
		if got := strings.Join(missing, " "); len(ids) != test.want || got != test.missing {
			t.Errorf("%q: %q, missing %q; want %d, %q", test.list, chosen(ids), got, test.want, test.missing)
		}
	}
}

// Lists made of OpenSSL's words choose the suites that OpenSSL chooses, of those
// that Go has.
func TestListsOfCiphersAreReadAsOpenSSLReadsThem(t *testing.T) {
	words := []string{"ALL", "HIGH", "MEDIUM", "kECDHE", "ECDHE", "EECDH", "ECDH", "aECDSA", "ECDSA", "aRSA", "RSA", "kRSA", "AES", "AES128", "AES256", "AESGCM",
		"CHACHA20", "CBC", "SHA", "SHA1", "SHA256", "SHA384", "TLSv1", "TLSv1.0", "TLSv1.2", "SSLv3", "DHE", "aNULL", "eNULL", "MD5", "bogus", "FIPS", "PSK"}
	for _, s := range suites {
		words = append(words, s.name)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		list := []string{"none"} // a minus in front would be a flag of openssl
		for range 1 + random.IntN(5) {
			word := words[random.IntN(len(words))]
			if random.IntN(3) == 0 {
				word += "+" + words[random.IntN(len(words))]
			}
			list = append(list, []string{"", "", "", "!", "-", "+"}[random.IntN(6)]+word)
		}
		text := strings.Join(list, []string{":", ",", ";"}[random.IntN(3)])
		// What cannot be read is an error of openssl's, and no list.
		out, _ := exec.Command("openssl", "ciphers", text).Output() //nolint:gosec // words of this test
		want := strings.Split(strings.TrimSpace(string(out)), ":")
		ids, _ := Ciphers(text)
		got := chosen(ids)
		for _, s := range suites {
			if !s.leaks() && slices.Contains(want, s.name) != slices.Contains(got, s.name) {
				t.Errorf("%q: %s: got %v, openssl %v", text, s.name, slices.Contains(got, s.name), slices.Contains(want, s.name))
			}
		}
	}
	if out, err := exec.Command("openssl", "ciphers", "ALL").Output(); err != nil || !strings.Contains(string(out), suites[0].name) {
		t.Errorf("openssl is needed as the oracle: %v", err)
	}
}

func TestCurvesHaveOpenSSLsNames(t *testing.T) {
	for _, test := range []struct {
		list    string
		want    []tls.CurveID
		missing string
		bad     bool
	}{
		{list: "X25519:prime256v1:secp384r1", want: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}},
		{list: "X25519MLKEM768:P-521:X448", want: []tls.CurveID{tls.X25519MLKEM768, tls.CurveP521}, missing: "X448"},
		{list: "X448", missing: "X448", bad: true}, {list: "X25519:bogus", bad: true}, {list: "P-256:prime256v1", bad: true},
		{list: "X25519:", bad: true}, {list: "", bad: true}, {list: "P-256,P-384", bad: true},
	} {
		ids, missing, err := Curves(test.list)
		if got := strings.Join(missing, " "); !slices.Equal(ids, test.want) || got != test.missing || (err != nil) != test.bad {
			t.Errorf("%q: %v, missing %q, %v", test.list, ids, got, err)
		}
	}
}

func TestCiphersuitesAreSpokenWhateverTheListSays(t *testing.T) {
	taken, left, missing := Ciphersuites("TLS_AES_256_GCM_SHA384:TLS_AES_128_CCM_SHA256:bogus")
	if strings.Join(taken, " ") != "TLS_AES_256_GCM_SHA384" || len(left) != 2 || strings.Join(missing, " ") != "TLS_AES_128_CCM_SHA256 bogus" {
		t.Errorf("taken %q, left %q, missing %q", taken, left, missing)
	}
}
