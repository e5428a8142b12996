package rule

import "bascule/internal/cert"

var dnArgs = signature{kinds: []argKind{argText, argInt, argText}, check: checkDN}

// tlsFetches are the sample fetches of the client's TLS (HAProxy's manual, 7.3.4):
// what was agreed on, the client's certificate, and the one that it was shown; and of
// the server's, from the reply on.
var tlsFetches = []fetch{
	{"fc_err", KindInt, noArgs, needNothing, fetchConnError, "HAProxy's number of what the client's connection failed for, 0 for nothing", "fc_err 0"},
	{"fc_err_str", KindStr, noArgs, needNothing, fetchConnErrorText, "the same in words", "fc_err_str Success"},
	{"ssl_fc", KindBool, noArgs, needConn, fetchTLS, "the client's connection is encrypted", "ssl_fc"},
	{"ssl_fc_alg_keysize", KindInt, noArgs, needConn, stateFetch(ofClientSide, tlsKeysize), "the bits of the cipher's key", "ssl_fc_alg_keysize ge 256"},
	{"ssl_fc_alpn", KindStr, noArgs, needConn, stateFetch(ofClientSide, tlsALPN), "the protocol that was agreed on (alpn)", "ssl_fc_alpn http/1.1"},
	{"ssl_fc_cipher", KindStr, noArgs, needConn, nameFetch(ofClientSide, Cipher), "the cipher, by OpenSSL's name", "ssl_fc_cipher -m beg TLS_AES_128"},
	{"ssl_fc_err", KindInt, noArgs, needConn, ofFailure(func(f *Failure) int64 { return f.TLS }), "OpenSSL's number of what the handshake failed for, 0 for nothing", "ssl_fc_err 0"},
	{"ssl_fc_err_str", KindStr, noArgs, needConn, fetchTLSError, "the same in OpenSSL's words", "ssl_fc_err_str -m found"},
	{"ssl_fc_has_crt", KindBool, noArgs, needConn, fetchHasCert, "the client has shown a certificate on this connection, not on one that it resumes", "ssl_fc_has_crt"},
	{"ssl_fc_has_early", KindBool, noArgs, needConn, fetchHasEarly, "the client has sent data before the handshake's end: never", "ssl_fc_has_early"},
	{"ssl_fc_has_sni", KindBool, noArgs, needConn, isFetch(ofClientSide, hasSNI), "the client has named a host", "ssl_fc_has_sni"},
	{"ssl_fc_is_resumed", KindBool, noArgs, needConn, isFetch(ofClientSide, isResumed), "the session was resumed", "ssl_fc_is_resumed"},
	{"ssl_fc_npn", KindStr, noArgs, needConn, fetchNever, "never anything: a forerunner of ALPN", "ssl_fc_npn -m found"},
	{"ssl_fc_protocol", KindStr, noArgs, needConn, nameFetch(ofClientSide, Protocol), "TLSv1.2 or TLSv1.3", "ssl_fc_protocol TLSv1.3"},
	{"ssl_fc_session_id", KindBin, noArgs, needConn, fetchNever, "never anything: sessions are resumed by tickets", "ssl_fc_session_id -m found"},
	{"ssl_fc_sni", KindStr, noArgs, needConn, stateFetch(ofClientSide, tlsSNI), "the host that the client named", "ssl_fc_sni www.example.org"},
	{"ssl_fc_unique_id", KindBin, noArgs, needConn, stateFetch(ofClientSide, tlsUnique), "what is of this connection alone (tls-unique, RFC 5929); nothing in TLS 1.3", "ssl_fc_unique_id -m found"},
	{"ssl_fc_use_keysize", KindInt, noArgs, needConn, stateFetch(ofClientSide, tlsKeysize), "the bits of the cipher's key that are secret", "ssl_fc_use_keysize ge 256"},

	{"ssl_c_chain_der", KindBin, noArgs, needConn, fetchChain, "the certificates that the client has shown behind its own, in DER", "ssl_c_chain_der -m found"},
	{"ssl_c_ca_err", KindInt, noArgs, needConn, ofVerdict(func(v *cert.Verdict) int64 { return v.Authority }), "OpenSSL's number of what is wrong with an authority of" + ofClient, "ssl_c_ca_err 10"},
	{"ssl_c_ca_err_depth", KindInt, noArgs, needConn, ofVerdict(func(v *cert.Verdict) int64 { return v.Depth }), "the place of that authority in the chain, from 1", "ssl_c_ca_err_depth 1"},
	{"ssl_c_der", KindBin, noArgs, needConn, certFetch(clientCert, certDER), "the client's certificate in DER", "ssl_c_der -m found"},
	{"ssl_c_err", KindInt, noArgs, needConn, ofVerdict(func(v *cert.Verdict) int64 { return v.Leaf }), "OpenSSL's number of what is wrong with" + ofClient, "ssl_c_err 10"},
	{"ssl_c_i_dn", KindStr, dnArgs, needConn, dnFetch(clientCert, issuer), issuerText + ofClient, "ssl_c_i_dn(CN) authority.example.org"},
	{"ssl_c_key_alg", KindStr, noArgs, needConn, certFetch(clientCert, certKeyAlg), "the kind of the key of" + ofClient, "ssl_c_key_alg rsaEncryption"},
	{"ssl_c_notafter", KindStr, noArgs, needConn, certFetch(clientCert, certNotAfter), "the end, as YYMMDDhhmmssZ, of" + ofClient, "ssl_c_notafter -m found"},
	{"ssl_c_notbefore", KindStr, noArgs, needConn, certFetch(clientCert, certNotBefore), "the beginning, as YYMMDDhhmmssZ, of" + ofClient, "ssl_c_notbefore -m found"},
	{"ssl_c_r_dn", KindStr, dnArgs, needConn, dnFetch(rootCert, subject), "the name of the authority at the end of the chain of" + ofClient, "ssl_c_r_dn(CN) root.example.org"},
	{"ssl_c_s_dn", KindStr, dnArgs, needConn, dnFetch(clientCert, subject), subjectText + ofClient, "ssl_c_s_dn(CN) client.example.org"},
	{"ssl_c_serial", KindBin, noArgs, needConn, certFetch(clientCert, certSerial), "the serial number of" + ofClient, "ssl_c_serial -m bin 01"},
	{"ssl_c_sha1", KindBin, noArgs, needConn, certFetch(clientCert, certSHA1), "the SHA-1 of" + ofClient, "ssl_c_sha1 -m found"},
	{"ssl_c_sig_alg", KindStr, noArgs, needConn, certFetch(clientCert, certSigAlg), "the kind of the signature of" + ofClient, "ssl_c_sig_alg RSA-SHA256"},
	{"ssl_c_used", KindBool, noArgs, needConn, fetchCertUsed, "the client has shown a certificate, on this connection or the one that it resumes", "ssl_c_used"},
	{"ssl_c_verify", KindInt, noArgs, needConn, fetchVerify, "OpenSSL's number of what was found last to be wrong with" + ofClient + " or its authorities and was ignored (crt-ignore-err, ca-ignore-err), 0 for nothing", "ssl_c_verify 0"},
	{"ssl_c_version", KindInt, noArgs, needConn, certFetch(clientCert, certVersion), "the version of" + ofClient, "ssl_c_version 3"},

	{"ssl_f_der", KindBin, noArgs, needConn, certFetch(ownCert, certDER), "the certificate that the client was shown in DER", "ssl_f_der -m found"},
	{"ssl_f_i_dn", KindStr, dnArgs, needConn, dnFetch(ownCert, issuer), issuerText + ofOwn, "ssl_f_i_dn(CN) authority.example.org"},
	{"ssl_f_key_alg", KindStr, noArgs, needConn, certFetch(ownCert, certKeyAlg), "the kind of the key of" + ofOwn, "ssl_f_key_alg rsaEncryption"},
	{"ssl_f_notafter", KindStr, noArgs, needConn, certFetch(ownCert, certNotAfter), "the end, as YYMMDDhhmmssZ, of" + ofOwn, "ssl_f_notafter -m found"},
	{"ssl_f_notbefore", KindStr, noArgs, needConn, certFetch(ownCert, certNotBefore), "the beginning, as YYMMDDhhmmssZ, of" + ofOwn, "ssl_f_notbefore -m found"},
	{"ssl_f_s_dn", KindStr, dnArgs, needConn, dnFetch(ownCert, subject), subjectText + ofOwn, "ssl_f_s_dn(CN) www.example.org"},
	{"ssl_f_serial", KindBin, noArgs, needConn, certFetch(ownCert, certSerial), "the serial number of" + ofOwn, "ssl_f_serial -m bin 01"},
	{"ssl_f_sha1", KindBin, noArgs, needConn, certFetch(ownCert, certSHA1), "the SHA-1 of" + ofOwn, "ssl_f_sha1 -m found"},
	{"ssl_f_sig_alg", KindStr, noArgs, needConn, certFetch(ownCert, certSigAlg), "the kind of the signature of" + ofOwn, "ssl_f_sig_alg RSA-SHA256"},
	{"ssl_f_version", KindInt, noArgs, needConn, certFetch(ownCert, certVersion), "the version of" + ofOwn, "ssl_f_version 3"},

	{"ssl_bc", KindBool, noArgs, needBack, fetchServerTLS, "the connection to the server is encrypted", "ssl_bc"},
	{"ssl_bc_alg_keysize", KindInt, noArgs, needBack, stateFetch(ofServerSide, tlsKeysize), "the bits of the cipher's key with the server", "ssl_bc_alg_keysize ge 256"},
	{"ssl_bc_alpn", KindStr, noArgs, needBack, stateFetch(ofServerSide, tlsALPN), "the protocol that was agreed on with the server (alpn)", "ssl_bc_alpn http/1.1"},
	{"ssl_bc_cipher", KindStr, noArgs, needBack, nameFetch(ofServerSide, Cipher), "the cipher with the server, by OpenSSL's name", "ssl_bc_cipher -m beg TLS_AES_128"},
	{"ssl_bc_is_resumed", KindBool, noArgs, needBack, isFetch(ofServerSide, isResumed), "the session with the server was resumed", "ssl_bc_is_resumed"},
	{"ssl_bc_npn", KindStr, noArgs, needBack, fetchNever, "never anything: a forerunner of ALPN", "ssl_bc_npn -m found"},
	{"ssl_bc_protocol", KindStr, noArgs, needBack, nameFetch(ofServerSide, Protocol), "TLSv1.2 or TLSv1.3", "ssl_bc_protocol TLSv1.3"},
	{"ssl_bc_session_id", KindBin, noArgs, needBack, fetchNever, "never anything: sessions are resumed by tickets", "ssl_bc_session_id -m found"},
	{"ssl_bc_unique_id", KindBin, noArgs, needBack, stateFetch(ofServerSide, tlsUnique), "what is of the connection to the server alone (tls-unique, RFC 5929); nothing in TLS 1.3", "ssl_bc_unique_id -m found"},
	{"ssl_bc_use_keysize", KindInt, noArgs, needBack, stateFetch(ofServerSide, tlsKeysize), "the bits of the cipher's key with the server that are secret", "ssl_bc_use_keysize ge 256"},

	{"ssl_s_chain_der", KindBin, noArgs, needBack, fetchServerChain, "the certificates that the server has shown, its own first, in DER", "ssl_s_chain_der -m found"},
	{"ssl_s_der", KindBin, noArgs, needBack, certFetch(serverCert, certDER), "the server's certificate in DER", "ssl_s_der -m found"},
	{"ssl_s_i_dn", KindStr, dnArgs, needBack, dnFetch(serverCert, issuer), issuerText + ofServer, "ssl_s_i_dn(CN) authority.example.org"},
	{"ssl_s_key_alg", KindStr, noArgs, needBack, certFetch(serverCert, certKeyAlg), "the kind of the key of" + ofServer, "ssl_s_key_alg rsaEncryption"},
	{"ssl_s_notafter", KindStr, noArgs, needBack, certFetch(serverCert, certNotAfter), "the end, as YYMMDDhhmmssZ, of" + ofServer, "ssl_s_notafter -m found"},
	{"ssl_s_notbefore", KindStr, noArgs, needBack, certFetch(serverCert, certNotBefore), "the beginning, as YYMMDDhhmmssZ, of" + ofServer, "ssl_s_notbefore -m found"},
	{"ssl_s_s_dn", KindStr, dnArgs, needBack, dnFetch(serverCert, subject), subjectText + ofServer, "ssl_s_s_dn(CN) api.example.org"},
	{"ssl_s_serial", KindBin, noArgs, needBack, certFetch(serverCert, certSerial), "the serial number of" + ofServer, "ssl_s_serial -m bin 01"},
	{"ssl_s_sha1", KindBin, noArgs, needBack, certFetch(serverCert, certSHA1), "the SHA-1 of" + ofServer, "ssl_s_sha1 -m found"},
	{"ssl_s_sig_alg", KindStr, noArgs, needBack, certFetch(serverCert, certSigAlg), "the kind of the signature of" + ofServer, "ssl_s_sig_alg RSA-SHA256"},
	{"ssl_s_version", KindInt, noArgs, needBack, certFetch(serverCert, certVersion), "the version of" + ofServer, "ssl_s_version 3"},
}

const (
	subjectText = "the name, or a part of it by its short name and its place from 1 on or from -1 back, /CN=… or as LDAP has it (rfc2253), of"
	issuerText  = "who has signed (as ssl_c_s_dn), of"
	ofClient    = " the client's certificate"
	ofOwn       = " the certificate that the client was shown"
	ofServer    = " the server's certificate"
)
