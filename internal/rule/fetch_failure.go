package rule

import "crypto/x509"

// A Failure is what a client's connection failed for before its session began, in
// the numbers that HAProxy and OpenSSL have for it.
type Failure struct {
	Code   int64             // HAProxy's (CO_ER_…), for fc_err
	Text   string            // of Code, for fc_err_str
	TLS    int64             // OpenSSL's of the handshake, for ssl_fc_err; 0: none
	Reason string            // of TLS, for ssl_fc_err_str
	Verify int64             // OpenSSL's of the client's certificate (X509_V_ERR_…), 0: none
	Depth  int64             // whose it is in the chain: 0 the client's, from 1 on an authority's
	Shown  *x509.Certificate // the client's that was refused; nil: none
	Secure bool              // the connection was to have TLS
	Why    string            // more words about it, for logs without a format; "": none
}

// leaf and authority are the halves of Verify.
func (f *Failure) leaf() int64 {
	if f.Depth > 0 {
		return 0
	}
	return f.Verify
}

func (f *Failure) authority() int64 { return f.Verify - f.leaf() }

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

// fetchVerify is there once the handshake has ended well.
func fetchVerify(x *Ctx, _ []arg, s *Sample) bool {
	return x.TLS != nil && x.Failure == nil && s.setInt(0)
}

func fetchTLSError(x *Ctx, _ []arg, s *Sample) bool {
	f := x.failure()
	return f.Reason != "" && s.setText(x, f.Reason)
}
