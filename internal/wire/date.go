package wire

import "time"

// AppendDate writes t as an IMF-fixdate, the form of Date and Expires
// (RFC 9110 §5.6.7).
func AppendDate(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, "Mon, 02 Jan 2006 15:04:05 GMT")
}
