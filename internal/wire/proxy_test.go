package wire

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

func TestProxyHeaders(t *testing.T) {
	v2 := func(rest string) string { return string(signatureV2) + rest }
	four := "\xc0\x00\x02\x01\x0a\x00\x00\x01\x30\x39\x00\x50" // 192.0.2.1:12345 → 10.0.0.1:80
	tests := map[string]struct {
		in       string
		from, to string // "": none
		rest     string
		state    Result
	}{
		"version 1, IPv4":                  {in: "PROXY TCP4 192.0.2.1 10.0.0.1 12345 80\r\nGET", from: "192.0.2.1:12345", to: "10.0.0.1:80", rest: "GET", state: Done},
		"version 1, IPv6":                  {in: "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", from: "[2001:db8::1]:1", to: "[::1]:65535", state: Done},
		"version 1, unknown":               {in: "PROXY UNKNOWN\r\nx", rest: "x", state: Done},
		"version 1, unknown with words":    {in: "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", state: Done},
		"version 1, half":                  {in: "PROXY TCP4 192.0.2.1", state: More},
		"version 1, the first letter":      {in: "P", state: More},
		"version 1, too long":              {in: "PROXY UNKNOWN " + strings.Repeat("x", 100), state: Bad},
		"version 1, no carriage return":    {in: "PROXY TCP4 192.0.2.1 10.0.0.1 12345 80\n", state: Bad},
		"version 1, another family":        {in: "PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n", state: Bad},
		"version 1, the wrong family":      {in: "PROXY TCP4 ::1 ::1 1 2\r\n", state: Bad},
		"version 1, a port too large":      {in: "PROXY TCP4 192.0.2.1 10.0.0.1 1 65536\r\n", state: Bad},
		"version 1, a port with a sign":    {in: "PROXY TCP4 192.0.2.1 10.0.0.1 +1 2\r\n", state: Bad},
		"version 1, a port of zeros":       {in: "PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n", state: Bad},
		"version 1, a word too few":        {in: "PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n", state: Bad},
		"version 1, a word too many":       {in: "PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n", state: Bad},
		"version 1, two blanks":            {in: "PROXY TCP4  192.0.2.1 10.0.0.1 1 2\r\n", state: Bad},
		"version 1, a zone":                {in: "PROXY TCP6 fe80::1%lo ::1 1 2\r\n", state: Bad},
		"a request":                        {in: "GET / HTTP/1.1\r\n", state: Bad},
		"version 2, IPv4":                  {in: v2("\x21\x11\x00\x0c" + four + "GET"), from: "192.0.2.1:12345", to: "10.0.0.1:80", rest: "GET", state: Done},
		"version 2, IPv6":                  {in: v2("\x21\x21\x00\x24" + strings.Repeat("\x00", 15) + "\x01" + strings.Repeat("\x00", 15) + "\x02\x00\x01\x00\x02"), from: "[::1]:1", to: "[::2]:2", state: Done},
		"version 2, local":                 {in: v2("\x20\x00\x00\x00x"), rest: "x", state: Done},
		"version 2, local with addresses":  {in: v2("\x20\x11\x00\x0c" + four), state: Done},
		"version 2, unix":                  {in: v2("\x21\x31\x00\xd8" + strings.Repeat("a", 216)), state: Done},
		"version 2, unspecified":           {in: v2("\x21\x00\x00\x02ab"), state: Done},
		"version 2, fields":                {in: v2("\x21\x11\x00\x11" + four + "\x02\x00\x02a."), from: "192.0.2.1:12345", to: "10.0.0.1:80", state: Done},
		"version 2, a field too long":      {in: v2("\x21\x11\x00\x11" + four + "\x02\x00\x03a."), state: Bad},
		"version 2, half a field":          {in: v2("\x21\x11\x00\x0e" + four + "\x02\x00"), state: Bad},
		"version 2, a wrong checksum":      {in: v2("\x21\x11\x00\x13" + four + "\x03\x00\x04abcd"), state: Bad},
		"version 2, addresses too short":   {in: v2("\x21\x11\x00\x0b" + four), state: Bad},
		"version 2, another version":       {in: v2("\x31\x11\x00\x0c" + four), state: Bad},
		"version 2, another command":       {in: v2("\x22\x11\x00\x0c" + four), state: Bad},
		"version 2, half the signature":    {in: "\r\n\r\n\x00", state: More},
		"version 2, half the head":         {in: v2("\x21\x11"), state: More},
		"version 2, half the addresses":    {in: v2("\x21\x11\x00\x0c\xc0"), state: More},
		"version 2, longer than is read":   {in: v2("\x21\x11\xff\xff"), state: Bad},
		"an empty line before the request": {in: "\r\nGET", state: Bad},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h, n, state := ParseProxy([]byte(tt.in))
			if state != tt.state {
				t.Fatalf("got state %v, want %v", state, tt.state)
			}
			if state != Done {
				return
			}
			if tt.in[n:] != tt.rest {
				t.Errorf("%d bytes used, %q is left", n, tt.in[n:])
			}
			for _, a := range []struct {
				got  netip.AddrPort
				want string
			}{{h.From, tt.from}, {h.To, tt.to}} {
				if a.want == "" && a.got.IsValid() || a.want != "" && a.got.String() != a.want {
					t.Errorf("got %v, want %q", a.got, a.want)
				}
			}
		})
	}
}

