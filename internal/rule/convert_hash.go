package rule

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"bascule/internal/balance"
)

// hashOf makes a converter of a hash of 32 bits; args[0] 1 adds HAProxy's
// avalanche, as `hash-type … avalanche` does.
func hashOf(sum func([]byte) uint32) evalFunc {
	return func(x *Ctx, args []arg, s *Sample) bool {
		h := sum(s.binary(x))
		if len(args) > 0 && args[0].num != 0 {
			h = balance.Avalanche(h)
		}
		return s.setInt(int64(h))
	}
}

func placing(f balance.Func) func([]byte) uint32 {
	return func(b []byte) uint32 { return balance.Hash(f, b) }
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func crc32c(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

func seed(args []arg) uint64 {
	if len(args) > 0 {
		return uint64(args[0].num)
	}
	return 0
}

func convXXH32(x *Ctx, args []arg, s *Sample) bool {
	return s.setInt(int64(balance.XXH32(s.binary(x), uint32(seed(args)))))
}

func convXXH64(x *Ctx, args []arg, s *Sample) bool {
	return s.setInt(int64(balance.XXH64(s.binary(x), seed(args))))
}

// A digest appends the hash of b; block is what hmac pads its key to (RFC 2104).
type digest struct {
	sum   func(dst, b []byte) []byte
	block int
}

var digests = map[string]digest{
	"md5":        {func(dst, b []byte) []byte { d := md5.Sum(b); return append(dst, d[:]...) }, md5.BlockSize},
	"sha1":       {func(dst, b []byte) []byte { d := sha1.Sum(b); return append(dst, d[:]...) }, sha1.BlockSize},
	"sha224":     {func(dst, b []byte) []byte { d := sha256.Sum224(b); return append(dst, d[:]...) }, sha256.BlockSize},
	"sha256":     {func(dst, b []byte) []byte { d := sha256.Sum256(b); return append(dst, d[:]...) }, sha256.BlockSize},
	"sha384":     {func(dst, b []byte) []byte { d := sha512.Sum384(b); return append(dst, d[:]...) }, sha512.BlockSize},
	"sha512":     {func(dst, b []byte) []byte { d := sha512.Sum512(b); return append(dst, d[:]...) }, sha512.BlockSize},
	"sha512-224": {func(dst, b []byte) []byte { d := sha512.Sum512_224(b); return append(dst, d[:]...) }, sha512.BlockSize},
	"sha512-256": {func(dst, b []byte) []byte { d := sha512.Sum512_256(b); return append(dst, d[:]...) }, sha512.BlockSize},
}

func (s *Sample) setDigest(x *Ctx, d digest) bool {
	b := s.binary(x)
	at := len(x.Scratch)
	x.Scratch = d.sum(x.Scratch, b)
	s.Kind, s.Bytes = KindBin, x.Scratch[at:]
	return true
}

func convSHA1(x *Ctx, _ []arg, s *Sample) bool { return s.setDigest(x, digests["sha1"]) }

func convDigest(x *Ctx, args []arg, s *Sample) bool { return s.setDigest(x, args[0].digest) }

func convSHA2(x *Ctx, args []arg, s *Sample) bool {
	if len(args) == 0 {
		return s.setDigest(x, digests["sha256"])
	}
	return s.setDigest(x, args[0].digest)
}

func checkSHA2(args []arg) (err error) {
	if len(args) == 0 {
		return nil
	}
	d, ok := digests["sha"+args[0].text]
	if args[0].digest = d; !ok || len(args[0].text) != 3 {
		return fmt.Errorf("Unsupported number of bits: '%s'", args[0].text)
	}
	return nil
}

func checkDigest(args []arg) error {
	d, ok := digests[string(appendLower(nil, args[0].bytes))]
	if args[0].digest = d; !ok {
		return errors.New("Algorithm must be a valid OpenSSL message digest name.")
	}
	return nil
}

// checkHMAC also decodes a constant key; a variable's is decoded when it runs.
func checkHMAC(args []arg) error {
	if err := checkDigest(args); err != nil {
		return err
	}
	if err := checkVarName(args[1].text); err == nil {
		args[1].number = true
		return nil
	}
	key, err := base64.StdEncoding.DecodeString(args[1].text)
	if err != nil {
		return fmt.Errorf("failed to parse key '%s' as base64", args[1].text)
	}
	args[1].bytes = key
	return nil
}

// convHMAC is RFC 2104 over Scratch, so that nothing is allocated.
func convHMAC(x *Ctx, args []arg, s *Sample) bool {
	d, b, key := args[0].digest, s.binary(x), args[1].bytes
	if args[1].number {
		v := x.Vars.find(args[1].text)
		if v == nil {
			return false
		}
		at := len(x.Scratch)
		x.Scratch = v.appendTo(x.Scratch)
		end := len(x.Scratch)
		out, err := base64.StdEncoding.AppendDecode(x.Scratch, x.Scratch[at:])
		if err != nil {
			return false
		}
		x.Scratch, key = out, out[end:]
	}
	if len(key) > d.block {
		at := len(x.Scratch)
		x.Scratch = d.sum(x.Scratch, key)
		key = x.Scratch[at:]
	}
	inner := x.appendPad(key, d.block, 0x36)
	x.Scratch = append(x.Scratch, b...)
	at := len(x.Scratch)
	x.Scratch = d.sum(x.Scratch, x.Scratch[inner:])
	end := len(x.Scratch)
	outer := x.appendPad(key, d.block, 0x5c)
	x.Scratch = append(x.Scratch, x.Scratch[at:end]...)
	at = len(x.Scratch)
	x.Scratch = d.sum(x.Scratch, x.Scratch[outer:])
	s.Kind, s.Bytes = KindBin, x.Scratch[at:]
	return true
}

func (x *Ctx) appendPad(key []byte, block int, with byte) (at int) {
	at = len(x.Scratch)
	for i := range block {
		c := with
		if i < len(key) {
			c ^= key[i]
		}
		x.Scratch = append(x.Scratch, c)
	}
	return at
}

func convSecureMemcmp(x *Ctx, args []arg, s *Sample) bool {
	v := x.Vars.find(args[0].text)
	if v == nil {
		return false
	}
	b := s.binary(x)
	other := Sample{Kind: v.kind, Int: v.num, Addr: v.addr, Bytes: v.bytes}
	return s.setBool(subtle.ConstantTimeCompare(b, other.binary(x)) == 1)
}

// fetchBase32 is `base,sdbm(1)`; with an address behind it for base32+src.
func fetchBase32(x *Ctx, _ []arg, s *Sample) bool { return hash32(x, s, fetchBase) }
func fetchURL32(x *Ctx, _ []arg, s *Sample) bool  { return hash32(x, s, fetchHostURL) }

func hash32(x *Ctx, s *Sample, of evalFunc) bool {
	return of(x, nil, s) && s.setInt(int64(balance.Avalanche(balance.Hash(balance.SDBM, s.bytes(x)))))
}

// fetchHostURL is what url32 hashes: the Host field and the target from its
// path on.
func fetchHostURL(x *Ctx, _ []arg, s *Sample) bool { return fetchBaseq(x, nil, s) }

func withSrc(of evalFunc) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		if !of(x, nil, s) {
			return false
		}
		at := len(x.Scratch)
		x.Scratch = binary.BigEndian.AppendUint32(x.Scratch, uint32(s.Int))
		if a := x.Src.Addr().Unmap(); a.Is4() {
			b := a.As4()
			x.Scratch = append(x.Scratch, b[:]...)
		} else if a.Is6() {
			b := a.As16()
			x.Scratch = append(x.Scratch, b[:]...)
		}
		s.Kind, s.Bytes = KindBin, x.Scratch[at:]
		return true
	}
}
