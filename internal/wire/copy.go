package wire

// CopyTo makes dst say what r says, edits included, in memory of its own, so
// that it outlives the buffer that r was parsed from. dst's memory is reused.
func (r *Request) CopyTo(dst *Request) {
	method, target := append(dst.method[:0], r.method...), append(dst.target[:0], r.target...)
	head := dst.Head
	*dst = *r
	dst.method, dst.target = method, target
	dst.Head.own(&head)
}

// CopyTo is the same for a reply.
func (p *Reply) CopyTo(dst *Reply) {
	reason := append(dst.reason[:0], p.reason...)
	head := dst.Head
	*dst = *p
	dst.reason = reason
	dst.Head.own(&head)
}

// own replaces memory that belongs to another head by that of old.
func (h *Head) own(old *Head) {
	h.owned = append(old.owned[:0], h.Buf...)
	h.Buf = h.owned
	h.Fields = append(old.Fields[:0], h.Fields...)
	h.added = append(old.added[:0], h.added...)
}
