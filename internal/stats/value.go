// Package stats shows what the process counts: one table of fields over
// frontends, servers and backends (Fields), one over the process (Info), and
// from both the CSV, typed, JSON, page and Prometheus forms, with HAProxy's
// names and order.
package stats

import (
	"strconv"
	"strings"
)

// A Type is how the typed output names the type of a value.
type Type uint8

// The types.
const (
	U32 Type = iota
	S32
	U64
	Str
)

func (t Type) String() string { return [...]string{"u32", "s32", "u64", "str"}[t] }

// A Value is one field of one row: a number, a text, or nothing.
type Value struct {
	num  int64
	text string
	set  bool
}

func number(n int64) Value { return Value{num: n, set: true} }
func text(s string) Value  { return Value{text: s, set: true} }

// Set says that there is a value; an empty text is one.
func (v Value) Set() bool { return v.set }

// Num is the value of a numeric field, 0 without one.
func (v Value) Num() int64 { return v.num }

// Text is the value of a text field, "" without one.
func (v Value) Text() string { return v.text }

// append writes the value of type t as it is; nothing if there is none.
func (v Value) append(dst []byte, t Type) []byte {
	switch {
	case !v.set:
		return dst
	case t == Str || v.text != "":
		return append(dst, v.text...)
	}
	return strconv.AppendInt(dst, v.num, 10)
}

// Tags are the origin, nature and scope of a value, a letter each, as the
// typed output has them: "MGP" is a metric, a gauge, of the process.
type Tags string

var tagWords = [3]map[byte]string{
	{'M': "Metric", 'S': "Status", 'K': "Key", 'C': "Config", 'P': "Product"},
	{'A': "Age", 'C': "Counter", 'D': "Duration", 'G': "Gauge", 'L': "Limit", 'M': "Max", 'm': "Min",
		'N': "Name", 'O': "Output", 'R': "Rate", 'T': "Time", 'a': "Avg"},
	{'C': "Cluster", 'P': "Process", 'S': "Service", 's': "System"},
}

// word is the long form of the i-th letter, for JSON.
func (t Tags) word(i int) string { return tagWords[i][t[i]] }

// appendCSV writes a text cell, quoted where it would be ambiguous (RFC 4180).
func appendCSV(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, ",\"\r\n") {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

// appendSeconds writes milliseconds as seconds.
func appendSeconds(dst []byte, ms int64) []byte {
	return strconv.AppendFloat(dst, float64(ms)/1000, 'f', 3, 64)
}