func TestProxyHeadersThatAreWrittenAreRead(t *testing.T) {
	a4, b4 := netip.MustParseAddrPort("192.0.2.1:12345"), netip.MustParseAddrPort("10.0.0.1:80")
	a6 := netip.MustParseAddrPort("[2001:db8::1]:443")
	for _, tt := range []struct{ from, to, wantFrom, wantTo netip.AddrPort }{
		{a4, b4, a4, b4},
		{a6, a6, a6, a6},
		{a4, a6, netip.MustParseAddrPort("[::ffff:192.0.2.1]:12345"), a6},
		{netip.AddrPort{}, b4, netip.AddrPort{}, netip.AddrPort{}},
	} {
		for version, p := range map[int][]byte{1: AppendProxyV1(nil, tt.from, tt.to), 2: AppendProxyV2(nil, tt.from, tt.to)} {
			h, n, state := ParseProxy(p)
			if state != Done || n != len(p) || h.From != tt.wantFrom || h.To != tt.wantTo {
				t.Errorf("version %d, %v → %v: got %v → %v, %v, %d of %d bytes", version, tt.from, tt.to, h.From, h.To, state, n, len(p))
			}
		}
	}
}

func TestAChecksumOfAProxyHeaderIsKept(t *testing.T) {
	p := AppendProxyV2(nil, netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("10.0.0.1:2"))
	p[15] += 7
	at := len(p) + 3
	p = append(p, tlvCRC32C, 0, 4, 0, 0, 0, 0)
	sum := checksum(p, at)
	p[at], p[at+1], p[at+2], p[at+3] = byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum)
	if _, _, state := ParseProxy(p); state != Done {
		t.Error("a right checksum is refused")
	}
	p[16] ^= 1
	if _, _, state := ParseProxy(p); state != Bad {
		t.Error("a wrong checksum is taken")
	}
}

func FuzzParseProxy(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 10.0.0.1 12345 80\r\nGET"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add(AppendProxyV2(nil, netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("10.0.0.1:2")))
	f.Add(AppendProxyV2(nil, netip.AddrPort{}, netip.AddrPort{}))
	f.Fuzz(func(t *testing.T, p []byte) {
		h, n, state := ParseProxy(p)
		switch state {
		case Bad:
			return
		case More:
			if len(p) >= MaxProxy {
				t.Fatalf("%d bytes are not enough", len(p))
			}
			return
		}
		if n <= 0 || n > len(p) || n > MaxProxy {
			t.Fatalf("%d of %d bytes", n, len(p))
		}
		for i := range n { // every beginning of it is incomplete, none is refused
			if _, _, early := ParseProxy(p[:i]); early != More {
				t.Fatalf("the first %d of %d bytes: %v", i, n, early)
			}
		}
		again, m, state := ParseProxy(AppendProxyV2(nil, h.From, h.To))
		if state != Done || m == 0 || again.From.IsValid() != h.From.IsValid() {
			t.Fatalf("%v → %v written and read again: %v", h.From, h.To, state)
		}
		if !bytes.Contains(p[:n], h.Authority) {
			t.Fatal("the authority is not of the header")
		}
	})
}
