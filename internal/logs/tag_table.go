package logs

import (
	"bytes"

	"bascule/internal/rule"
)

// tagTable is every tag of HAProxy's manual, 8.2.6.
var tagTable = []tag{
	{"B", soFar(func(r *Record) int64 { return r.BytesRead }), false, "bytes sent to the client"},
	{"CC", cookie(func(r *Record) []byte { return r.ReqCookie }), false, "captured cookie of the request"},
	{"CS", cookie(func(r *Record) []byte { return r.ResCookie }), false, "captured cookie of the reply"},
	{"H", name(func(*Record) string { return ownHostname }), false, "name of this machine"},
	{"HM", orBad(func(r *Record) []byte { return r.Method }), false, "method"},
	{"HP", orBad(func(r *Record) []byte { return beforeQuery(r.Target) }), false, "request target without the query"},
	{"HPO", orBad(func(r *Record) []byte { return beforeQuery(fromPath(r.Target)) }), false, "path"},
	{"HQ", appendQuery, false, "query with its question mark"},
	{"HU", orBad(func(r *Record) []byte { return r.Target }), false, "request target"},
	{"HV", name(version), false, "HTTP version"},
	{"ID", nil, false, ""},
	{"ST", number(status), false, "status, -1 without a reply"},
	{"T", func(dst []byte, r *Record, _ rule.FormatOptions) []byte {
		return append(appendDay(dst, r.Accept.UTC()), " +0000"...)
	}, false, "date of the connection in UTC"},
	{"TR", number(func(r *Record) int64 { return int64(r.TR) }), false, "ms to receive the request's head"},
	{"Ta", soFar(func(r *Record) int64 { return int64(r.Ta) }), false, "ms from the request's first byte to the end"},
	{"Tc", number(func(r *Record) int64 { return int64(r.Tc) }), false, "ms to connect to the server"},
	{"Td", number(dataTime), false, "ms of the data transmission"},
	{"Th", number(func(r *Record) int64 { return int64(r.Th) }), false, "ms of handshakes"},
	{"Ti", number(func(r *Record) int64 { return int64(r.Ti) }), false, "ms idle before the request"},
	{"Tl", func(dst []byte, r *Record, _ rule.FormatOptions) []byte {
		return appendZone(append(appendDay(dst, r.Accept), ' '), r.Accept)
	}, false, "date of the connection with the zone"},
	{"Tq", number(queryTime), false, "ms from the connection to the request's end"},
	{"Tr", number(func(r *Record) int64 { return int64(r.Tr) }), false, "ms until the server's head"},
	{"Ts", number(func(r *Record) int64 { return r.Accept.Unix() }), false, "seconds since 1970 of the connection"},
	{"Tt", soFar(func(r *Record) int64 { return int64(r.Tt) }), false, "ms in total"},
	{"Tu", nil, false, ""},
	{"Tw", number(func(r *Record) int64 { return int64(r.Tw) }), false, "ms in queues"},
	{"U", soFar(func(r *Record) int64 { return r.BytesUploaded }), false, "bytes received from the client"},
	{"ac", number(func(r *Record) int64 { return int64(r.ActConn) }), false, "connections of the process"},
	{"b", name(backend), false, "backend, or the frontend without one"},
	{"bc", number(func(r *Record) int64 { return int64(r.BeConn) }), false, "connections of the backend"},
	{"bi", nil, false, ""},
	{"bp", nil, false, ""},
	{"bq", number(func(r *Record) int64 { return int64(r.BeQueue) }), false, "requests before this one in the backend's queue"},
	{"ci", addr(client), false, "client's address"},
	{"cp", port(client), false, "client's port"},
	{"f", name(func(r *Record) string { return r.Frontend }), false, "frontend"},
	{"fc", number(func(r *Record) int64 { return int64(r.FeConn) }), false, "connections of the frontend"},
	{"fi", addr(front), false, "address that the client connected to"},
	{"fp", port(front), false, "port that the client connected to"},
	{"ft", appendTransport, false, "frontend, with ~ when encrypted"},
	{"hr", captures(func(r *Record) [][]byte { return r.ReqCaptures }), true, "captured fields of the request"},
	{"hrl", nil, false, ""},
	{"hs", captures(func(r *Record) [][]byte { return r.ResCaptures }), true, "captured fields of the reply"},
	{"hsl", nil, false, ""},
	{"lc", nil, false, ""},
	{"ms", func(dst []byte, r *Record, _ rule.FormatOptions) []byte { return appendMillis(dst, r.Accept) }, false, "milliseconds of the connection's date"},
	{"pid", number(func(*Record) int64 { return ownPID }), false, "process id"},
	{"r", appendRequest, false, "request line"},
	{"rc", appendRetries, false, "retries, with + when redispatched"},
	{"rt", nil, false, ""},
	{"s", name(server), false, "server, <NOSRV> without one"},
	{"sc", number(func(r *Record) int64 { return int64(r.SrvConn) }), false, "connections of the server"},
	{"si", nil, false, ""},
	{"sp", nil, false, ""},
	{"sq", number(func(r *Record) int64 { return int64(r.SrvQueue) }), false, "requests before this one in the server's queue"},
	{"sslc", nil, false, ""},
	{"sslv", nil, false, ""},
	{"t", func(dst []byte, r *Record, _ rule.FormatOptions) []byte { return appendStamp(dst, r.Accept) }, false, "date of the connection"},
	{"tr", func(dst []byte, r *Record, _ rule.FormatOptions) []byte { return appendStamp(dst, r.Start) }, false, "date of the request's first byte"},
	{"trg", func(dst []byte, r *Record, _ rule.FormatOptions) []byte {
		return append(appendDay(dst, r.Start.UTC()), " +0000"...)
	}, false, "date of the request in UTC"},
	{"trl", func(dst []byte, r *Record, _ rule.FormatOptions) []byte {
		return appendZone(append(appendDay(dst, r.Start), ' '), r.Start)
	}, false, "date of the request with the zone"},
	{"ts", func(dst []byte, r *Record, _ rule.FormatOptions) []byte { return appendTerm(dst, r, 2) }, false, "termination code"},
	{"tsc", func(dst []byte, r *Record, _ rule.FormatOptions) []byte { return appendTerm(dst, r, 4) }, false, "termination code with the cookie's"},
}

