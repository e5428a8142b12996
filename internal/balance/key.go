package balance

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
)

// A URI says which part of a request's target is the key of "balance uri". The
// zero value is the target up to the question mark.
type URI struct {
	Whole    bool // "whole": the query counts too
	Len      int  // "len": at most so many bytes; 0 for all
	Depth    int  // "depth": at most so many directories; 0 for all
	PathOnly bool // "path-only": a scheme and authority do not count
}

// Key is the part of target to hash. Len is applied before Depth and the query,
// as HAProxy does. It is a slice of target, save for one in absolute form that
// names its scheme's own port, which does not count.
func (u URI) Key(target []byte) []byte {
	if u.PathOnly {
		target = path(target)
	} else if len(target) > 0 && target[0] != '/' {
		target = withoutDefaultPort(target)
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

// authority finds the authority of a target in absolute form (RFC 9112 section
// 3.2.2): target[start:end]. What has none, like "*", has start -1.
func authority(target []byte) (start, end int) {
	colon := bytes.Index(target, []byte("://"))
	if colon < 0 {
		return -1, -1
	}
	start = colon + len("://")
	if slash := bytes.IndexByte(target[start:], '/'); slash >= 0 {
		return start, start + slash
	}
	return start, len(target)
}

// path takes scheme and authority off a target in absolute form; without a path
// it is empty.
func path(target []byte) []byte {
	if len(target) > 0 && target[0] == '/' {
		return target
	}
	start, end := authority(target)
	if start < 0 {
		return nil
	}
	return target[end:]
}

// withoutDefaultPort normalizes a target in absolute form by its scheme (RFC 3986
// section 6.2.3): an empty port, 80 of http and 443 of https are left out.
func withoutDefaultPort(target []byte) []byte {
	start, end := authority(target)
	if start < 0 {
		return target
	}
	colon := end - 1
	for colon >= start && target[colon] >= '0' && target[colon] <= '9' {
		colon--
	}
	if colon < start || target[colon] != ':' {
		return target
	}
	scheme := string(bytes.ToLower(target[:start-len("://")]))
	switch port := string(target[colon+1 : end]); {
	case port == "", scheme == "http" && port == "80", scheme == "https" && port == "443":
		return slices.Concat(target[:colon], target[end:])
	}
	return target
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
