package cert

import "fmt"

// A Verdict is what is wrong with a client's certificates, in OpenSSL's numbers
// (X509_V_ERR_…); 0: nothing.
type Verdict struct {
	Last      int64 // what was found last (HAProxy: ssl_c_verify)
	Leaf      int64 // what was found first of the client's own (ssl_c_err)
	Authority int64 // what was found first of one above (ssl_c_ca_err)
	Depth     int64 // where that stands in the chain, from 1 on (ssl_c_ca_err_depth)
}

// Of is the verdict that one number alone is, about the certificate at a depth.
func Of(number int64, depth int) (v Verdict) {
	v.see(number, depth)
	return v
}

func (v *Verdict) see(number int64, depth int) {
	v.Last = number
	switch {
	case depth == 0 && v.Leaf == 0:
		v.Leaf = number
	case depth > 0 && v.Authority == 0:
		v.Authority, v.Depth = number, int64(depth)
	}
}

// A Distrust is why a client's chain is not trusted.
type Distrust struct {
	Number int64   // OpenSSL's, X509_V_ERR_…
	Depth  int     // whom it is about: 0 for the client, 1 for its authority
	Found  Verdict // it, and what was ignored before
}

func (d *Distrust) Error() string {
	return fmt.Sprintf("certificate %d of the chain: %s", d.Depth, whyDistrusted[d.Number])
}

// OpenSSL's numbers of why a chain is not trusted (X509_V_ERR_…).
const (
	badUnspecified  = 1
	badNoIssuer     = 2
	badNoCRL        = 3
	badSignature    = 7
	badCRLSignature = 8
	badNotYet       = 9
	badExpired      = 10
	badCRLNotYet    = 11
	badCRLExpired   = 12
	badSelfSigned   = 18
	badUnknownRoot  = 19
	badUnknown      = 20
	badUnverified   = 21
	badRevoked      = 23
	badPathLength   = 25
	badPurpose      = 26
	badSigner       = 32
	badCRLIssuer    = 33
	badCritical     = 34
	badCRLSigner    = 35
	badCRLCritical  = 36
	badName         = 47
	badCA           = 79
)

var whyDistrusted = map[int64]string{
	badUnspecified: "it is refused", badNoIssuer: "the authority of its authority is not in the ca-file", badNoCRL: "the crl-file has no list of its issuer",
	badSignature: "it has the signature of another", badCRLSignature: "the list of its issuer has the signature of another",
	badNotYet: "it is not yet valid", badExpired: "it has expired", badCRLNotYet: "the list of its issuer is not yet valid", badCRLExpired: "the list of its issuer has expired",
	badSelfSigned: "it has signed itself", badUnknownRoot: "it has signed itself and is not in the ca-file", badUnknown: "its issuer is not in the ca-file",
	badUnverified: "its signature cannot be checked", badRevoked: "it is revoked", badPathLength: "too many authorities are below it", badPurpose: "it is not for clients",
	badSigner: "it may not sign certificates", badCRLIssuer: "the issuer of its list is not known", badCritical: "it has a critical extension that is not known",
	badCRLSigner: "its issuer may not sign lists", badCRLCritical: "the list of its issuer is for a part of its certificates", badName: "its name is not one that its authorities may certify", badCA: "it is no authority",
}

// MaxError is the largest number that OpenSSL 3.0 has for an error of a certificate.
const MaxError = len(errorNames)

// Errors is a set of OpenSSL's numbers, 1 to MaxError (HAProxy: crt-ignore-err, ca-ignore-err).
type Errors [MaxError/64 + 1]uint64

// Add adds a number.
func (e *Errors) Add(number int) { e[number/64] |= 1 << (number % 64) }

// AllErrors is the set of all.
func AllErrors() (e Errors) {
	for i := range e {
		e[i] = ^uint64(0)
	}
	return e
}

func (e *Errors) has(number int64) bool { return e[number/64]>>(number%64)&1 != 0 }
