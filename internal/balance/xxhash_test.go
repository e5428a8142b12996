package balance

import (
	"net/netip"
	"testing"
)

// The sums of the reference implementation's own sanity check, and of xxhsum.
func TestXXHash(t *testing.T) {
	for _, c := range []struct {
		text string
		h64  uint64
		h32  uint32
	}{
		{"", 0xef46db3751d8e999, 0x02cc5d05},
		{"a", 0xd24ec4f1a98c6e5b, 0x550d7456},
		{"abc", 0x44bc2cf5ad770999, 0x32d153ff},
		{"Nobody inspects the spammish repetition", 0xfbcea83c8a378bf1, 0xe2293b2f},
	} {
		if got := XXH64([]byte(c.text), 0); got != c.h64 {
			t.Errorf("XXH64(%q) = %#x, want %#x", c.text, got, c.h64)
		}
		if got := XXH32([]byte(c.text), 0); got != c.h32 {
			t.Errorf("XXH32(%q) = %#x, want %#x", c.text, got, c.h32)
		}
	}
}

func TestAddrKeysDiffer(t *testing.T) {
	seen := map[uint32]string{}
	for _, at := range []string{"192.0.2.1:80", "192.0.2.1:81", "192.0.2.2:80", "[2001:db8::1]:80", "[2001:db8::2]:80", "[2001:db8::1]:0", "192.0.2.1:0"} {
		a := netip.MustParseAddrPort(at)
		key := AddrKey(a.Addr(), a.Port())
		if key == 0 || seen[key] != "" {
			t.Errorf("%s has the key %d of %q", at, key, seen[key])
		}
		seen[key] = at
	}
	if got := AddrKey(netip.Addr{}, 80); got != 0 {
		t.Errorf("without an address: %d", got)
	}
}
