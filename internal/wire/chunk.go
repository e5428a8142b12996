package wire

import "strconv"

// LastChunk ends a chunked body without trailers (RFC 9112 §7.1).
const LastChunk = "0\r\n\r\n"

// A ChunkState is the outcome of one step of a Chunks.
type ChunkState uint8

// The outcomes of a step: framing is incomplete, payload is there, the body is
// complete, the body is malformed.
const (
	ChunkMore ChunkState = iota
	ChunkData
	ChunkEnd
	ChunkBad
)

const (
	// maxSizeDigits keeps a chunk size below 2^60, and so every sum of sizes
	// that a body can reach below 2^63, and refuses long padding with zeros.
	maxSizeDigits = 15
	// maxExtension bounds what a chunk may carry besides its payload: HAProxy
	// and we only skip it, and nobody is known to use more than a signature.
	maxExtension = 1024
	// maxOverhead bounds the extension bytes of a whole body, less what its
	// payload has earned: without it a body of one-byte chunks costs a
	// thousand times what it carries.
	maxOverhead = 16 << 10
)

// The states of a Chunks, in the order of RFC 9112 §7.1.
const (
	atSize      uint8 = iota // before the first digit
	inSize                   // behind a digit
	inGap                    // behind white space after the size
	inExtension              // behind ';'
	atSizeLF                 // behind the CR of a size line
	inPayload                // left bytes of payload follow
	atPayloadCR              // behind the payload
	atPayloadLF              // behind the CR after the payload
	atTrailer                // at the start of a trailer line
	inTrailer                // in a trailer line
	atTrailerLF              // behind the CR of a trailer line
	atEndLF                  // behind the CR of the last empty line
	chunksEnded              // for good, as is the next
	chunksBroken
)

// Chunks decodes one chunked body step by step; no byte needs to be kept by the
// caller between two steps. The zero value is ready, Reset makes it so again.
type Chunks struct {
	left      int64 // bytes of payload to come
	state     uint8
	digits    uint8
	extension int // bytes of the current chunk's extension
	overhead  int // extension bytes so far, less the payload
	section   int // bytes of trailer lines so far, those left out too
	line      int // where the current line begins in trailers
	trailers  []byte
	why       string
}

// Reset makes c ready for another body and keeps its memory.
func (c *Chunks) Reset() { *c = Chunks{trailers: c.trailers[:0]} }

// Trailers are the trailer fields after ChunkEnd, as lines ended by CRLF, those
// left out that may not come so late (see forbiddenTrailer). Valid until Reset.
func (c *Chunks) Trailers() []byte { return c.trailers }

// Why says what was wrong after ChunkBad.
func (c *Chunks) Why() string { return c.why }

// Next does one step: it consumes the framing at the start of buf and the
// payload behind it, as much as is there. used counts both; data is the
// payload's place in buf. Go on with buf[used:] after ChunkData; after
// ChunkMore all of buf is consumed; after ChunkEnd buf[used:] is the next
// message. After ChunkBad used stands at the offending byte.
func (c *Chunks) Next(buf []byte) (used int, data Span, state ChunkState) {
	i := c.sizeLine(buf)
	for {
		if c.state == inPayload {
			if i == len(buf) {
				return i, Span{}, ChunkMore
			}
			n := int(min(int64(len(buf)-i), c.left))
			c.payload(n)
			return i + n, Span{uint32(i), uint32(i + n)}, ChunkData
		}
		if c.state >= chunksEnded {
			return i, Span{}, ChunkEnd + ChunkState(c.state-chunksEnded)
		}
		if i == len(buf) {
			return i, Span{}, ChunkMore
		}
		b := buf[i]
		i++
		switch {
		case c.state == inSize:
			c.inSize(b)
		case c.state == atSize:
			c.digit(b, "chunk without a size")
		case c.state <= atPayloadLF:
			c.framing(b)
		default:
			c.trailer(b)
		}
		if c.state == chunksBroken {
			return i - 1, Span{}, ChunkBad
		}
	}
}

