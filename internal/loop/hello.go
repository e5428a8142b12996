package loop

import "bytes"

// maxHello is the largest ClientHello that is waited for: with keys for
// post-quantum exchanges it has under 4 KiB.
const maxHello = 16 << 10

// isHTTP says whether p begins as a request does, of a client that takes the port for
// one in clear.
func isHTTP(p []byte) bool {
	for _, method := range []string{"GET ", "POST ", "HEAD ", "PUT "} {
		if bytes.HasPrefix(p, []byte(method)) {
			return true
		}
	}
	return false
}

// wholeHello says whether p begins with a whole ClientHello (RFC 8446 §4 and
// §5.1), which may be spread over several records.
func wholeHello(p []byte) (whole bool, err error) {
	const handshakeHead, typeHandshake, typeHello = 4, 22, 1
	var size, have int // of the handshake message, with its head; 0: not known
	var head []byte
	for at := 0; ; {
		if have >= maxHello || size > maxHello {
			return false, ErrHelloTooLarge
		}
		if size > 0 && have >= size {
			return true, nil
		}
		rest := p[at:]
		if len(rest) > 0 && rest[0] != typeHandshake || len(rest) > 1 && rest[1] != 3 {
			return false, ErrNotTLS
		}
		if len(rest) < recordHead {
			return false, nil
		}
		n := int(rest[3])<<8 | int(rest[4])
		if n == 0 || n > maxRecord {
			return false, ErrNotTLS
		}
		body := rest[recordHead:min(recordHead+n, len(rest))]
		if k := handshakeHead - len(head); k > 0 {
			head = append(head, body[:min(k, len(body))]...)
			if len(head) > 0 && head[0] != typeHello {
				return false, ErrNotTLS
			}
			if len(head) == handshakeHead {
				size = handshakeHead + int(head[1])<<16 + int(head[2])<<8 + int(head[3])
			}
		}
		have += len(body)
		if at += recordHead + n; len(body) < n {
			if size > 0 && have >= size {
				return true, nil
			}
			if size > maxHello {
				return false, ErrHelloTooLarge
			}
			return false, nil
		}
	}
}
