package loop

// records counts the records of TLS (RFC 8446 §5.1) in the ciphertext that
// crypto/tls was given, to know when it has nothing left: to ask it costs an
// allocation and a microsecond, and would be needed behind every request.
type records struct {
	whole int // given, and not returned as plaintext; may be too many, never too few
	left  int // bytes to the end of the record under way
	size  int // of it, as far as its head has come
	head  int // how many bytes of its head have
}

// recordHead is what a record begins with: type, version, and its length at the end.
const recordHead = 5

// rest is how much of p, ciphertext to be given, belongs to the record under way.
func (r records) rest(p []byte) int {
	if r.left == 0 {
		head := recordHead - r.head
		if len(p) <= head {
			return len(p)
		}
		r.pass(p[:head])
		return min(head+r.left, len(p))
	}
	return min(r.left, len(p))
}

// pass counts ciphertext.
func (r *records) pass(p []byte) {
	for len(p) > 0 {
		if r.left > 0 {
			k := min(r.left, len(p))
			p = p[k:]
			if r.left -= k; r.left == 0 {
				r.whole++
			}
			continue
		}
		if r.head >= 3 {
			r.size = r.size<<8 | int(p[0])
		}
		p = p[1:]
		if r.head++; r.head < recordHead {
			continue
		}
		if r.left = r.size; r.left == 0 {
			r.whole++
		}
		r.head, r.size = 0, 0
	}
}
