package rule

import (
	"fmt"
	"strconv"
	"time"

	"bascule/internal/wire"
)

// unitNames are the units that date and http_date take.
var unitNames = map[string]int64{"s": 1, "ms": 1000, "us": 1000000}

// checkUnit makes args[1] a number: units in a second.
func checkUnit(args []arg) error {
	if len(args) < 2 || args[1].text == "" {
		return nil
	}
	n, ok := unitNames[args[1].text]
	if args[1].num = n; !ok {
		return fmt.Errorf("expects 's', 'ms' or 'us', got '%s'", args[1].text)
	}
	return nil
}

func unitOf(args []arg) int64 {
	if len(args) > 1 && args[1].num != 0 {
		return args[1].num
	}
	return 1
}

// instant is n units after 1970, of which there are per in a second.
func instant(n, per int64) time.Time {
	sec, rest := n/per, n%per
	if rest < 0 {
		sec, rest = sec-1, rest+per
	}
	return time.Unix(sec, rest*(1e9/per))
}

func convHTTPDate(x *Ctx, args []arg, s *Sample) bool {
	n, ok := s.number()
	if !ok {
		return false
	}
	if len(args) > 0 {
		n += args[0].num
	}
	at := len(x.Scratch)
	t := instant(n, unitOf(args)).UTC()
	x.Scratch = wire.AppendDate(x.Scratch, t)
	if per := unitOf(args); per > 1 {
		digits := 3
		if per > 1000 {
			digits = 6
		}
		x.Scratch = appendPadded(append(x.Scratch[:len(x.Scratch)-len(" GMT")], '.'), t.Nanosecond(), 9, '0')
		x.Scratch = append(x.Scratch[:len(x.Scratch)-9+digits], " GMT"...)
	}
	return s.setBytes(x.Scratch[at:])
}

// formatTime makes ltime, utime and their kin: units in a second, and where.
func formatTime(per int64, where *time.Location) evalFunc {
	return func(x *Ctx, args []arg, s *Sample) bool {
		n, ok := s.number()
		if !ok {
			return false
		}
		if len(args) > 1 {
			n += args[1].num
		}
		at := len(x.Scratch)
		x.Scratch = appendTime(x.Scratch, args[0].text, instant(n, per).In(where))
		return s.setBytes(x.Scratch[at:])
	}
}

// timeLayouts are the specifiers of strftime(3) that one layout of package
// time gives, in the C locale.
var timeLayouts = [256]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'h': "Jan", 'c': "Mon Jan _2 15:04:05 2006",
	'd': "02", 'D': "01/02/06", 'e': "_2", 'F': "2006-01-02", 'H': "15", 'I': "03", 'm': "01", 'M': "04",
	'p': "PM", 'P': "pm", 'r': "03:04:05 PM", 'R': "15:04", 'S': "05", 'T': "15:04:05", 'x': "01/02/06",
	'X': "15:04:05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST", 'j': "002",
}

// appendTime is strftime(3) in the C locale, with %N of later HAProxys: the
// fraction, of 3, 6 or 9 digits.
func appendTime(dst []byte, format string, t time.Time) []byte {
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			dst = append(dst, format[i])
			continue
		}
		i++
		digits := 9
		if (format[i] == '3' || format[i] == '6' || format[i] == '9') && i+1 < len(format) && format[i+1] == 'N' {
			digits = int(format[i] - '0')
			i++
		}
		switch c := format[i]; c {
		case '%':
			dst = append(dst, '%')
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'N':
			dst = appendPadded(dst, t.Nanosecond(), 9, '0')
			dst = dst[:len(dst)-9+digits]
		case 's':
			dst = strconv.AppendInt(dst, t.Unix(), 10)
		case 'C':
			dst = appendPadded(dst, t.Year()/100, 2, '0')
		case 'k':
			dst = appendPadded(dst, t.Hour(), 2, ' ')
		case 'l':
			dst = appendPadded(dst, (t.Hour()+11)%12+1, 2, ' ')
		case 'u':
			dst = append(dst, '0'+byte((t.Weekday()+6)%7+1))
		case 'w':
			dst = append(dst, '0'+byte(t.Weekday()))
		case 'U':
			dst = appendPadded(dst, (t.YearDay()+6-int(t.Weekday()))/7, 2, '0')
		case 'W':
			dst = appendPadded(dst, (t.YearDay()+6-int(t.Weekday()+6)%7)/7, 2, '0')
		case 'V', 'G', 'g':
			dst = appendWeek(dst, c, t)
		default:
			if layout := timeLayouts[c]; layout != "" {
				dst = t.AppendFormat(dst, layout)
			} else {
				dst = append(dst, '%', c)
			}
		}
	}
	return dst
}

func appendWeek(dst []byte, c byte, t time.Time) []byte {
	year, week := t.ISOWeek()
	switch c {
	case 'V':
		return appendPadded(dst, week, 2, '0')
	case 'g':
		return appendPadded(dst, year%100, 2, '0')
	}
	return strconv.AppendInt(dst, int64(year), 10)
}

func appendPadded(dst []byte, n, width int, with byte) []byte {
	for limit := 10; width > 1; width-- {
		if pow(limit, width-1) > n {
			dst = append(dst, with)
		} else {
			break
		}
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

func pow(base, n int) int {
	v := 1
	for range n {
		v *= base
	}
	return v
}

// convHex2i reads a number in hexadecimal, of which the last 64 bits count.
func convHex2i(x *Ctx, _ []arg, s *Sample) bool {
	b, v := s.bytes(x), uint64(0)
	for _, c := range b {
		d, ok := unhex(c)
		if !ok {
			return false
		}
		v = v<<4 | uint64(d)
	}
	return s.setInt(int64(v))
}

// gmt is what strftime(3) calls UTC.
var gmt = time.FixedZone("GMT", 0)
