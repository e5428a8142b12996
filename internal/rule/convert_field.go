package rule

import "strings"

// cutter finds the fields of a text: between separators, or (words) runs of
// other characters.
type cutter struct {
	b          []byte
	separators string
	words      bool
}

// next gives the field that starts at or behind from; ok is false at the end.
func (c cutter) next(from int) (off, end int, ok bool) {
	for c.words && from < len(c.b) && c.separates(from) {
		from++
	}
	if from > len(c.b) || c.words && from == len(c.b) {
		return 0, 0, false
	}
	for end = from; end < len(c.b) && !c.separates(end); {
		end++
	}
	return from, end, true
}

func (c cutter) separates(i int) bool { return strings.IndexByte(c.separators, c.b[i]) >= 0 }

// endOf is where out, a part of the text, ends in it.
func (c cutter) endOf(out []byte) int { return cap(c.b) - cap(out) + len(out) }

func (c cutter) count() int64 {
	n := int64(0)
	for at := 0; ; n++ {
		_, end, ok := c.next(at)
		if !ok {
			return n
		}
		at = end + 1
	}
}

// span is the text from the first to the last of these fields, counted from 1.
func (c cutter) span(first, last int64) []byte {
	off, at := 0, 0
	for n := int64(1); ; n++ {
		start, end, ok := c.next(at)
		if !ok {
			return nil
		}
		if n == first {
			off = start
		}
		if n == last {
			return c.b[off:end]
		}
		at = end + 1
	}
}

func convField(x *Ctx, args []arg, s *Sample) bool {
	return pickField(x, args, s, cutter{b: s.bytes(x), separators: args[1].text})
}

func convWord(x *Ctx, args []arg, s *Sample) bool {
	return pickField(x, args, s, cutter{b: s.bytes(x), separators: args[1].text, words: true})
}

// pickField takes args[2] fields (0: all that follow) from number args[0] on;
// a negative number counts from the end and takes them backwards.
func pickField(_ *Ctx, args []arg, s *Sample, c cutter) bool {
	index, many := args[0].num, int64(1)
	total := c.count()
	if len(args) > 2 {
		many = max(0, min(args[2].num, total+1)) // more are all; as HAProxy has it, negative ones too
	}
	if index < 0 {
		index += total + 1
		many = -many
	}
	first, last := index, index+many-1
	switch {
	case args[0].num < 0 && many == 0:
		first, last = 1, index
	case args[0].num < 0:
		first, last = max(1, index+many+1), index
	case many == 0:
		last = total
	}
	if index < 1 || index > total {
		return c.words && s.setBytes(nil) // HAProxy: no field is nothing, no word is empty
	}
	out := c.span(first, min(last, total))
	if c.words && args[0].num < 0 && (many == 0 || index+many+1 < 1) {
		out = c.b[:c.endOf(out)] // fewer than asked for: separators at the ends belong to it
	} else if c.words && args[0].num > 0 && (many == 0 || last > total) {
		out = c.b[c.endOf(out)-len(out):]
	}
	return s.setBytes(out)
}
