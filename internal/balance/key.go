package balance

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// A URI says which part of a request's target is the key of "balance uri". The
// zero value is the target up to the question mark.
type URI struct {
	Whole    bool // "whole": the query counts too
	Len      int  // "len": at most so many bytes; 0 for all
	Depth    int  // "depth": at most so many directories; 0 for all
	PathOnly bool // "path-only": a scheme and authority do not count
}

// Key is the part of target to hash, a slice of it. Len is applied before Depth
// and the query, as HAProxy does.
func (u URI) Key(target []byte) []byte {
	if u.PathOnly {
		target = path(target)
	}
	if u.Len > 0 && len(target) > u.Len {
		target = target[:u.Len]
	}
	if !u.Whole {
		if i := bytes.IndexByte(target, '?'); i >= 0 {
			target = target[:i]
		}
	}
	if u.Depth > 0 {
		slashes := 0
		for i, c := range target {
			if c != '/' {
				continue
			}
			if slashes++; slashes > u.Depth {
				return target[:i]
			}
		}
	}
	return target
}

// path takes scheme and authority off a target in absolute form (RFC 9112
// section 3.2.2); what has no path, "*" and an authority alone, is empty.
func path(target []byte) []byte {
	if len(target) > 0 && target[0] == '/' {
		return target
	}
	scheme := bytes.Index(target, []byte("://"))
	if scheme < 0 {
		return nil
	}
	slash := bytes.IndexByte(target[scheme+3:], '/')
	if slash < 0 {
		return nil
	}
	return target[scheme+3+slash:]
}

// Source is the hash of "balance source" before Avalanche: the 32-bit words of
// the address, exclusive-or. An IPv4 address seen through an IPv6 listener is
// hashed as the IPv6 address that it is there.
func Source(addr netip.Addr) uint32 {
	if addr.Is4() {
		b := addr.As4()
		return binary.BigEndian.Uint32(b[:])
	}
	b := addr.As16()
	var h uint32
	for i := 0; i < len(b); i += 4 {
		h ^= binary.BigEndian.Uint32(b[i:])
	}
	return h
}
