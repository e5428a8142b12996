package loop

// A kept is what waits at a connection: input that is not complete, output
// that the peer does not take. Most connections never have one.
type kept struct {
	in, out held
	pipe    *pipe // bytes to be sent before out, see Splice; nil: none
}

// spareKepts is how many of them a loop keeps for reuse, a few kilobytes: more
// wait at once only in a rush, in which an allocation more does not count.
const spareKepts = 256

// keeps is what waits at c, made if there was nothing.
func (c *Conn) keeps() *kept {
	if c.kept == nil {
		if l := c.l; len(l.kepts) > 0 {
			k := len(l.kepts) - 1
			c.kept, l.kepts = l.kepts[k], l.kepts[:k]
		} else {
			c.kept = new(kept)
		}
	}
	return c.kept
}

// hold keeps output that the socket does not take.
func (c *Conn) hold(p []byte) {
	if len(p) > 0 {
		c.keeps().out.add(&c.l.bufs, p)
	}
}

// tidy gives it back once nothing waits.
func (c *Conn) tidy() {
	k := c.kept
	if k == nil || k.in.p != nil || k.out.p != nil || k.pipe != nil {
		return
	}
	c.kept = nil
	if l := c.l; len(l.kepts) < spareKepts {
		l.kepts = append(l.kepts, k)
	}
}

// dropOut forgets the output that is held in memory.
func (c *Conn) dropOut() {
	if c.kept != nil {
		c.kept.out.drop(&c.l.bufs)
		c.tidy()
	}
}

// dropKept forgets all that waits.
func (c *Conn) dropKept() {
	c.Keep(nil)
	c.dropOut()
	c.dropPipe()
}
