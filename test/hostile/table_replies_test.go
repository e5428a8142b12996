package hostile

import "strings"

var answers = [][]answer{plainAnswers, answerLengths, answerLines, answerChunks, answerSurplus}

// Replies that are as they should be.
var plainAnswers = []answer{
	{name: "a length", say: ok("Content-Length: 5") + "hello", want: told("200 [hello]")},
	{name: "chunks", say: ok("Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n", want: told("200 [hello]")},
	{name: "until the end", say: ok() + "hello", shut: true, want: told("200 [hello]"), haproxy: ended("200 [hello]"), why: "does not make chunks of it"},
	{name: "HTTP/1.0", say: bare("HTTP/1.0 200 OK", "Content-Length: 5") + "hello", shut: true, want: told("200 [hello]")},
	{name: "HTTP/1.0 until the end", say: bare("HTTP/1.0 200 OK") + "hello", shut: true, want: told("200 [hello]"), haproxy: ended("200 [hello]"), why: "does not make chunks of it"},
	{name: "no reason", say: bare("HTTP/1.1 200", "Content-Length: 5") + "hello", want: told("200 [hello]")},
	{name: "an empty reason", say: bare("HTTP/1.1 200 ", "Content-Length: 5") + "hello", want: told("200 [hello]")},
	{name: "a status nobody knows", say: bare("HTTP/1.1 299 Odd", "Content-Length: 0"), want: told("299")},
	{name: "204", say: bare("HTTP/1.1 204 No Content"), want: told("204")},
	{name: "304 with the length of what is not sent", say: bare("HTTP/1.1 304 Not Modified", "Content-Length: 5"), want: told("304")},
	{name: "a length to HEAD", ask: head("HEAD / HTTP/1.1"), say: ok("Content-Length: 5"), want: told("200")},
	{name: "chunks announced to HEAD", ask: head("HEAD / HTTP/1.1"), say: ok("Transfer-Encoding: chunked"), want: told("200")},
	{name: "100 before the reply", say: bare("HTTP/1.1 100 Continue") + ok("Content-Length: 5") + "hello", want: "100, 200 [hello], 200 | 200 ----, 200 ----"},
	{name: "103 before the reply", say: bare("HTTP/1.1 103 Early Hints", "X-A: b") + ok("Content-Length: 5") + "hello", want: "103 {x-a: b}, 200 [hello], 200 | 200 ----, 200 ----"},
	{name: "bytes from 0x80 in a value", say: ok("X-A: caf\xc3\xa9", "Content-Length: 0"), want: told("200 {x-a: caf\xc3\xa9} []")},
	{name: "a space before a colon", say: ok("X-A : b", "Content-Length: 0"), want: told("200 {x-a: b} []"), haproxy: lied, why: "refuses what RFC 9112 §5.1 says to remove"},
	{name: "a tab before a colon", say: ok("X-A\t: b", "Content-Length: 0"), want: told("200 {x-a: b} []"), haproxy: lied, why: "refuses what RFC 9112 §5.1 says to remove"},
	{name: "trailers", say: ok("Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", want: told("200 [hello] +{X-Sum: 1}")},
	{name: "trailers that may not come so late", say: ok("Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\nContent-Length: 9\r\nSet-Cookie: a=b\r\nX-Sum: 1\r\n\r\n", want: told("200 [hello] +{X-Sum: 1}"), haproxy: told("200 [hello] +{Content-Length: 9} +{Set-Cookie: a=b} +{X-Sum: 1}"), why: keepsTrailers},
}

// Content-Length and Transfer-Encoding (RFC 9112 §6).
var answerLengths = []answer{
	{name: "a length and chunks", say: ok("Content-Length: 5", "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n", want: lied, haproxy: told("200 [hello]"), why: codingWins},
	{name: "chunks and a length", say: ok("Transfer-Encoding: chunked", "Content-Length: 5") + "5\r\nhello\r\n0\r\n\r\n", want: lied, haproxy: told("200 [hello]"), why: codingWins},
	{name: "two lengths that are equal", say: ok("Content-Length: 5", "Content-Length: 5") + "hello", want: lied, haproxy: told("200 [hello]"), why: sameLengths},
	{name: "two lengths that differ", say: ok("Content-Length: 5", "Content-Length: 3") + "hello", want: lied},
	{name: "a list of equal lengths", say: ok("Content-Length: 5, 5") + "hello", want: lied, haproxy: told("200 [hello]"), why: sameLengths},
	{name: "a list of lengths that differ", say: ok("Content-Length: 5, 3") + "hello", want: lied},
	{name: "a length with a plus", say: ok("Content-Length: +5") + "hello", want: lied},
	{name: "a length below zero", say: ok("Content-Length: -5") + "hello", want: lied},
	{name: "a length in hexadecimal", say: ok("Content-Length: 0x5") + "hello", want: lied},
	{name: "a length of nothing", say: ok("Content-Length:") + "hello", want: lied},
	{name: "a length of 2^64", say: ok("Content-Length: 18446744073709551616") + "hello", want: lied, haproxy: "no HTTP/1 | 200 ----, 200 ----", why: "counts past 2^63"},
	{name: "a length before a space and its colon", say: ok("Content-Length : 5") + "hello", want: lied},
	{name: "an unknown coding", say: ok("Transfer-Encoding: x") + "hello", shut: true, want: lied},
	{name: "gzip", say: ok("Transfer-Encoding: gzip") + "hello", shut: true, want: lied},
	{name: "gzip below chunked", say: ok("Transfer-Encoding: gzip, chunked") + "0\r\n\r\n", want: lied},
	{name: "chunked below gzip", say: ok("Transfer-Encoding: chunked, gzip") + "0\r\n\r\n", shut: true, want: lied},
	{name: "chunked twice", say: ok("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n", want: lied},
	{name: "an empty coding", say: ok("Transfer-Encoding:") + "hello", shut: true, want: lied, haproxy: "no HTTP/1 | 200 ----", why: "hands it on, and reads until the end"},
	{name: "a coding in HTTP/1.0", say: bare("HTTP/1.0 200 OK", "Transfer-Encoding: chunked") + "0\r\n\r\n", shut: true, want: lied, haproxy: ended("200 [0\r\n\r\n]"), why: onePointZero},
	{name: "a coding before a space and its colon", say: ok("Transfer-Encoding : chunked") + "0\r\n\r\n", want: lied},
	{name: "103 with a length", say: bare("HTTP/1.1 103 Early Hints", "Content-Length: 5") + ok("Content-Length: 0"), want: lied, haproxy: "103, 200 [], 200 | 200 ----, 200 ----", why: "hands the length on"},
	{name: "101 nobody asked for", say: bare("HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: chat"), shut: true, want: lied},
}

// Lines, names and values.
var answerLines = []answer{
	{name: "LF alone behind the status line", say: "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", want: lied, haproxy: told("200 []"), why: lone},
	{name: "LF alone behind a field", say: "HTTP/1.1 200 OK\r\nX-A: b\nContent-Length: 0\r\n\r\n", want: lied, haproxy: told("200 {x-a: b} []"), why: lone},
	{name: "LF alone at the end of the head", say: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n", want: lied, haproxy: told("200 []"), why: lone},
	{name: "CR alone in a value", say: ok("X-A: b\rSet-Cookie: a=b", "Content-Length: 0"), want: lied},
	{name: "CR alone in the reason", say: bare("HTTP/1.1 200 O\rK", "Content-Length: 0"), want: lied},
	{name: "a folded line", say: ok("X-A: b", " c", "Content-Length: 0"), want: lied, haproxy: told("200 {x-a: b   c} []"), why: folds},
	{name: "NUL in a value", say: ok("X-A: b\x00c", "Content-Length: 0"), want: lied, haproxy: "no HTTP/1 | 200 ----, 200 ----", why: controls},
	{name: "a control byte in a value", say: ok("X-A: b\x01c", "Content-Length: 0"), want: lied, haproxy: "no HTTP/1 | 200 ----, 200 ----", why: controls},
	{name: "NUL in the reason", say: bare("HTTP/1.1 200 O\x00K", "Content-Length: 0"), want: lied, haproxy: told("200 []"), why: controls},
	{name: "no name", say: ok(": b", "Content-Length: 0"), want: lied},
	{name: "no colon", say: ok("X-A", "Content-Length: 0"), want: lied},
	{name: "a space in a name", say: ok("X A: b", "Content-Length: 0"), want: lied},
	{name: "a slash in a name", say: ok("X/A: b", "Content-Length: 0"), want: lied},
	{name: "a byte from 0x80 in a name", say: ok("X\xe9: b", "Content-Length: 0"), want: lied},
	{name: "a status of two digits", say: bare("HTTP/1.1 99 Low", "Content-Length: 0"), want: lied, haproxy: "no HTTP/1 | 99 ----, 200 ----", why: "takes statuses of any number of digits"},
	{name: "a status of four digits", say: bare("HTTP/1.1 2000 High", "Content-Length: 0"), want: lied, haproxy: "no HTTP/1 | 2000 ----, 200 ----", why: "takes statuses of any number of digits"},
	{name: "a status that begins with zero", say: bare("HTTP/1.1 020 Low", "Content-Length: 0"), want: lied, haproxy: "20 | 20 ----, 200 ----", why: "takes statuses of any number of digits"},
	{name: "a status of letters", say: bare("HTTP/1.1 2x0 OK", "Content-Length: 0"), want: lied},
	{name: "no status", say: bare("HTTP/1.1", "Content-Length: 0"), want: lied},
	{name: "version 1.2", say: bare("HTTP/1.2 200 OK", "Content-Length: 0"), want: lied, haproxy: told("200 []"), why: anyVersion},
	{name: "version 2.0", say: bare("HTTP/2.0 200 OK", "Content-Length: 0"), want: lied, haproxy: told("200 []"), why: anyVersion},
	{name: "version 01.1", say: bare("HTTP/01.1 200 OK", "Content-Length: 0"), want: lied},
	{name: "a version in small letters", say: bare("http/1.1 200 OK", "Content-Length: 0"), want: lied},
	{name: "another protocol", say: bare("RTSP/1.0 200 OK", "Content-Length: 0"), want: lied, haproxy: "no HTTP/1 | 200 ----, 200 ----", why: anyVersion},
	{name: "a server of HTTP/0.9", say: "<html>hello</html>\r\n", shut: true, want: lied},
	{name: "a request in place of a reply", say: get(), want: lied},
	{name: "an empty line before the reply", say: "\r\n" + ok("Content-Length: 0"), want: lied, haproxy: told("200 []"), why: "skips empty lines before a reply"},
	{name: "two spaces before the status", say: bare("HTTP/1.1  200 OK", "Content-Length: 0"), want: lied, haproxy: told("200 []"), why: anySpace},
	{name: "a hundred and one fields", say: ok(repeat("X-A: b", 101)...), want: lied},
	{name: "a head that is too large", say: ok("X-A: "+strings.Repeat("b", 20000), "Content-Length: 0"), want: lied},
	{name: "a head without an end", say: "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("b", 100000), want: lied},
	{name: "nothing", say: " ", shut: true, want: lied},
	{name: "half a head", say: "HTTP/1.1 200 OK\r\nContent-Le", shut: true, want: "502, 200 | 502 SH--, 200 ----"},
}

// Chunks; the head has gone to the client by then, or not.
var answerChunks = []answer{
	{name: "a chunk size with a plus", say: ok("Transfer-Encoding: chunked") + "+5\r\nhello\r\n0\r\n\r\n", want: cut("200 []"), haproxy: lied, why: firstBuffer},
	{name: "a chunk size with 0x", say: ok("Transfer-Encoding: chunked") + "0x5\r\nhello\r\n0\r\n\r\n", want: cut("200 []"), haproxy: lied, why: firstBuffer},
	{name: "a chunk size of 2^64 and five", say: ok("Transfer-Encoding: chunked") + "10000000000000005\r\nhello\r\n0\r\n\r\n", want: cut("200 []"), haproxy: lied, why: firstBuffer},
	{name: "a chunk that is longer than it says", say: ok("Transfer-Encoding: chunked") + "3\r\nhello\r\n0\r\n\r\n", want: cut("200 [hel]"), haproxy: lied, why: firstBuffer},
	{name: "a chunk that ends with LF alone", say: ok("Transfer-Encoding: chunked") + "5\r\nhello\n0\r\n\r\n", want: cut("200 [hello]"), haproxy: told("200 [hello]"), why: lone},
	{name: "a chunk size that ends with LF alone", say: ok("Transfer-Encoding: chunked") + "5\nhello\r\n0\r\n\r\n", want: cut("200 []"), haproxy: told("200 [hello]"), why: lone},
	{name: "an extension", say: ok("Transfer-Encoding: chunked") + "5;a=b\r\nhello\r\n0\r\n\r\n", want: told("200 [hello]")},
	{name: "NUL in an extension", say: ok("Transfer-Encoding: chunked") + "5;\x00\r\nhello\r\n0\r\n\r\n", want: cut("200 []"), haproxy: told("200 [hello]"), why: controls},
	{name: "a trailer without a colon", say: ok("Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\nX\r\n\r\n", want: cut("200 [hello]"), haproxy: lied, why: firstBuffer},
	{name: "chunks that do not end", say: ok("Transfer-Encoding: chunked") + "5\r\nhello\r\n", shut: true, want: broken("200 [hello]"), haproxy: ended("200 [hello] cut"), why: "logs nothing of it"},
	{name: "a body shorter than its length", say: ok("Content-Length: 10") + "hello", shut: true, want: broken("200 [hello]"), haproxy: ended("200 [hello] cut"), why: "logs nothing of it"},
}

// Bytes that nobody asked for: the next request must not get them.
const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

var answerSurplus = []answer{
	{name: "a reply behind a length", say: ok("Content-Length: 5") + "hello" + evil, want: told("200 [hello]")},
	{name: "a reply behind chunks", say: ok("Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n" + evil, want: told("200 [hello]")},
	{name: "a reply behind no body", say: ok("Content-Length: 0") + evil, want: told("200 []")},
	{name: "a reply behind 204", say: bare("HTTP/1.1 204 No Content") + evil, want: told("204")},
	{name: "a reply behind 304", say: bare("HTTP/1.1 304 Not Modified", "Content-Length: 45") + evil, want: told("304")},
	{name: "a body behind a reply to HEAD", ask: head("HEAD / HTTP/1.1"), say: ok("Content-Length: 45") + evil, want: told("200")},
	{name: "204 with a length", say: bare("HTTP/1.1 204 No Content", "Content-Length: 5") + "hello", want: told("204")},
	{name: "204 with chunks", say: bare("HTTP/1.1 204 No Content", "Transfer-Encoding: chunked") + "0\r\n\r\n", want: told("204")},
	{name: "words behind a body", say: ok("Content-Length: 5") + "hello world", want: told("200 [hello]")},
}
