package logs

import (
	"strconv"
	"time"
)

// A header holds the parts of line headers that change once a second, or with
// each turn of the writer.
type header struct {
	opts    Options
	second  int64
	when    []byte // "Jan _2 15:04:05"
	iso     []byte // "2006-01-02T15:04:05.000000+00:00"
	tagPID  []byte // "haproxy[123]: "
	pid     []byte
	isoText time.Time
}

func (h *header) setTime(now time.Time) {
	if h.tagPID == nil {
		h.pid = strconv.AppendInt(nil, int64(h.opts.PID), 10)
		h.tagPID = append(append(append([]byte(h.opts.Tag), '['), h.pid...), "]: "...)
	}
	if s := now.Unix(); s != h.second || h.when == nil {
		h.second = s
		h.when = now.AppendFormat(h.when[:0], time.Stamp)
	}
	if !now.Equal(h.isoText) {
		h.isoText = now
		h.iso = now.AppendFormat(h.iso[:0], "2006-01-02T15:04:05.000000-07:00")
	}
}

// append appends the header of a line for t; data is its structured data.
func (h *header) append(dst []byte, t *Target, level int, data []byte) []byte {
	switch t.Format {
	case "raw":
		return dst
	case "iso":
		return append(append(dst, h.iso...), ' ')
	case "short":
		return appendPriority(dst, level)
	case "timed":
		return append(append(appendPriority(dst, level), h.iso...), ' ')
	}
	dst = appendPriority(dst, t.Facility<<3|level)
	switch t.Format {
	case "priority":
		return dst
	case "rfc5424":
		dst = append(append(append(dst, "1 "...), h.iso...), ' ')
		if h.opts.Hostname == "" {
			dst = append(dst, '-')
		}
		dst = append(append(append(dst, h.opts.Hostname...), ' '), h.tag(t)...)
		dst = append(append(append(dst, ' '), h.pid...), " - "...)
		if len(data) == 0 {
			return append(dst, "- "...)
		}
		return append(append(dst, data...), ' ')
	}
	dst = append(append(dst, h.when...), ' ')
	switch {
	case t.Format == "local":
	case h.opts.Hostname != "":
		dst = append(append(dst, h.opts.Hostname...), ' ')
	case t.Format == "rfc3164":
		dst = append(dst, "localhost "...)
	}
	if t.Tag == "" {
		return append(dst, h.tagPID...)
	}
	return append(append(append(append(dst, t.Tag...), '['), h.pid...), "]: "...)
}

func (h *header) tag(t *Target) string {
	if t.Tag == "" {
		return h.opts.Tag
	}
	return t.Tag
}

func appendPriority(dst []byte, n int) []byte {
	return append(strconv.AppendInt(append(dst, '<'), int64(n), 10), '>')
}
