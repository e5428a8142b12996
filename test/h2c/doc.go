// Package h2c holds a spike: a minimal HTTP/2 cleartext front (RFC 9113, prior
// knowledge), written against the contract of package stream as it stands, to
// see that a second protocol needs no change there. It lives in tests only: it
// has no limits, no priorities and no defence against a hostile client.
package h2c
