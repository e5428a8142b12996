package backend

import (
	"bytes"
	"time"

	"bascule/internal/config"
)

// The dates in a persistence cookie (HAProxy: cookie … maxidle, maxlife):
// SERVER|LAST|FIRST, each five base64 digits of unix seconds divided by 4.
const (
	dateDelimiter = '|'
	dateDigits    = 5
	dateShift     = 2
	dateAlphabet  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	// maxFuture: dates further ahead come from a clock that was wrong, and would
	// keep a client for too long.
	maxFuture = 24 * 60 * 60
)

// A dated value is a cookie's value taken apart; dates that are missing or not
// readable are 0.
type dated struct {
	value       []byte
	last, first int64 // unix seconds
}

func takeApart(v []byte) (d dated) {
	i := bytes.IndexByte(v, dateDelimiter)
	if i < 0 {
		d.value = v
		return d
	}
	d.value, v = v[:i], v[i+1:]
	d.last = readDate(v)
	if i = bytes.IndexByte(v, dateDelimiter); i >= 0 {
		d.first = readDate(v[i+1:])
	}
	return d
}

func readDate(v []byte) int64 {
	if len(v) < dateDigits {
		return 0
	}
	n := int64(0)
	for _, c := range v[:dateDigits] {
		digit := indexDigit(c)
		if digit < 0 {
			return 0
		}
		n = n<<6 | int64(digit)
	}
	return n << dateShift
}

func indexDigit(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}

// appendDate writes a date, to 4 seconds.
func appendDate(dst []byte, unix int64) []byte {
	n := unix >> dateShift
	dst = append(dst, dateDelimiter)
	for shift := 6 * (dateDigits - 1); shift >= 0; shift -= 6 {
		dst = append(dst, dateAlphabet[n>>shift&63])
	}
	return dst
}

// aged says whether a cookie is too old to be honoured, and for which letter.
func (d *dated) aged(c *config.Cookie) (PersistState, bool) {
	if d.first == 0 && d.last == 0 || c.MaxIdle == 0 && c.MaxLife == 0 {
		return 0, false
	}
	now := time.Now().Unix()
	over := func(date int64, limit time.Duration) bool {
		return date != 0 && limit > 0 && (now-date > int64(limit/time.Second) || date-now > maxFuture)
	}
	switch {
	case over(d.first, c.MaxLife):
		return PersistOld, true
	case over(d.last, c.MaxIdle):
		return PersistExpired, true
	}
	return 0, false
}

// stale says that the client needs the cookie again though it names the right
// server: its dates are missing, past, or not wanted any more.
func (d *dated) stale(c *config.Cookie) bool {
	switch {
	case c.MaxLife > 0 && d.first == 0, c.MaxLife == 0 && d.first != 0:
		return true
	case c.MaxIdle == 0 && d.last == 0:
		return false
	}
	return d.last < time.Now().Unix()
}
