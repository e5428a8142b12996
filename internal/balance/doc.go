// Package balance places requests on servers: the hashes, rings, maps and
// sequences of HAProxy's "balance" and "hash-type" keywords. Everything here is
// a pure function of its arguments: no locks, no I/O, no clock, no randomness of
// its own. A Ring, a Table or a sequence is built once for a set of weights and
// is then read by any number of goroutines.
//
// Results are indexes into the slice that the caller gave, -1 when no server can
// take the request. The same servers with the same ids and weights give the same
// placement in every process, and the one that HAProxy gives.
package balance
