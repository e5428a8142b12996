package cert

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// curves are those that Go speaks, by OpenSSL's names.
var curves = map[string]tls.CurveID{
	"X25519": tls.X25519, "x25519": tls.X25519,
	"P-256": tls.CurveP256, "prime256v1": tls.CurveP256, "secp256r1": tls.CurveP256,
	"P-384": tls.CurveP384, "secp384r1": tls.CurveP384,
	"P-521": tls.CurveP521, "secp521r1": tls.CurveP521,
	"X25519MLKEM768": tls.X25519MLKEM768, "SecP256r1MLKEM768": tls.SecP256r1MLKEM768, "SecP384r1MLKEM1024": tls.SecP384r1MLKEM1024,
}

// otherCurves are those that OpenSSL speaks besides.
var otherCurves = strings.Fields(`X448 x448 ffdhe2048 ffdhe3072 ffdhe4096 ffdhe6144 ffdhe8192 secp160k1 secp160r1 secp160r2
	secp192k1 prime192v1 P-192 secp224k1 secp224r1 P-224 secp256k1 brainpoolP256r1 brainpoolP384r1 brainpoolP512r1
	sect163k1 K-163 sect163r1 sect163r2 B-163 sect193r1 sect193r2 sect233k1 K-233 sect233r1 B-233 sect239k1 sect283k1 K-283 sect283r1 B-283
	sect409k1 K-409 sect409r1 B-409 sect571k1 K-571 sect571r1 B-571`)

// Curves reads a list of curves as `curves` has it: names of OpenSSL between colons.
// It gives those that Go speaks and the names of those that it does not. As with
// OpenSSL a name that is none and a curve that stands twice are errors; a list
// without a curve of Go's is one too. Go prefers the curves in an order of its own.
func Curves(list string) (ids []tls.CurveID, missing []string, err error) {
	for name := range strings.SplitSeq(list, ":") {
		id, ok := curves[name]
		switch {
		case ok && slices.Contains(ids, id):
			return nil, nil, fmt.Errorf("'%s' stands twice", name)
		case ok:
			ids = append(ids, id)
		case slices.Contains(otherCurves, name):
			missing = append(missing, name)
		default:
			return nil, nil, fmt.Errorf("'%s' is no curve", name)
		}
	}
	if len(ids) == 0 {
		return nil, missing, fmt.Errorf("no curve of '%s' is spoken", list)
	}
	return ids, missing, nil
}
