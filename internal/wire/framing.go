package wire

// maxLengthDigits keeps a Content-Length below 2^63 without an overflow check
// per digit (10^18-1 bytes are more than any body) and refuses padding.
const maxLengthDigits = 18

// parseFraming reads Content-Length and Transfer-Encoding (RFC 9112 §6) into
// Body and Length. Anything but one plain figure or the one word "chunked" is
// refused, identical copies too: a peer may read only one of them.
func (h *Head) parseFraming() Result {
	const both = 1<<FieldContentLength | 1<<FieldTransferEncoding
	if h.seen&both == 0 {
		return Done
	}
	if h.seen&both == both {
		return h.badField(FieldTransferEncoding, "Transfer-Encoding beside Content-Length")
	}
	if h.seen&(1<<FieldContentLength) != 0 {
		return h.parseLength()
	}
	f := h.first(FieldTransferEncoding)
	switch {
	case h.twice&(1<<FieldTransferEncoding) != 0:
		return h.badField(FieldTransferEncoding, "Transfer-Encoding twice")
	case h.Minor == 0:
		return h.badField(FieldTransferEncoding, "Transfer-Encoding in HTTP/1.0")
	case !equalToken(h.Value(f), "chunked"):
		return h.badField(FieldTransferEncoding, "Transfer-Encoding other than chunked")
	}
	h.Body = BodyChunked
	return Done
}

func (h *Head) parseLength() Result {
	digits := h.Value(h.first(FieldContentLength))
	switch {
	case h.twice&(1<<FieldContentLength) != 0:
		return h.badField(FieldContentLength, "Content-Length twice")
	case len(digits) == 0:
		return h.badField(FieldContentLength, "empty Content-Length")
	case len(digits) > maxLengthDigits:
		return h.badField(FieldContentLength, "Content-Length too long")
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return h.badField(FieldContentLength, "Content-Length is not a number")
		}
		n = n*10 + int64(c-'0')
	}
	h.Body, h.Length, h.HasLength = BodyLength, n, true
	return Done
}

// parseConnection reads the Connection fields (RFC 9110 §7.6.1) into Close and
// Upgrade, and marks the fields they name as not to be written.
func (h *Head) parseConnection() Result {
	h.Close = h.Minor == 0
	if h.seen&(1<<FieldConnection|1<<FieldUpgrade) == 0 {
		return Done
	}
	var keep, closing, upgrade bool
	unknown := 0
	if h.twice&(1<<FieldConnection) == 0 && h.seen&(1<<FieldConnection|1<<FieldUpgrade) == 1<<FieldConnection {
		switch option := h.Value(h.first(FieldConnection)); {
		case equalToken(option, "keep-alive"):
			h.Close = false
			return Done
		case equalToken(option, "close"):
			h.Close = true
			return Done
		}
	}
	for i := h.FindID(FieldConnection, 0); i >= 0; i = h.FindID(FieldConnection, i+1) {
		var option []byte
		for list := h.Value(&h.Fields[i]); len(list) > 0; {
			option, list = element(list)
			switch {
			case len(option) == 0:
			case equalToken(option, "close"):
				closing = true
			case equalToken(option, "keep-alive"):
				keep = true
			case equalToken(option, "upgrade"):
				upgrade = true
			default:
				if unknown++; unknown > maxOptions {
					return h.badField(FieldConnection, "too many names in Connection")
				}
				h.markHop(option)
			}
		}
	}
	h.Close = closing || h.Minor == 0 && !keep
	empty := h.Body == BodyNone || h.Body == BodyLength && h.Length == 0
	h.Upgrade = upgrade && h.Minor == 1 && empty && h.upgradable()
	return Done
}

// markHop takes the fields of this name out of what is written. A peer must not
// list fields that are meant for the receiver (RFC 9110 §7.6.1); for those that
// decide routing and trust the list is ignored, else a client could strip what
// a balancer in front of us has added.
func (h *Head) markHop(name []byte) {
	const prefix = "x-forwarded-"
	if len(name) > len(prefix) && equalToken(name[:len(prefix)], prefix) || equalToken(name, "forwarded") {
		return
	}
	for i := h.Find(name, 0); i >= 0; i = h.Find(name, i+1) {
		if h.Fields[i].ID != FieldOther {
			return
		}
		h.Fields[i].hop = true
	}
}

// upgradable is true if an Upgrade field is there and none of them names h2c,
// which no one may speak through us unread.
func (h *Head) upgradable() bool { return h.upgradesTo("") && !h.upgradesTo("h2c") }

// upgradesTo is true if an Upgrade field names this protocol, in lower case, or
// any if it is empty.
func (h *Head) upgradesTo(want string) bool {
	for i := h.FindID(FieldUpgrade, 0); i >= 0; i = h.FindID(FieldUpgrade, i+1) {
		var protocol []byte
		for list := h.Value(&h.Fields[i]); len(list) > 0; {
			protocol, list = element(list)
			if len(protocol) > 0 && (want == "" || equalToken(protocol, want)) {
				return true
			}
		}
	}
	return false
}

func (h *Head) first(id FieldID) *Field { return &h.Fields[h.FindID(id, 0)] }

// badField refuses the last field with this ID.
func (h *Head) badField(id FieldID, why string) Result {
	offset := 0
	for i := range h.Fields {
		if h.Fields[i].ID == id {
			offset = int(h.Fields[i].line)
		}
	}
	return h.bad(offset, why)
}

// equalToken is equalLower for bytes that need not be a token.
func equalToken(b []byte, want string) bool {
	if len(b) != len(want) {
		return false
	}
	for i := range b {
		if lower(b[i]) != want[i] {
			return false
		}
	}
	return true
}