func status(r *Record) int64 {
	if r.Status == 0 {
		return -1
	}
	return int64(r.Status)
}

// queryTime is Th + Ti + TR, -1 when the request was not complete.
func queryTime(r *Record) int64 {
	if r.TR < 0 {
		return -1
	}
	return int64(max(r.Th, 0) + max(r.Ti, 0) + r.TR)
}

// dataTime is what is left of Tt behind the server's head.
func dataTime(r *Record) int64 {
	if r.Tr < 0 {
		return -1
	}
	return int64(r.Tt-max(r.Tw, 0)-max(r.Tc, 0)-r.Tr) - max(queryTime(r), 0)
}

func backend(r *Record) string {
	if r.Backend == "" {
		return r.Frontend
	}
	return r.Backend
}

func server(r *Record) string {
	if r.Server == "" {
		return "<NOSRV>"
	}
	return r.Server
}

func appendTransport(dst []byte, r *Record, o rule.FormatOptions) []byte {
	if o.Quote {
		dst = append(dst, '"')
	}
	dst = append(dst, r.Frontend...)
	if r.TLS {
		dst = append(dst, '~')
	}
	if o.Quote {
		dst = append(dst, '"')
	}
	return dst
}

func appendRetries(dst []byte, r *Record, _ rule.FormatOptions) []byte {
	if r.Redispatched {
		dst = append(dst, '+')
	}
	return appendInt(dst, int64(r.Retries))
}

// appendTerm writes the termination code; a zero byte is a "-".
func appendTerm(dst []byte, r *Record, n int) []byte {
	for _, c := range r.Term[:n] {
		if c == 0 {
			c = '-'
		}
		dst = append(dst, c)
	}
	return dst
}

func beforeQuery(target []byte) []byte {
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		return target[:i]
	}
	return target
}

// fromPath drops scheme and authority of an absolute target.
func fromPath(target []byte) []byte {
	if i := bytes.Index(target, []byte("://")); i > 0 && target[0] != '/' {
		rest := target[i+3:]
		if j := bytes.IndexByte(rest, '/'); j >= 0 {
			return rest[j:]
		}
		return nil
	}
	return target
}

func appendQuery(dst []byte, r *Record, o rule.FormatOptions) []byte {
	if r.BadRequest {
		return appendText(dst, "<BADREQ>", o, &plainEscape)
	}
	i := bytes.IndexByte(r.Target, '?')
	if i < 0 {
		i = len(r.Target)
	}
	return appendText(dst, r.Target[i:], o, &plainEscape)
}
