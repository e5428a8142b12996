package wire

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"strconv"
)

// A Proxy is a PROXY protocol header (haproxy.org, proxy-protocol.txt): whose
// connection is passed on.
type Proxy struct {
	// From and To are the addresses of the connection that is passed on; both
	// are invalid when the header names none (UNKNOWN, LOCAL, unix sockets).
	From, To netip.AddrPort
	// Authority is the host name that the client asked for, by TLS for
	// instance; it is a part of the header's bytes.
	Authority []byte
}

// The sizes of a header.
const (
	maxProxyV1 = 107 // with the end of its line, see the protocol's section 2.1
	// MaxProxy is the longest header of version 2 that is read: HAProxy's
	// buffer. Its fields behind the addresses have no other bound than 64 KiB.
	MaxProxy = 16 << 10
	headV2   = 16
)

var (
	signatureV1 = []byte("PROXY ")
	signatureV2 = []byte("\r\n\r\n\x00\r\nQUIT\n")
)

// The words of version 2.
const (
	cmdLocal = 0x20
	cmdProxy = 0x21
	famTCP4  = 0x11
	famTCP6  = 0x21

	tlvAuthority = 0x02
	tlvCRC32C    = 0x03

	sizeTCP4 = 12
	sizeTCP6 = 36
)

// ParseProxy reads the header that p begins with, in version 1 or 2, and tells
// its size. More means that it is not complete, Bad that it is none.
func ParseProxy(p []byte) (h Proxy, size int, state Result) {
	switch {
	case len(p) == 0:
		return h, 0, More
	case p[0] == signatureV2[0]:
		return parseV2(p)
	}
	return parseV1(p)
}

// LooksLikeProxy says that p begins as a header does, so that it is one that
// is wrong rather than something else.
func LooksLikeProxy(p []byte) bool {
	return bytes.HasPrefix(p, signatureV1) || bytes.HasPrefix(p, signatureV2)
}

func parseV1(p []byte) (h Proxy, size int, state Result) {
	n := min(len(p), len(signatureV1))
	if !bytes.Equal(p[:n], signatureV1[:n]) {
		return h, 0, Bad
	}
	end := bytes.IndexByte(p[:min(len(p), maxProxyV1)], '\n')
	if end < 0 {
		if len(p) >= maxProxyV1 {
			return h, 0, Bad
		}
		return h, 0, More
	}
	if p[end-1] != '\r' {
		return h, 0, Bad
	}
	line := string(p[len(signatureV1) : end-1])
	if line == "UNKNOWN" || len(line) > 8 && line[:8] == "UNKNOWN " {
		return h, end + 1, Done
	}
	var f [5]string // family, addresses, ports
	for i := range f {
		at := len(line)
		if i < len(f)-1 {
			if at = bytes.IndexByte([]byte(line), ' '); at < 0 {
				return h, 0, Bad
			}
		}
		f[i] = line[:at]
		line = line[min(at+1, len(line)):]
	}
	from, ok1 := addressV1(f[0], f[1], f[3])
	to, ok2 := addressV1(f[0], f[2], f[4])
	if !ok1 || !ok2 {
		return h, 0, Bad
	}
	return Proxy{From: from, To: to}, end + 1, Done
}

func addressV1(family, ip, port string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(ip)
	if err != nil || a.Zone() != "" || family != "TCP4" && family != "TCP6" || a.Is4() != (family == "TCP4") {
		return netip.AddrPort{}, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || len(port) > 1 && port[0] == '0' {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a, uint16(n)), true
}

func parseV2(p []byte) (h Proxy, size int, state Result) {
	n := min(len(p), len(signatureV2))
	if !bytes.Equal(p[:n], signatureV2[:n]) {
		return h, 0, Bad
	}
	if len(p) < headV2 {
		return h, 0, More
	}
	size = headV2 + int(binary.BigEndian.Uint16(p[14:]))
	if p[12] != cmdLocal && p[12] != cmdProxy || size > MaxProxy {
		return h, 0, Bad
	}
	if len(p) < size {
		return h, 0, More
	}
	body := p[headV2:size]
	used := 0
	switch {
	case p[12] == cmdLocal:
		return h, size, Done
	case p[13] == famTCP4 && len(body) >= sizeTCP4:
		h.From, h.To = addressesV2(body, 4)
		used = sizeTCP4
	case p[13] == famTCP6 && len(body) >= sizeTCP6:
		h.From, h.To = addressesV2(body, 16)
		used = sizeTCP6
	case p[13] == famTCP4 || p[13] == famTCP6:
		return h, 0, Bad
	default:
		return h, size, Done // another family: nothing is known, as with UNKNOWN
	}
	if !h.fields(p[:size], headV2+used) {
		return Proxy{}, 0, Bad
	}
	return h, size, Done
}

func addressesV2(p []byte, n int) (from, to netip.AddrPort) {
	a, _ := netip.AddrFromSlice(p[:n])
	b, _ := netip.AddrFromSlice(p[n : 2*n])
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(p[2*n:])), netip.AddrPortFrom(b, binary.BigEndian.Uint16(p[2*n+2:]))
}

