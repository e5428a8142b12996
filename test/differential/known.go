package main

import (
	"regexp"
	"strings"
)

// An allowance takes out of a part what is known to differ there; why is the
// reason, as the manual's page on differences has it.
type allowance struct {
	what, why string
	plain     func(r request, said string) string
}

// ownPages are the replies whose words each proxy writes for itself.
var ownPages = regexp.MustCompile(`^((?s:.*)\n\n)?HTTP/1\.[01] (400|403|408|413|429|502|503|504) [^\n]*`)

// cut is a body that may not have come whole.
var cut = regexp.MustCompile(`\n\[\d+ [0-9a-f]+\].*$`)

// breaksOff is what asks the server to end in the middle of its reply.
var breaksOff = regexp.MustCompile(`do=\d+\.\w+\.\d+\.[a-w]*x`)

var allowances = []allowance{
	{"replies", "what RFC 9112 forbids is refused", func(r request, s string) string { return refused(r, s) }},
	{"servers", "what RFC 9112 forbids is refused", func(r request, s string) string { return refused(r, s) }},
	{"log", "what RFC 9112 forbids is refused", func(r request, s string) string { return refused(r, s) }},
	{"replies", "each writes its own error pages", func(_ request, s string) string {
		if !ownPages.MatchString(s) || strings.Contains(s, "\nx-srv: ") {
			return s
		}
		return without(ownPages.ReplaceAllString(s, "$1$2"), func(f string) bool {
			return strings.HasPrefix(f, "content-length:") || strings.HasPrefix(f, "[")
		})
	}},
	{"replies", "http-after-response runs on the answers to malformed requests too", func(r request, s string) string {
		if r.odd == "" {
			return s
		}
		return without(s, func(f string) bool { return strings.HasPrefix(f, "x-after:") })
	}},
	{"replies", "a body that ends with the connection is framed in chunks", func(_ request, s string) string {
		return without(s, func(f string) bool { return f == "transfer-encoding: chunked" || f == "connection: close" })
	}},
	{"replies", "a client of HTTP/1.0 gets no chunks, no trailers and no interim replies", func(r request, s string) string {
		if !r.old {
			return s
		}
		if i := strings.LastIndex(s, "\n\n"); i >= 0 {
			s = s[i+2:]
		}
		return without(strings.TrimSuffix(s, "x-sum: 2"), func(f string) bool { return strings.HasPrefix(f, "connection:") })
	}},
	{"log", "a reply that its server broke off is always logged as SD", func(r request, s string) string {
		if !breaksOff.MatchString(r.head) {
			return s
		}
		return strings.Replace(s, " SD", " --", 1)
	}},
	{"servers", "a request goes on as HTTP/1.1, with a Host", func(r request, s string) string {
		if !r.old {
			return s
		}
		s = strings.Replace(s, " HTTP/1.0\n", " HTTP/1.1\n", 1)
		return without(s, func(f string) bool { return strings.HasPrefix(f, "host:") || strings.HasPrefix(f, "connection:") })
	}},
	{"servers", "fields that belong to the client's connection do not go on", func(_ request, s string) string {
		return without(s, func(f string) bool {
			name, value, _ := strings.Cut(f, ": ")
			switch name {
			case "keep-alive", "proxy-connection", "upgrade", "te":
				return true
			}
			return name == "connection" && (value == "TE" || value == "X-Hop")
		})
	}},
	{"replies", "a kept connection that dies is a 502 with a log line, not an end without a word", func(r request, s string) string {
		return ended(r, s, strings.HasPrefix(s, "502\n") || strings.Contains(s, "\n\n502\n"))
	}},
	{"log", "a kept connection that dies is a 502 with a log line, not an end without a word", func(r request, s string) string {
		return ended(r, s, strings.Contains(s, " 502 - - SH"))
	}},
	{"servers", "a repeatable request goes out again when a kept connection dies", func(r request, s string) string {
		if hangsUp.MatchString(r.head) && r.body == "" {
			return "sent once or twice"
		}
		return s
	}},
	{"servers", "the transfer coding is written anew", func(_ request, s string) string {
		return strings.Replace(s, "\ntransfer-encoding: Chunked", "\ntransfer-encoding: chunked", 1)
	}},
}

// hangsUp is what asks the server to end without a reply.
var hangsUp = regexp.MustCompile(`do=\d+\.\w+\.\d+\.[a-w]*n`)

// strict is what is refused here and not there.
var strict = map[string]bool{"fold": true, "NUL": true, "control byte": true, "length and coding": true, "unknown coding": true,
	"list of lengths": true, "two hosts": true, "bad version": true}

// ended makes one of a 502 and of nothing where the server hung up.
func ended(r request, s string, told bool) string {
	if hangsUp.MatchString(r.head) && (told || strings.HasSuffix(s, theEnd) || s == "nothing") {
		return theEnd
	}
	return s
}

// refused makes one of all that may become of a malformed request.
func refused(r request, s string) string {
	if strict[r.odd] {
		return "refused or not"
	}
	return s
}
