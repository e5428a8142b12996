package wire

// parseFields reads the field lines of buf from i on, up to and including the
// empty line, and gives the offset behind it. A reply may have white space
// before a colon, which is removed (RFC 9112 §5.1); a request may not.
func (h *Head) parseFields(buf []byte, i int, lim *Limits, reply bool) (int, Result) {
	h.Buf = buf
	most := lim.fields()
	accept := classToken
	if lim != nil && lim.Relaxed {
		accept |= classLoose
	}
	for {
		line := i
		if i = scanName(buf, i, accept); i >= len(buf) {
			return i, More
		}
		nameEnd := i
		if buf[i] != ':' {
			if i == line && buf[i] == '\r' {
				return h.parseEmptyLine(buf, i)
			}
			var res Result
			if i, res = h.skipSpace(buf, line, i, reply); res != Done {
				return i, res
			}
		}
		if nameEnd == line {
			return i, h.bad(i, "empty field name")
		}
		colon := i
		for i++; i < len(buf) && (buf[i] == ' ' || buf[i] == '\t'); i++ {
		}
		value := i
		i = scanValue(buf, i)
		if i+1 >= len(buf) {
			if i < len(buf) && buf[i] != '\r' {
				return i, h.bad(i, whyControl(buf[i]))
			}
			return i, More
		}
		if buf[i] != '\r' || buf[i+1] != '\n' {
			return i, h.bad(i, whyControl(buf[i]))
		}
		end := i
		for end > value && (buf[end-1] == ' ' || buf[end-1] == '\t') {
			end--
		}
		i += 2
		if len(h.Fields) >= most {
			return line, h.bad(line, "too many fields")
		}
		f := h.grow()
		f.Name = Span{uint32(line), uint32(nameEnd)}
		f.Value = Span{uint32(value), uint32(end)}
		f.line = uint32(line)
		h.note(f, identify(buf[line:nameEnd]))
		if colon != nameEnd {
			h.closeGap()
		}
	}
}

// grow gives a new last field, to be set in place: copying one costs more than
// finding it.
func (h *Head) grow() *Field {
	n := len(h.Fields)
	if n == cap(h.Fields) {
		h.Fields = append(h.Fields, Field{})
	} else {
		h.Fields = h.Fields[:n+1]
	}
	return &h.Fields[n]
}

// note sets what follows from the ID of the last field.
func (h *Head) note(f *Field, id FieldID) {
	bit := uint32(1) << id
	if h.seen&bit == 0 {
		h.at[id] = uint16(len(h.Fields) - 1)
	} else {
		h.twice |= bit
	}
	h.seen |= bit
	f.ID, f.Deleted, f.Added, f.hop = id, false, false, hopFields&bit != 0
}

func (h *Head) parseEmptyLine(buf []byte, i int) (int, Result) {
	if i+1 >= len(buf) {
		return i, More
	}
	if buf[i+1] != '\n' {
		return i, h.bad(i, "bare CR")
	}
	h.parsed = len(h.Fields)
	h.Buf = buf[: i+2 : i+2]
	return i + 2, Done
}

// skipSpace is called where a field name ended without a colon: the only such
// thing with a meaning is white space before the colon of a reply.
func (h *Head) skipSpace(buf []byte, line, i int, reply bool) (int, Result) {
	c := buf[i]
	switch {
	case (c == ' ' || c == '\t') && i == line:
		return i, h.bad(i, "folded field line")
	case (c == ' ' || c == '\t') && !reply:
		return i, h.bad(i, "white space before the colon")
	case c == ' ' || c == '\t':
		for ; i < len(buf); i++ {
			if buf[i] == ':' {
				return i, Done
			}
			if buf[i] != ' ' && buf[i] != '\t' {
				return i, h.bad(i, "field name with white space")
			}
		}
		return i, More
	case c == '\r' || c == '\n' || c == 0:
		if c == '\r' && i+1 >= len(buf) {
			return i, More
		}
		if c == '\r' && buf[i+1] == '\n' {
			return i, h.bad(i, "field without a colon")
		}
		return i, h.bad(i, whyControl(c))
	}
	return i, h.bad(i, "character not allowed in a field name")
}

// closeGap rewrites the last field, so that it leaves without the space before
// its colon.
func (h *Head) closeGap() {
	i := len(h.Fields) - 1
	off := len(h.added)
	h.added = append(h.added, h.Value(&h.Fields[i])...)
	h.replaceValue(i, off)
}

func whyControl(c byte) string {
	switch c {
	case '\n':
		return "bare LF"
	case '\r':
		return "bare CR"
	case 0:
		return "NUL"
	}
	return "control character"
}
