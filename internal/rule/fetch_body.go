package rule

import "bytes"

// fetchBody is what was kept of the body; rules that stand in front of a
// wait for it see nothing.
func fetchBody(reply bool) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		if reply != (x.Res != nil) {
			return false
		}
		s.Kind, s.Bytes = KindBin, x.Body
		return true
	}
}

func fetchBodyLen(reply bool) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		return reply == (x.Res != nil) && s.setInt(int64(len(x.Body)))
	}
}

// fetchBodySize is the body's whole length: of chunks what came so far.
func fetchBodySize(reply bool) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		return reply == (x.Res != nil) && s.setInt(max(x.BodySize, int64(len(x.Body))))
	}
}

// fetchBodyParam steps through the parameters named args[0] of a form's body
// (application/x-www-form-urlencoded, as a query).
func fetchBodyParam(x *Ctx, args []arg, s *Sample) bool {
	if x.Res != nil {
		return false
	}
	var name []byte
	if len(args) > 0 {
		name = args[0].bytes
	}
	for b := x.Body; s.off < len(b); {
		end := len(b)
		if i := bytes.IndexByte(b[s.off:], '&'); i >= 0 {
			end = s.off + i
		}
		pair := b[s.off:end]
		s.off = end + 1
		i := bytes.IndexByte(pair, '=')
		if i < 0 || len(name) > 0 && !bytes.Equal(pair[:i], name) {
			continue
		}
		s.more = s.all && s.off < len(b)
		return s.setBytes(pair[i+1:])
	}
	return false
}
