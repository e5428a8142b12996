package rule

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"

	"bascule/internal/wire"
)

// checkBin decodes the bytes of bin.
func checkBin(args []arg) error {
	b, err := hex.DecodeString(args[0].text)
	if args[0].bytes = b; err != nil {
		return fmt.Errorf("failed to parse '%s': invalid hexadecimal", args[0].text)
	}
	return nil
}

func fetchBin(_ *Ctx, args []arg, s *Sample) bool {
	s.Kind, s.Bytes = KindBin, args[0].bytes
	return true
}

// checkEnv reads the variable once: what it holds is a constant.
func checkEnv(args []arg) error {
	v, ok := os.LookupEnv(args[0].text)
	args[0].bytes, args[0].number = []byte(v), ok
	return nil
}

func fetchEnv(_ *Ctx, args []arg, s *Sample) bool { return args[0].number && s.setBytes(args[0].bytes) }

func fetchHostname(_ *Ctx, _ []arg, s *Sample) bool { return s.setBytes(ownHostname) }

func fetchOne(_ *Ctx, _ []arg, s *Sample) bool { return s.setInt(1) }

func fetchThread(x *Ctx, _ []arg, s *Sample) bool { return s.setInt(int64(x.Loop)) }

func checkAddr4(args []arg) error { return checkAddr(args, "IPv4", netip.Addr.Is4) }
func checkAddr6(args []arg) error { return checkAddr(args, "IPv6", netip.Addr.Is6) }

func checkAddr(args []arg, family string, is func(netip.Addr) bool) error {
	a, err := netip.ParseAddr(args[0].text)
	if args[0].addr = a; err != nil || !is(a) {
		return fmt.Errorf("failed to parse '%s' as type '%s address' at position 1", args[0].text, family)
	}
	return nil
}

func fetchAddr(_ *Ctx, args []arg, s *Sample) bool { return s.setAddr(args[0].addr) }

func fetchConnSrc(x *Ctx, _ []arg, s *Sample) bool     { return s.setAddr(x.connSrc().Addr().Unmap()) }
func fetchConnDst(x *Ctx, _ []arg, s *Sample) bool     { return s.setAddr(x.connDst().Addr().Unmap()) }
func fetchConnSrcPort(x *Ctx, _ []arg, s *Sample) bool { return port(x.connSrc(), s) }
func fetchConnDstPort(x *Ctx, _ []arg, s *Sample) bool { return port(x.connDst(), s) }

// connSrc and connDst are the ends of the connection itself, whatever set-src
// and set-dst say.
func (x *Ctx) connSrc() netip.AddrPort {
	if x.ConnSrc.IsValid() {
		return x.ConnSrc
	}
	return x.Src
}

func (x *Ctx) connDst() netip.AddrPort {
	if x.ConnDst.IsValid() {
		return x.ConnDst
	}
	return x.Dst
}

func fetchFeID(x *Ctx, _ []arg, s *Sample) bool { return s.setInt(int64(x.FrontendID)) }

func fetchBeID(x *Ctx, _ []arg, s *Sample) bool {
	if x.Backend == "" {
		return fetchFeID(x, nil, s)
	}
	return s.setInt(int64(x.BackendID))
}

func fetchSrvID(x *Ctx, _ []arg, s *Sample) bool {
	return x.Server != "" && s.setInt(int64(x.ServerID))
}

func fetchDefBe(x *Ctx, _ []arg, s *Sample) bool {
	return x.DefaultBackend != "" && s.setText(x, x.DefaultBackend)
}

// fetchDate is the time, moved by args[0], in units of args[1].
func fetchDate(x *Ctx, args []arg, s *Sample) bool {
	t := x.Now.Unix()
	if per := unitOf(args); per != 1 {
		t = x.Now.UnixMicro() / (1000000 / per)
	}
	if len(args) > 0 {
		t += args[0].num
	}
	return s.setInt(t)
}

func fetchDateMicro(x *Ctx, _ []arg, s *Sample) bool {
	return s.setInt(int64(x.Now.Nanosecond() / 1000))
}

// fetchRand is below args[0], else below 2³².
func fetchRand(_ *Ctx, args []arg, s *Sample) bool {
	n := uint64(1 << 32)
	if len(args) > 0 {
		n = uint64(args[0].num)
	}
	return s.setInt(int64(rand.Uint64N(n)))
}

func checkRand(args []arg) error {
	if len(args) > 0 && args[0].num <= 0 {
		return fmt.Errorf("the range must be positive")
	}
	return nil
}

func checkUUID(args []arg) error {
	if len(args) > 0 && args[0].num != 4 {
		return fmt.Errorf("Unsupported UUID version: '%d'", args[0].num)
	}
	return nil
}

// fetchUUID is a random UUID (RFC 9562 §5.4).
func fetchUUID(x *Ctx, _ []arg, s *Sample) bool {
	hi, lo := rand.Uint64(), rand.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 1<<63
	at := len(x.Scratch)
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			x.Scratch = append(x.Scratch, '-')
		}
		half := hi
		if i >= 16 {
			half = lo
		}
		x.Scratch = append(x.Scratch, "0123456789abcdef"[half>>(60-4*(i%16))&15])
	}
	return s.setBytes(x.Scratch[at:])
}

// hdrsFetch is the head's fields as they were read, with the empty line.
func hdrsFetch(side func(*Ctx) *wire.Head) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		h := side(x)
		if h == nil {
			return false
		}
		at := len(x.Scratch)
		for i := range h.Fields {
			if f := &h.Fields[i]; !f.Deleted {
				x.Scratch = appendLower(x.Scratch, h.Name(f))
				x.Scratch = append(x.Scratch, ": "...)
				x.Scratch = append(x.Scratch, h.Value(f)...)
				x.Scratch = append(x.Scratch, "\r\n"...)
			}
		}
		x.Scratch = append(x.Scratch, "\r\n"...)
		return s.setBytes(x.Scratch[at:])
	}
}

// urlHost splits the authority of an absolute target.
func urlHost(x *Ctx) (host, port []byte, ok bool) {
	r := x.requestHead()
	if r == nil {
		return nil, nil, false
	}
	t := r.Target()
	i := bytes.Index(t, []byte("://"))
	if i <= 0 || t[0] == '/' {
		return nil, nil, false
	}
	t = t[i+3:]
	if end := bytes.IndexAny(t, "/?"); end >= 0 {
		t = t[:end]
	}
	host, port = cutHostPort(t)
	return host, port, true
}

func fetchURLAddr(x *Ctx, _ []arg, s *Sample) bool {
	host, _, ok := urlHost(x)
	if !ok {
		return false
	}
	a, ok := parseAddr(bytes.Trim(host, "[]"))
	return ok && s.setAddr(a)
}

// fetchURLPort is the port of an absolute target with an address, 80 without one.
func fetchURLPort(x *Ctx, _ []arg, s *Sample) bool {
	host, port, ok := urlHost(x)
	if _, is := parseAddr(bytes.Trim(host, "[]")); !ok || !is {
		return false
	}
	if len(port) == 0 {
		return s.setInt(80)
	}
	return s.setInt(leadingInt(port))
}

func fetchReplyCaptured(x *Ctx, args []arg, s *Sample) bool {
	i := args[0].num
	if i < 0 || i >= int64(len(x.ResCaps)) || len(x.ResCaps[i]) == 0 {
		return false
	}
	return s.setBytes(x.ResCaps[i])
}
