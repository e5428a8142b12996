package main

import "bytes"

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("\r\ncontent-length:")
)

// reply is where a response's head ends and what it says of its body.
type reply struct {
	status int // three digits
	head   int // bytes of the head, the empty line included
	body   int // bytes of the body
}

// parseReply reads the head of a response with a Content-Length (or none at all,
// as 101 has none). It returns false while the head is not complete.
func parseReply(p []byte) (reply, bool) {
	end := bytes.Index(p, headEnd)
	if end < 0 || end < len("HTTP/1.1 200") {
		return reply{}, false
	}
	r := reply{head: end + len(headEnd)}
	for _, c := range p[len("HTTP/1.1 "):len("HTTP/1.1 200")] {
		r.status = r.status*10 + int(c-'0')
	}
	// Walking from line to line is cheaper than lowering the whole head.
	for at := 0; at < end; {
		next := bytes.IndexByte(p[at+1:end+2], '\r')
		if next < 0 {
			break
		}
		if rest := p[at:]; len(rest) > len(contentLength) && rest[2]|0x20 == 'c' && bytes.EqualFold(rest[:len(contentLength)], contentLength) {
			for _, c := range rest[len(contentLength):] {
				if c == '\r' {
					break
				}
				if c >= '0' && c <= '9' {
					r.body = r.body*10 + int(c-'0')
				}
			}
			return r, true
		}
		at += 1 + next
	}
	return r, true
}

// frame is the head of a WebSocket frame (RFC 6455 section 5.2) of less than 126
// bytes, the only size the bench sends.
type frame struct {
	head    int // bytes before the payload
	payload int // bytes
	mask    []byte
}

// parseFrame returns false while the frame is not complete.
func parseFrame(p []byte) (frame, bool) {
	if len(p) < 2 {
		return frame{}, false
	}
	f := frame{head: 2, payload: int(p[1] & 0x7f)}
	if p[1]&0x80 != 0 {
		f.head = 6
	}
	if len(p) < f.head+f.payload {
		return frame{}, false
	}
	f.mask = p[2:f.head]
	return f, true
}

// appendFrame appends an unfragmented binary frame, masked as clients must.
func appendFrame(to, payload []byte, mask []byte) []byte {
	const finBinary = 0x82
	if mask == nil {
		return append(append(to, finBinary, byte(len(payload))), payload...)
	}
	to = append(append(to, finBinary, 0x80|byte(len(payload))), mask...)
	for i, c := range payload {
		to = append(to, c^mask[i&3])
	}
	return to
}
