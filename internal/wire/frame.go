package wire

import (
	"encoding/binary"
	"unicode/utf8"
)

// The opcodes of WebSocket frames (RFC 6455 §5.2).
const (
	OpContinuation uint8 = 0x0
	OpText         uint8 = 0x1
	OpBinary       uint8 = 0x2
	OpClose        uint8 = 0x8
	OpPing         uint8 = 0x9
	OpPong         uint8 = 0xa
)

const (
	// maxFrameHead is two bytes, a 64-bit length and a masking key.
	maxFrameHead = 14
	// maxControl is the payload limit of control frames (RFC 6455 §5.5).
	maxControl = 125
)

// Frames follows the WebSocket frames of one direction of a tunnel without
// reading their payload. The zero value stands before the first frame.
type Frames struct {
	left     uint64 // payload to come of the frame that has begun; behind have, part of its head
	Messages uint32 // data messages whose last frame has begun
	Last     uint8  // opcode of the frame that began last
	Closed   bool   // a Close frame has passed, whole

	started bool // a frame has begun, so masked is known
	masked  bool // all frames are, or none (RFC 6455 §5.1)
	inside  bool // between the frames of a fragmented message
	broken  bool
	have    uint8 // bytes of an incomplete frame head
	head    [2]byte
}

// AtBoundary is true if no frame is under way, so that one may be put in.
func (f *Frames) AtBoundary() bool { return f.left == 0 && f.have == 0 && !f.broken }

// Broken is true once the bytes were not WebSocket frames; the tunnel goes on,
// but nothing may be put in.
func (f *Frames) Broken() bool { return f.broken }

// Feed takes the next bytes of the direction.
func (f *Frames) Feed(p []byte) {
	for len(p) > 0 && !f.broken {
		if f.have > 0 {
			p = f.feedHead(p)
			continue
		}
		if f.left > 0 {
			if uint64(len(p)) < f.left {
				f.left -= uint64(len(p))
				return
			}
			p = p[f.left:]
			f.left = 0
			f.Closed = f.Closed || f.Last == OpClose
			continue
		}
		n := f.begin(p)
		if n == 0 {
			f.keepHead(p)
			return
		}
		p = p[n:]
	}
}

// feedHead adds bytes to a frame head that came in pieces.
func (f *Frames) feedHead(p []byte) []byte {
	var head [maxFrameHead]byte
	copy(head[:], f.head[:])
	binary.BigEndian.PutUint64(head[len(f.head):], f.left)
	n := int(f.have)
	f.have, f.left = 0, 0
	for len(p) > 0 {
		head[n] = p[0]
		n++
		p = p[1:]
		if f.begin(head[:n]) > 0 || f.broken {
			return p
		}
	}
	f.keepHead(head[:n])
	return p
}

// keepHead keeps a frame head that is not complete: its first bytes, and the
// length where the payload's will stand. The masking key is not looked at.
func (f *Frames) keepHead(p []byte) {
	var length [8]byte
	copy(length[:], p[copy(f.head[:], p):])
	f.have, f.left = uint8(len(p)), binary.BigEndian.Uint64(length[:])
}

// begin reads the frame head at the start of p and gives its size, or 0 if p is
// too short. A head that breaks a rule of RFC 6455 §5 breaks f.
func (f *Frames) begin(p []byte) int {
	if len(p) < 2 {
		return 0
	}
	size, length := 2, uint64(p[1]&0x7f)
	masked := p[1]&0x80 != 0
	if masked {
		size += 4
	}
	switch length {
	case 126:
		size += 2
		if len(p) < size {
			return 0
		}
		length = uint64(binary.BigEndian.Uint16(p[2:]))
		f.broken = length < 126
	case 127:
		size += 8
		if len(p) < size {
			return 0
		}
		length = binary.BigEndian.Uint64(p[2:])
		f.broken = length < 1<<16 || length >= 1<<63
	}
	if len(p) < size {
		return 0
	}
	op, fin := p[0]&0x0f, p[0]&0x80 != 0
	if f.started && masked != f.masked || f.Closed {
		f.broken = true
	}
	f.started, f.masked, f.Last, f.left = true, masked, op, length
	switch op {
	case OpContinuation, OpText, OpBinary:
		if (op == OpContinuation) != f.inside {
			f.broken = true
		}
		f.inside = !fin
		if fin {
			f.Messages++
		}
	case OpClose, OpPing, OpPong:
		if !fin || length > maxControl {
			f.broken = true
		}
		f.Closed = op == OpClose && length == 0
	default:
		f.broken = true
	}
	return size
}

// AppendCloseFrame writes a Close frame (RFC 6455 §5.5.1). A server's is not
// masked, a client's is, with key. The reason is UTF-8, cut to the 123 bytes
// that fit.
func AppendCloseFrame(dst []byte, code uint16, reason string, mask bool, key [4]byte) []byte {
	if most := maxControl - 2; len(reason) > most {
		for most > 0 && !utf8.RuneStart(reason[most]) {
			most--
		}
		reason = reason[:most]
	}
	length := byte(2 + len(reason))
	dst = append(dst, 0x80|OpClose)
	if mask {
		dst = append(dst, 0x80|length)
		dst = append(dst, key[:]...)
	} else {
		dst = append(dst, length)
	}
	from := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, code)
	dst = append(dst, reason...)
	if mask {
		for i := range dst[from:] {
			dst[from+i] ^= key[i&3]
		}
	}
	return dst
}
