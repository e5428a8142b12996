package cert

import (
	"crypto/tls"
	"slices"
	"strings"
)

// A suite is one up to TLS 1.2 that Go speaks and OpenSSL does too.
type suite struct {
	name  string // OpenSSL's
	id    uint16
	words []string // of lists of ciphers, for this suite and others
}

// suites are those that a list may choose from. RC4 and 3DES, which Go could speak,
// are in no OpenSSL that is built today.
var suites = []suite{
	{"ECDHE-ECDSA-AES256-GCM-SHA384", tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, words(kxECDHE, authECDSA, encAES256, encGCM)},
	{"ECDHE-RSA-AES256-GCM-SHA384", tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, words(kxECDHE, authRSA, encAES256, encGCM)},
	{"ECDHE-ECDSA-CHACHA20-POLY1305", tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, words(kxECDHE, authECDSA, encCHACHA)},
	{"ECDHE-RSA-CHACHA20-POLY1305", tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, words(kxECDHE, authRSA, encCHACHA)},
	{"ECDHE-ECDSA-AES128-GCM-SHA256", tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, words(kxECDHE, authECDSA, encAES128, encGCM)},
	{"ECDHE-RSA-AES128-GCM-SHA256", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, words(kxECDHE, authRSA, encAES128, encGCM)},
	{"ECDHE-ECDSA-AES128-SHA256", tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, words(kxECDHE, authECDSA, encAES128, macSHA256)},
	{"ECDHE-RSA-AES128-SHA256", tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, words(kxECDHE, authRSA, encAES128, macSHA256)},
	{"ECDHE-ECDSA-AES256-SHA", tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, words(kxECDHE, authECDSA, encAES256, macSHA1, "TLSv1 TLSv1.0")},
	{"ECDHE-RSA-AES256-SHA", tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, words(kxECDHE, authRSA, encAES256, macSHA1, "TLSv1 TLSv1.0")},
	{"ECDHE-ECDSA-AES128-SHA", tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, words(kxECDHE, authECDSA, encAES128, macSHA1, "TLSv1 TLSv1.0")},
	{"ECDHE-RSA-AES128-SHA", tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, words(kxECDHE, authRSA, encAES128, macSHA1, "TLSv1 TLSv1.0")},
	{"AES256-GCM-SHA384", tls.TLS_RSA_WITH_AES_256_GCM_SHA384, words(kxRSA, encAES256, encGCM)},
	{"AES128-GCM-SHA256", tls.TLS_RSA_WITH_AES_128_GCM_SHA256, words(kxRSA, encAES128, encGCM)},
	{"AES128-SHA256", tls.TLS_RSA_WITH_AES_128_CBC_SHA256, words(kxRSA, encAES128, macSHA256)},
	{"AES256-SHA", tls.TLS_RSA_WITH_AES_256_CBC_SHA, words(kxRSA, encAES256, macSHA1, "SSLv3")},
	{"AES128-SHA", tls.TLS_RSA_WITH_AES_128_CBC_SHA, words(kxRSA, encAES128, macSHA1, "SSLv3")},
}

// OpenSSL's words for what a suite is made of (openssl-ciphers(1), CIPHER STRINGS).
const (
	kxECDHE   = "kECDHE kEECDH ECDHE EECDH ECDH"
	authECDSA = "aECDSA ECDSA"
	authRSA   = "aRSA"
	kxRSA     = "kRSA RSA aRSA"
	encAES128 = "AES AES128 FIPS"
	encAES256 = "AES AES256 FIPS"
	encGCM    = "AESGCM TLSv1.2"
	encCHACHA = "CHACHA20 TLSv1.2"
	macSHA1   = "CBC SHA SHA1"
	macSHA256 = "CBC SHA256 TLSv1.2"
)

func words(lists ...string) []string {
	return append(strings.Fields(strings.Join(lists, " ")), "ALL", "HIGH")
}

// securityLevels is the highest level of @SECLEVEL, and the first ones that ask for
// keys of one session alone, and for ciphers of more than 128 bits.
const (
	securityLevels    = 5
	levelOfForwarding = 3
	levelOf256Bits    = 4
)

// Ciphers reads a list of ciphers as `ciphers` has it: names and words of OpenSSL,
// which !, - and + may precede, in any of its separators. It gives the suites that
// Go speaks (nil: none, or no such list), and the names in it that Go knows no suite
// of. Go chooses among the suites by itself, so that nothing is kept of their order.
func Ciphers(list string) (ids []uint16, missing []string) {
	const separators = ":,; "
	in := make(map[string]bool, len(suites))
	out := map[string]bool{}
	level := 0
	first, rest, _ := strings.Cut(list, ":")
	if first == "DEFAULT" { // has a meaning only there
		list = "ALL:" + rest
	}
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if l, ok := strings.CutPrefix(word, "@SECLEVEL="); ok && len(l) == 1 && l[0] >= '0' && l[0] <= '0'+securityLevels {
			level = int(l[0] - '0')
			continue
		} else if word == "@STRENGTH" {
			continue
		}
		name := strings.TrimLeft(word[:1], "!-+") + word[1:]
		if name == "" || strings.ContainsFunc(name, foreign) {
			return nil, nil
		}
		found := false
		for _, s := range suites {
			if !s.is(name) {
				continue
			}
			found = true
			switch word[0] {
			case '!':
				out[s.name], in[s.name] = true, false
			case '-':
				in[s.name] = false
			case '+': // an order
			default:
				in[s.name] = !out[s.name] && (name == s.name || !s.leaks())
			}
		}
		if !found && name == word {
			missing = append(missing, word)
		}
	}
	for _, s := range suites {
		if in[s.name] && s.level() >= level {
			ids = append(ids, s.id)
		}
	}
	return ids, missing
}

// foreign says that a byte is of no name.
func foreign(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.=+", r)
}

// is says whether a word of a list means the suite; of A+B both must.
func (s *suite) is(word string) bool {
	for part := range strings.SplitSeq(word, "+") {
		if part != s.name && !slices.Contains(s.words, part) {
			return false
		}
	}
	return true
}

// leaks says that Go does not hide how long its reckoning takes (CBC with SHA-256,
// Lucky 13): a list has to name the suite, no word brings it.
func (s *suite) leaks() bool { return slices.Contains(s.words, "SHA256") }

// level is the highest level of security that a suite is good for.
func (s *suite) level() int {
	switch {
	case !slices.Contains(s.words, "ECDHE"):
		return levelOfForwarding - 1
	case slices.Contains(s.words, "AES128") || slices.Contains(s.words, "SHA1"):
		return levelOf256Bits - 1
	}
	return securityLevels
}

// ciphersuites are OpenSSL's of TLS 1.3; Go speaks the first three, whatever a list
// says.
var ciphersuites = []string{
	"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256",
}

const spokenCiphersuites = 3

// Ciphersuites reads a list of suites of TLS 1.3: those of Go's that are in it, those
// that it leaves out and that are spoken all the same, and its names that are not
// Go's.
func Ciphersuites(list string) (taken, left, missing []string) {
	spoken := ciphersuites[:spokenCiphersuites]
	for name := range strings.SplitSeq(list, ":") {
		switch {
		case slices.Contains(spoken, name):
			taken = append(taken, name)
		case name != "":
			missing = append(missing, name)
		}
	}
	for _, name := range spoken {
		if !slices.Contains(taken, name) {
			left = append(left, name)
		}
	}
	return taken, left, missing
}
