package logs

import (
	"bytes"
	"net/netip"
	"time"

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
	{"ID", cookie(func(r *Record) []byte { return r.UniqueID }), false, "number of the request by unique-id-format"},
	{"ST", number(status), false, "status, -1 without a reply"},
	{"T", date(func(dst []byte, r *Record) []byte { return append(appendDay(dst, r.Accept.UTC()), " +0000"...) }), false, "date of the connection in UTC"},
	{"TR", number(func(r *Record) int64 { return int64(r.TR) }), false, "ms to receive the request's head"},
	{"Ta", soFar(func(r *Record) int64 { return int64(r.Ta) }), false, "ms from the request's first byte to the end"},
	{"Tc", number(func(r *Record) int64 { return int64(r.Tc) }), false, "ms to connect to the server"},
	{"Td", number(dataTime), false, "ms of the data transmission"},
	{"Th", number(func(r *Record) int64 { return int64(r.Th) }), false, "ms of handshakes"},
	{"Ti", number(func(r *Record) int64 { return int64(r.Ti) }), false, "ms idle before the request"},
	{"Tl", date(func(dst []byte, r *Record) []byte { return appendZone(append(appendDay(dst, r.Accept), ' '), r.Accept) }), false, "date of the connection with the zone"},
	{"Tq", number(queryTime), false, "ms from the connection to the request's end"},
	{"Tr", number(func(r *Record) int64 { return int64(r.Tr) }), false, "ms until the server's head"},
	{"Ts", hexNumber(4, func(r *Record) int64 { return r.Accept.Unix() }), false, "seconds since 1970 of the connection"},
	{"Tt", soFar(func(r *Record) int64 { return int64(r.Tt) }), false, "ms in total"},
	{"Tu", soFar(userTime), false, "ms that the user waited: Tt without Ti"},
	{"Tw", number(func(r *Record) int64 { return int64(r.Tw) }), false, "ms in queues"},
	{"U", soFar(func(r *Record) int64 { return r.BytesUploaded }), false, "bytes received from the client"},
	{"ac", number(func(r *Record) int64 { return int64(r.ActConn) }), false, "connections of the process"},
	{"b", name(backend), false, "backend, or the frontend without one"},
	{"bc", number(func(r *Record) int64 { return int64(r.BeConn) }), false, "connections of the backend"},
	{"bi", addr(local), false, "address that the server was connected to from"},
	{"bp", known(local), false, "port that the server was connected to from"},
	{"bq", number(func(r *Record) int64 { return int64(r.BeQueue) }), false, "requests before this one in the backend's queue"},
	{"ci", addr(client), false, "client's address"},
	{"cp", port(client), false, "client's port"},
	{"f", name(func(r *Record) string { return r.Frontend }), false, "frontend"},
	{"fc", number(func(r *Record) int64 { return int64(r.FeConn) }), false, "connections of the frontend"},
	{"fi", addr(front), false, "address that the client connected to"},
	{"fp", port(front), false, "port that the client connected to"},
	{"ft", appendTransport, false, "frontend, with ~ when encrypted"},
	{"hr", captures(func(r *Record) [][]byte { return r.ReqCaptures }), true, "captured fields of the request"},
	{"hrl", capturesApart(func(r *Record) [][]byte { return r.ReqCaptures }), true, "captured fields of the request, each for itself"},
	{"hs", captures(func(r *Record) [][]byte { return r.ResCaptures }), true, "captured fields of the reply"},
	{"hsl", capturesApart(func(r *Record) [][]byte { return r.ResCaptures }), true, "captured fields of the reply, each for itself"},
	{"lc", hexNumber(4, func(r *Record) int64 { return int64(r.Count) }), false, "lines that the frontend has logged before"},
	{"ms", appendAcceptMillis, false, "milliseconds of the connection's date"},
	{"pid", hexNumber(4, func(*Record) int64 { return ownPID }), false, "process id"},
	{"r", appendRequest, false, "request line"},
	{"rc", appendRetries, false, "retries, with + when redispatched"},
	{"rp", date(appendReplay), false, "how the request was sent again, - if it was not"},
	{"rt", hexNumber(4, func(r *Record) int64 { return int64(r.Number) }), false, "number of the stream"},
	{"s", name(server), false, "server, <NOSRV> without one"},
	{"sc", number(func(r *Record) int64 { return int64(r.SrvConn) }), false, "connections of the server"},
	{"si", addr(remote), false, "server's address"},
	{"sp", known(remote), false, "server's port"},
	{"sq", number(func(r *Record) int64 { return int64(r.SrvQueue) }), false, "requests before this one in the server's queue"},
	{"sslc", agreed(rule.Cipher), false, "cipher of the client's connection, - without TLS"},
	{"sslv", agreed(rule.Protocol), false, "TLS version of the client's connection, - without TLS"},
	{"t", date(func(dst []byte, r *Record) []byte { return appendStamp(dst, r.Accept) }), false, "date of the connection"},
	{"tr", date(func(dst []byte, r *Record) []byte { return appendStamp(dst, r.Start) }), false, "date of the request's first byte"},
	{"trg", date(func(dst []byte, r *Record) []byte { return append(appendDay(dst, r.Start.UTC()), " +0000"...) }), false, "date of the request in UTC"},
	{"trl", date(func(dst []byte, r *Record) []byte { return appendZone(append(appendDay(dst, r.Start), ' '), r.Start) }), false, "date of the request with the zone"},
	{"ts", date(func(dst []byte, r *Record) []byte { return appendTerm(dst, r, 2) }), false, "termination code"},
	{"tsc", date(func(dst []byte, r *Record) []byte { return appendTerm(dst, r, 4) }), false, "termination code with the cookie's"},
}

func status(r *Record) int64 {
	if r.Status == 0 && !r.Unborn {
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

func local(r *Record) netip.AddrPort  { return r.Local }
func remote(r *Record) netip.AddrPort { return r.Remote }

// userTime is Tt without the idle time before the request.
func userTime(r *Record) int64 { return int64(r.Tt - max(r.Ti, 0)) }

// appendAcceptMillis writes %ms, whose zeros in front are no number of JSON.
func appendAcceptMillis(dst []byte, r *Record, o rule.FormatOptions) []byte {
	if o.Hex || o.JSON {
		return hexMillis(dst, r, o)
	}
	return appendMillis(dst, r.Accept)
}

var hexMillis = hexNumber(2, func(r *Record) int64 { return int64(r.Accept.Nanosecond() / int(time.Millisecond)) })

func appendTransport(dst []byte, r *Record, o rule.FormatOptions) []byte {
	dst = append(open(dst, o), r.Frontend...)
	if r.TLS {
		dst = append(dst, '~')
	}
	return open(dst, o)
}

func appendRetries(dst []byte, r *Record, o rule.FormatOptions) []byte {
	if o.JSON {
		return appendTyped(dst, int64(r.Retries), o.Type)
	}
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
