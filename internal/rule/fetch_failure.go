package rule

import (
	"crypto/x509"

	"bascule/internal/cert"
)

// A Failure is what a client's connection failed for before its session began, in
// the numbers that HAProxy and OpenSSL have for it.
type Failure struct {
	Code   int64             // HAProxy's (CO_ER_…), for fc_err
	Text   string            // of Code, for fc_err_str
	TLS    int64             // OpenSSL's of the handshake, for ssl_fc_err; 0: none
	Reason string            // of TLS, for ssl_fc_err_str
	Client cert.Verdict      // of the client's certificate
	Shown  *x509.Certificate // the client's that was refused; nil: none
	Secure bool              // the connection was to have TLS
	Why    string            // more words about it, for logs without a format; "": none
}

// success is what stands where nothing failed.
var success = Failure{Text: "Success"}

func (x *Ctx) failure() *Failure {
	if x.Failure == nil {
		return &success
	}
	return x.Failure
}

func fetchConnError(x *Ctx, _ []arg, s *Sample) bool { return s.setInt(x.failure().Code) }

func fetchConnErrorText(x *Ctx, _ []arg, s *Sample) bool { return s.setText(x, x.failure().Text) }

// ofFailure makes a fetch of what a handshake failed for; there is no sample without TLS.
func ofFailure(get func(*Failure) int64) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		return x.encrypted() && s.setInt(get(x.failure()))
	}
}

// encrypted says whether the client's connection has TLS, or was to have it.
func (x *Ctx) encrypted() bool { return x.TLS != nil || x.failure().Secure }

// ofVerdict makes a fetch of what is wrong with the client's certificate: what the
// handshake failed for, or what was ignored; there is no sample without TLS.
func ofVerdict(get func(*cert.Verdict) int64) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		v := x.failure().Client
		if x.Failure == nil && x.TLS != nil {
			if n := cert.NoteOf(x.TLS); n != nil {
				v = n.Client
			}
		}
		return x.encrypted() && s.setInt(get(&v))
	}
}

// fetchVerify is there once the handshake has ended well.
func fetchVerify(x *Ctx, args []arg, s *Sample) bool {
	return x.TLS != nil && x.Failure == nil && verified(x, args, s)
}

var verified = ofVerdict(func(v *cert.Verdict) int64 { return v.Last })

func fetchTLSError(x *Ctx, _ []arg, s *Sample) bool {
	f := x.failure()
	return f.Reason != "" && s.setText(x, f.Reason)
}
