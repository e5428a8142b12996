package logs

import "time"

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// appendDay appends "02/Jan/2006:15:04:05".
func appendDay(dst []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = append(appendTwo(dst, day), '/')
	dst = append(append(dst, months[3*(month-1):3*month]...), '/')
	dst = append(appendTwo(appendTwo(dst, year/100%100), year%100), ':')
	dst = append(appendTwo(dst, hour), ':')
	dst = append(appendTwo(dst, minute), ':')
	return appendTwo(dst, second)
}

// appendStamp appends "02/Jan/2006:15:04:05.000", HAProxy's date with
// milliseconds in local time.
func appendStamp(dst []byte, t time.Time) []byte {
	return appendMillis(append(appendDay(dst, t), '.'), t)
}

func appendMillis(dst []byte, t time.Time) []byte {
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(dst, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}

// appendZone appends "+0100".
func appendZone(dst []byte, t time.Time) []byte {
	_, seconds := t.Zone()
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	return appendTwo(appendTwo(append(dst, sign), seconds/3600), seconds/60%60)
}
