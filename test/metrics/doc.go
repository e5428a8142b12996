// Package metrics puts the same traffic through Debian's haproxy and through
// bascule and compares what they counted, and has Debian's Prometheus read it.
package metrics