// sizeLine consumes a whole plain size line at the start of buf, with the end of
// the payload before it, and gives its length; anything else is 0 and left to
// the step by step states.
func (c *Chunks) sizeLine(buf []byte) int {
	i := 0
	switch {
	case c.state == atPayloadCR && len(buf) > 2 && buf[0] == '\r' && buf[1] == '\n':
		i = 2
	case c.state != atSize:
		return 0
	}
	var n int64
	start := i
	for i < len(buf) && hexDigit[buf[i]] < 16 {
		n = n<<4 | int64(hexDigit[buf[i]])
		i++
	}
	if i == start || i-start > maxSizeDigits || i+1 >= len(buf) || buf[i] != '\r' || buf[i+1] != '\n' {
		return 0
	}
	c.left, c.state, c.digits, c.extension = n, inPayload, 0, 0
	if n == 0 {
		c.state = atTrailer
	}
	return i + 2
}

func (c *Chunks) payload(n int) {
	c.left -= int64(n)
	c.overhead = max(c.overhead-n, 0)
	if c.left == 0 {
		c.state = atPayloadCR
	}
}

func (c *Chunks) broken(why string) {
	c.state, c.why = chunksBroken, why
}

// expect goes on to the next state if b is the wanted byte.
func (c *Chunks) expect(b, want byte, next uint8, why string) {
	if b == want {
		c.state = next
	} else {
		c.broken(why)
	}
}

func (c *Chunks) digit(b byte, why string) {
	v := hexDigit[b]
	if v > 15 {
		c.broken(why)
		return
	}
	if c.digits++; c.digits > maxSizeDigits {
		c.broken("chunk size too long")
		return
	}
	c.left = c.left<<4 | int64(v)
	c.state = inSize
}

func (c *Chunks) inSize(b byte) {
	switch b {
	case '\r':
		c.state = atSizeLF
	case ';':
		c.state = inExtension
	case ' ', '\t':
		c.state = inGap
	default:
		c.digit(b, "character not allowed in a chunk size")
	}
}

// framing takes a byte of a chunk outside its size, its payload and trailers.
func (c *Chunks) framing(b byte) {
	switch c.state {
	case inGap:
		if b == ';' {
			c.state = inExtension
		} else if b != ' ' && b != '\t' {
			c.broken("white space behind a chunk size")
		}
		c.extended()
	case inExtension:
		if b == '\r' {
			c.state = atSizeLF
		} else if b < 0x20 && b != '\t' || b == 0x7f {
			c.broken(whyControl(b))
		}
		c.extended()
	case atSizeLF:
		c.expect(b, '\n', inPayload, "bare CR")
		if c.state == inPayload && c.left == 0 {
			c.state = atTrailer
		}
		c.extension = 0
	case atPayloadCR:
		c.expect(b, '\r', atPayloadLF, "payload longer than its chunk size")
	case atPayloadLF:
		c.expect(b, '\n', atSize, "bare CR")
		c.digits = 0
	}
}

func (c *Chunks) extended() {
	c.extension++
	c.overhead++
	if c.extension > maxExtension || c.overhead > maxOverhead {
		c.broken("chunk extension too long")
	}
}

// AppendChunkHead writes the line before a chunk of n bytes. The chunk is ended
// by CRLF; n = 0 writes nothing, since a chunk of no bytes would end the body.
func AppendChunkHead(dst []byte, n int) []byte {
	if n <= 0 {
		return dst
	}
	dst = strconv.AppendInt(dst, int64(n), 16)
	return append(dst, '\r', '\n')
}

// Compact decodes all that buf holds of a body, moving payload together in
// buf, so that a batch of chunks leaves as one. used counts the bytes of buf
// consumed, state is ChunkEnd, ChunkBad, or ChunkMore when buf is used up.
// After ChunkBad payload is what came before the fault.
func Compact(c *Chunks, buf []byte) (payload []byte, used int, state ChunkState) {
	start, end := 0, 0
	for {
		n, data, st := c.Next(buf[used:])
		if st != ChunkData {
			return buf[start:end:end], used + n, st
		}
		from := used + int(data.Off)
		if end == start {
			start, end = from, from
		}
		if from == end {
			end += data.Len()
		} else {
			end += copy(buf[end:], buf[from:from+data.Len()])
		}
		used += n
	}
}
