package lang

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// MaxTimer is the longest time HAProxy's millisecond timers take, about 24.8 days.
const MaxTimer = math.MaxInt32 * time.Millisecond

// ErrTimerOverflow is ParseTime's error for what is longer than MaxTimer.
var ErrTimerOverflow = errors.New("timer overflow")

// A UnitError is an unexpected character in a time or a size.
type UnitError struct{ Char byte }

func (e *UnitError) Error() string { return fmt.Sprintf("unexpected character '%c'", e.Char) }

// ParseTime reads an unsigned decimal number with a unit us, ms, s, m, h or d
// (manual, 2.5); a number without one counts unit. The result is a multiple of
// unit, rounded up as HAProxy does. More than MaxTimer is ErrTimerOverflow.
func ParseTime(text string, unit time.Duration) (time.Duration, error) {
	step := unit
	n, rest, ok := digits(text)
	if !ok {
		return 0, ErrTimerOverflow
	}
	if rest != "" && len(rest) == len(text) { // a unit without a number
		return 0, &UnitError{rest[0]}
	}
	switch rest {
	case "":
	case "us":
		unit = time.Microsecond
	case "ms":
		unit = time.Millisecond
	case "s":
		unit = time.Second
	case "m":
		unit = time.Minute
	case "h":
		unit = time.Hour
	case "d":
		unit = 24 * time.Hour
	default:
		return 0, unitError(rest)
	}
	if n > uint64(MaxTimer/unit) {
		return 0, ErrTimerOverflow
	}
	d := time.Duration(n) * unit
	return (d + step - 1) / step * step, nil
}

// unitError names the first character that cannot be part of a time.
func unitError(rest string) error {
	switch rest[0] {
	case 's', 'h', 'd':
		return &UnitError{rest[1]}
	case 'm', 'u':
		if len(rest) > 1 && rest[1] == 's' {
			return &UnitError{rest[2]}
		}
		if len(rest) > 1 && rest[0] == 'm' {
			return &UnitError{rest[1]}
		}
	}
	return &UnitError{rest[0]}
}

// ParseSize reads a number of bytes with an optional unit k, m or g (powers of
// 1024, either case).
func ParseSize(text string) (int, error) {
	n, rest, ok := digits(text)
	if !ok {
		return 0, errors.New("size overflow")
	}
	shift := 0
	if rest != "" {
		switch rest[0] | 0x20 {
		case 'k':
			shift = 10
		case 'm':
			shift = 20
		case 'g':
			shift = 30
		default:
			return 0, &UnitError{rest[0]}
		}
		if len(rest) > 1 {
			return 0, &UnitError{rest[1]}
		}
	}
	if n > math.MaxInt64>>shift {
		return 0, errors.New("size overflow")
	}
	return int(n << shift), nil
}

// digits reads the leading decimal number; ok is false when it does not fit.
func digits(text string) (n uint64, rest string, ok bool) {
	i := 0
	for ; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		if n > (math.MaxInt64-9)/10 {
			return 0, "", false
		}
		n = n*10 + uint64(text[i]-'0')
	}
	return n, text[i:], true
}
