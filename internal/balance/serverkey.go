package balance

import (
	"encoding/binary"
	"net/netip"
)

// AddrKey is where the points of a server begin on the ring with "hash-key
// addr", and with a port other than 0 with "hash-key addr-port". 0 stands for
// a server without an address, which is placed by its id.
func AddrKey(addr netip.Addr, port uint16) uint32 {
	if !addr.IsValid() {
		return 0
	}
	var key uint32
	if port != 0 {
		key = Avalanche(uint32(port))
	}
	if addr.Is4() {
		b := addr.As4()
		// As the address lies in the memory of the machines HAProxy runs on.
		return Avalanche(key + binary.LittleEndian.Uint32(b[:]))
	}
	b := addr.As16()
	return XXH32(b[:], key)
}
