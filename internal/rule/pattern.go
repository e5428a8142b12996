package rule

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// parse adds the patterns in list. Integer methods know the operators eq, ge,
// gt, le and lt for what follows them, and ranges low:high.
func (p *patterns) parse(list []string) error {
	operator := "eq"
	for _, text := range list {
		if p.kind == matchInt || p.kind == matchLen {
			switch text {
			case "eq", "ge", "gt", "le", "lt":
				operator = text
				continue
			}
		}
		if err := p.add(text, operator); err != nil {
			return err
		}
	}
	return nil
}

// add adds one pattern.
func (p *patterns) add(text, operator string) error {
	err := p.addAs(p.count, text, operator)
	p.count++
	return err
}

func (p *patterns) addAs(n int, pattern, operator string) error {
	switch p.kind {
	case matchFound, matchBool:
		return nil
	case matchInt, matchLen:
		return p.addRange(n, pattern, operator)
	case matchIP:
		return p.addPrefix(n, pattern)
	case matchReg:
		re, err := compileRegex(pattern, p.fold)
		if err != nil {
			return err
		}
		p.regexes = append(p.regexes, re)
		return nil
	case matchBin:
		b, err := hex.DecodeString(pattern)
		if err != nil {
			return fmt.Errorf("'%s' is not a hexadecimal string", pattern)
		}
		pattern = string(b)
	default:
		if p.fold && !(p.exact && p.kind == matchStr) {
			pattern = string(appendLower(nil, []byte(pattern)))
		}
	}
	switch p.kind {
	case matchStr, matchBin, matchBeg, matchEnd:
		p.lookup.addText(pattern, n)
	default:
		p.texts = append(p.texts, text{[]byte(pattern), n})
	}
	return nil
}

func (p *patterns) addRange(number int, text, operator string) error {
	low, high, isRange := strings.Cut(text, ":")
	if !isRange {
		n, err := parseDecimal(text)
		if err != nil {
			if operator != "eq" {
				return fmt.Errorf("'%s' is neither a number nor a supported operator", text)
			}
			return fmt.Errorf("'%s' is not a number", text)
		}
		r := compared(operator, n)
		r.n = number
		p.ranges = append(p.ranges, r)
		return nil
	}
	r := intRange{low: math.MinInt64, high: math.MaxInt64, n: number}
	var err1, err2 error
	if low != "" {
		r.low, err1 = parseDecimal(low)
	}
	if high != "" {
		r.high, err2 = parseDecimal(high)
	}
	if err1 != nil || err2 != nil || r.low > r.high || low == "" && high == "" {
		return fmt.Errorf("'%s' is not a valid number range", text)
	}
	p.ranges = append(p.ranges, r)
	return nil
}

// parseDecimal reads an integer, or "major.minor" as HAProxy does for versions
// (3.1 is 196609), so that "1.2:3.4" is a range.
func parseDecimal(text string) (int64, error) {
	if major, minor, ok := strings.Cut(text, "."); ok {
		a, err := strconv.ParseInt(major, 10, 47)
		if err != nil {
			return 0, err
		}
		b, err := strconv.ParseUint(minor, 10, 16)
		return a<<16 + int64(b), err
	}
	return strconv.ParseInt(text, 10, 64)
}

func compared(operator string, n int64) intRange {
	switch operator {
	case "ge":
		return intRange{low: n, high: math.MaxInt64}
	case "gt":
		if n == math.MaxInt64 {
			return intRange{low: 1, high: 0} // nothing
		}
		return intRange{low: n + 1, high: math.MaxInt64}
	case "le":
		return intRange{low: math.MinInt64, high: n}
	case "lt":
		if n == math.MinInt64 {
			return intRange{low: 1, high: 0}
		}
		return intRange{low: math.MinInt64, high: n - 1}
	}
	return intRange{low: n, high: n}
}

var errAddress = errors.New("is not a valid IPv4 or IPv6 address")

// addPrefix reads an address with an optional mask, as length or, for IPv4,
// dotted. Names are not resolved.
func (p *patterns) addPrefix(n int, text string) error {
	address, mask, masked := strings.Cut(text, "/")
	a, err := netip.ParseAddr(address)
	if err != nil || a.Zone() != "" {
		return fmt.Errorf("'%s' %w", text, errAddress)
	}
	bits := int64(a.BitLen())
	if masked {
		ok := false
		if bits, ok = parseMask(mask, a.BitLen()); !ok {
			return fmt.Errorf("'%s' %w", text, errAddress)
		}
	}
	if a.Is4In6() && bits >= 96 {
		a, bits = a.Unmap(), bits-96
	}
	prefix, err := a.Prefix(int(bits))
	if err != nil {
		return fmt.Errorf("'%s' %w", text, errAddress)
	}
	p.lookup.addPrefix(prefix, n)
	return nil
}