// fields reads what stands behind the addresses, from offset at of the header.
func (h *Proxy) fields(p []byte, at int) bool {
	for at+3 <= len(p) {
		kind, n := p[at], int(binary.BigEndian.Uint16(p[at+1:]))
		at += 3
		if at+n > len(p) {
			return false
		}
		switch kind {
		case tlvAuthority:
			h.Authority = p[at : at+n]
		case tlvCRC32C:
			if n != 4 || checksum(p, at) != binary.BigEndian.Uint32(p[at:]) {
				return false
			}
		}
		at += n
	}
	return at == len(p)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is that of the header with the four bytes at offset at taken as 0.
func checksum(p []byte, at int) uint32 {
	sum := crc32.Update(0, castagnoli, p[:at])
	sum = crc32.Update(sum, castagnoli, []byte{0, 0, 0, 0})
	return crc32.Update(sum, castagnoli, p[at+4:])
}

// AppendProxyV1 appends a header of version 1. Addresses of different families
// become IPv6; without addresses it is UNKNOWN.
func AppendProxyV1(dst []byte, from, to netip.AddrPort) []byte {
	from, to, ok := sameFamily(from, to)
	if !ok {
		return append(dst, "PROXY UNKNOWN\r\n"...)
	}
	family := "PROXY TCP4 "
	if from.Addr().Is6() {
		family = "PROXY TCP6 "
	}
	dst = append(dst, family...)
	dst = append(from.Addr().AppendTo(dst), ' ')
	dst = append(to.Addr().AppendTo(dst), ' ')
	dst = append(strconv.AppendUint(dst, uint64(from.Port()), 10), ' ')
	dst = strconv.AppendUint(dst, uint64(to.Port()), 10)
	return append(dst, "\r\n"...)
}

// AppendProxyV2 appends a header of version 2. Without addresses it is LOCAL:
// a connection of the sender's own, as a check is.
func AppendProxyV2(dst []byte, from, to netip.AddrPort) []byte {
	dst = append(dst, signatureV2...)
	from, to, ok := sameFamily(from, to)
	if !ok {
		return append(dst, cmdLocal, 0, 0, 0)
	}
	family, size := byte(famTCP4), byte(sizeTCP4)
	if from.Addr().Is6() {
		family, size = famTCP6, sizeTCP6
	}
	dst = append(dst, cmdProxy, family, 0, size)
	dst = append(dst, from.Addr().AsSlice()...)
	dst = append(dst, to.Addr().AsSlice()...)
	dst = binary.BigEndian.AppendUint16(dst, from.Port())
	return binary.BigEndian.AppendUint16(dst, to.Port())
}

// sameFamily makes both addresses of one family.
func sameFamily(from, to netip.AddrPort) (a, b netip.AddrPort, ok bool) {
	if !from.IsValid() || !to.IsValid() {
		return a, b, false
	}
	x, y := from.Addr().Unmap().WithZone(""), to.Addr().Unmap().WithZone("")
	if x.Is4() != y.Is4() {
		x, y = netip.AddrFrom16(x.As16()), netip.AddrFrom16(y.As16())
	}
	return netip.AddrPortFrom(x, from.Port()), netip.AddrPortFrom(y, to.Port()), true
}
