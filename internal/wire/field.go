package wire

// A FieldID names the fields that bascule itself looks at, so that finding one
// needs no comparison of names.
type FieldID uint8

// The fields with an ID; FieldOther is every other one.
const (
	FieldOther FieldID = iota
	FieldHost
	FieldConnection
	FieldContentLength
	FieldTransferEncoding
	FieldUpgrade
	FieldCookie
	FieldSetCookie
	FieldExpect
	FieldKeepAlive
	FieldProxyConnection
	FieldTE
	FieldTrailer
	FieldXForwardedFor
	FieldCacheControl
	FieldPragma
	FieldExpires
	FieldAuthorization
	FieldSecWebSocketKey
	FieldIdempotencyKey
	FieldHTTP2Settings
	fieldIDs // how many there are
)

// hopFields are written by us or not at all (RFC 9110 §7.6.1, RFC 9112 §6).
const hopFields uint32 = 1<<FieldConnection | 1<<FieldContentLength | 1<<FieldTransferEncoding |
	1<<FieldUpgrade | 1<<FieldKeepAlive | 1<<FieldProxyConnection | 1<<FieldTE | 1<<FieldHTTP2Settings

// identify gives the ID of a field name. The name must be a token: only then
// is setting bit 5 a safe way to lower it. (Of names that relaxed parsing takes
// a digit would be at risk, a CR for '-' never is there.)
func identify(name []byte) FieldID {
	var id FieldID
	var want string
	switch len(name) {
	case 2:
		id, want = FieldTE, "te"
	case 4:
		id, want = FieldHost, "host"
	case 6:
		switch name[0] | 0x20 {
		case 'c':
			id, want = FieldCookie, "cookie"
		case 'e':
			id, want = FieldExpect, "expect"
		case 'p':
			id, want = FieldPragma, "pragma"
		}
	case 7:
		switch name[0] | 0x20 {
		case 'u':
			id, want = FieldUpgrade, "upgrade"
		case 't':
			id, want = FieldTrailer, "trailer"
		case 'e':
			id, want = FieldExpires, "expires"
		}
	case 10:
		switch name[0] | 0x20 {
		case 'c':
			id, want = FieldConnection, "connection"
		case 'k':
			id, want = FieldKeepAlive, "keep-alive"
		case 's':
			id, want = FieldSetCookie, "set-cookie"
		}
	default:
		id, want = identifyLong(name)
	}
	if want == "" || !equalLower(name, want) {
		return FieldOther
	}
	return id
}

func identifyLong(name []byte) (FieldID, string) {
	if len(name) < 13 || len(name) > 17 {
		return FieldOther, ""
	}
	switch c := name[0] | 0x20; len(name) {
	case 13:
		if c == 'a' {
			return FieldAuthorization, "authorization"
		}
		return FieldCacheControl, "cache-control"
	case 14:
		if c == 'c' {
			return FieldContentLength, "content-length"
		}
		if name[4] != '2' {
			return FieldOther, ""
		}
		return FieldHTTP2Settings, "http2-settings"
	case 15:
		if c == 'x' {
			return FieldXForwardedFor, "x-forwarded-for"
		}
		return FieldIdempotencyKey, "idempotency-key"
	case 16:
		return FieldProxyConnection, "proxy-connection"
	default:
		if c == 't' {
			return FieldTransferEncoding, "transfer-encoding"
		}
		return FieldSecWebSocketKey, "sec-websocket-key"
	}
}

// Name gives the bytes of f's name as it came or was added.
func (h *Head) Name(f *Field) []byte {
	if f.Added {
		return f.Name.of(h.added)
	}
	return f.Name.of(h.Buf)
}

// Value gives the bytes of f's value, without the white space around it.
func (h *Head) Value(f *Field) []byte {
	if f.Added {
		return f.Value.of(h.added)
	}
	return f.Value.of(h.Buf)
}

// FindID gives the index of the next field from index from on that has this ID
// and is not deleted, or -1.
func (h *Head) FindID(id FieldID, from int) int {
	first := int(h.at[id])
	if h.seen&(1<<id) == 0 || from > first && h.twice&(1<<id) == 0 {
		return -1
	}
	for i := max(from, first); i < len(h.Fields); i++ {
		if f := &h.Fields[i]; f.ID == id && !f.Deleted {
			return i
		}
	}
	return -1
}

// Find gives the index of the next field from index from on that has this name,
// whatever its case, and is not deleted, or -1.
func (h *Head) Find(name []byte, from int) int {
	if !isToken(name) {
		return h.findOther(name, from)
	}
	if id := identify(name); id != FieldOther {
		return h.FindID(id, from)
	}
	return h.findOther(name, from)
}

func (h *Head) findOther(name []byte, from int) int {
	for i := from; i < len(h.Fields); i++ {
		f := &h.Fields[i]
		if f.ID == FieldOther && !f.Deleted && f.Name.Len() == len(name) && equalFold(h.Name(f), name) {
			return i
		}
	}
	return -1
}

// FindOdd gives the index of the next field from index from on whose name has
// characters other than letters, digits and '-', and that is not deleted, or -1.
func (h *Head) FindOdd(from int) int {
	for i := from; i < len(h.Fields); i++ {
		f := &h.Fields[i]
		if f.ID == FieldOther && !f.Deleted && !isPlain(h.Name(f)) {
			return i
		}
	}
	return -1
}

func isPlain(name []byte) bool {
	for _, c := range name {
		if c := lower(c); (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Delete marks field i as deleted: it is no longer found nor written.
func (h *Head) Delete(i int) { h.Fields[i].Deleted = true }

// DeleteID deletes all fields with this ID.
func (h *Head) DeleteID(id FieldID) {
	for i := h.FindID(id, 0); i >= 0; i = h.FindID(id, i+1) {
		h.Delete(i)
	}
}

// DeleteName deletes all fields with this name, whatever its case.
func (h *Head) DeleteName(name []byte) {
	for i := h.Find(name, 0); i >= 0; i = h.Find(name, i+1) {
		h.Delete(i)
	}
}

// Add appends a field. It cannot split a head: control bytes in the value
// become spaces (RFC 9110 §5.5), and a name that is not a token adds nothing.
// Framing and Connection fields can be added but are never written.
func (h *Head) Add(name, value []byte) { addField(h, name, value) }

// AddString is Add for strings.
func (h *Head) AddString(name, value string) { addField(h, name, value) }

func addField[T []byte | string](h *Head, name, value T) {
	off := len(h.added)
	h.added = append(h.added, name...)
	mid := len(h.added)
	if !isToken(h.added[off:mid]) {
		h.added = h.added[:off]
		return
	}
	h.added = append(h.added, value...)
	blank(h.added[mid:])
	f := h.grow()
	f.Name = Span{uint32(off), uint32(mid)}
	f.Value = Span{uint32(mid), uint32(len(h.added))}
	h.note(f, identify(h.added[off:mid]))
	f.Added = true
}

// replaceValue gives field i, which came with Buf, another value in its place.
// The value is already in the added bytes from offset off on.
func (h *Head) replaceValue(i, off int) {
	f := &h.Fields[i]
	end := len(h.added)
	h.added = append(h.added, h.Name(f)...)
	f.Name = Span{uint32(end), uint32(len(h.added))}
	f.Value = Span{uint32(off), uint32(end)}
	f.Added = true
}
