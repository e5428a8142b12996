package wire

// goOn is the Result of a step that leaves the head unfinished.
const goOn = Bad + 1

// parseFields reads the field lines of buf from i on, up to and including the
// empty line, and gives the offset behind it. A reply may have white space
// before a colon, which is removed (RFC 9112 §5.1), unless the field is one that
// others would then not see; a request may not.
func (h *Head) parseFields(buf []byte, i int, lim *Limits, reply bool) (int, Result) {
	h.Buf = buf
	most := lim.fields()
	for {
		line := i
		i = scanName(buf, i)
		nameEnd := i
		if i >= len(buf) || buf[i] != ':' || i == line {
			var res Result
			if nameEnd, i, res = h.oddName(buf, line, i, lim, reply); res != goOn {
				return i, res
			}
		}
		colon := i
		for i++; i < len(buf) && (buf[i] == ' ' || buf[i] == '\t'); i++ {
		}
		value := i
		i = scanValue(buf, i)
		if i+1 >= len(buf) || buf[i] != '\r' || buf[i+1] != '\n' {
			var res Result
			if i, res = h.oddValue(buf, i, lim); res != goOn {
				return i, res
			}
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
			if f.hop {
				return nameEnd, h.bad(nameEnd, "white space before the colon of a framing field")
			}
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

// oddName is called where a name did not end with its colon: at the empty line,
// at a fault, or where a line goes on that only some may write. It gives the
// end of the name and the place of its colon.
func (h *Head) oddName(buf []byte, line, i int, lim *Limits, reply bool) (end, colon int, res Result) {
	if i >= len(buf) {
		return i, i, More
	}
	c := buf[i]
	switch {
	case c == '\r' && i == line:
		i, res = h.parseEmptyLine(buf, i)
		return i, i, res
	case c == ':':
		return i, i, h.bad(i, "empty field name")
	case c == '\r' || c == '\n':
		if c == '\r' && i+1 >= len(buf) {
			return i, i, More
		}
		if c == '\r' && buf[i+1] == '\n' {
			return i, i, h.bad(i, "field without a colon")
		}
	case (c == ' ' || c == '\t') && i == line:
		return i, i, h.bad(i, "folded field line")
	case lim.relaxed() && !(reply && endsName(buf[i:])):
		return h.looseName(buf, line, i)
	case (c == ' ' || c == '\t') && !reply:
		return i, i, h.bad(i, "white space before the colon")
	case c == ' ' || c == '\t':
		end = i
		for ; i < len(buf); i++ {
			if buf[i] == ':' {
				return end, i, goOn
			}
			if buf[i] != ' ' && buf[i] != '\t' {
				return end, i, h.bad(i, "field name with white space")
			}
		}
		return end, i, More
	case c != 0:
		return i, i, h.bad(i, "character not allowed in a field name")
	}
	return i, i, h.bad(i, whyControl(c))
}

// oddValue is called where a value did not end with CRLF: the rest has not
// come, or a control byte is in it. It gives the place of the CRLF.
func (h *Head) oddValue(buf []byte, i int, lim *Limits) (int, Result) {
	for i < len(buf) {
		switch c := buf[i]; {
		case c == '\r' && i+1 >= len(buf):
			return i, More
		case c == '\r' && buf[i+1] == '\n':
			return i, goOn
		case c == '\r' || c == '\n' || !lim.relaxed():
			return i, h.bad(i, whyControl(c))
		}
		i = scanValue(buf, i+1)
	}
	return i, More
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
