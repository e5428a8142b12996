package rule

import (
	"bytes"

	"bascule/internal/wire"
)

func fetchMethod(x *Ctx, _ []arg, s *Sample) bool {
	s.Kind, s.Bytes = KindMethod, x.Method
	if x.Req != nil {
		s.Bytes = x.Req.MethodBytes()
	}
	return len(s.Bytes) > 0
}

func fetchKeptMethod(x *Ctx, _ []arg, s *Sample) bool {
	if len(x.Method) > 0 {
		return s.setBytes(x.Method)
	}
	return x.Req != nil && s.setBytes(x.Req.MethodBytes())
}

func fetchPath(x *Ctx, _ []arg, s *Sample) bool {
	r := x.requestHead()
	if r == nil {
		return false
	}
	p := r.Path()
	return len(p) > 0 && s.setBytes(p)
}

// pathAndQuery is the target from its path on, nil for * and authority forms.
func pathAndQuery(r *wire.Request) []byte {
	p, target := r.Path(), r.Target()
	if len(p) == 0 {
		return nil
	}
	q := r.Query()
	if q == nil {
		return p
	}
	return target[len(target)-len(q)-1-len(p):]
}

func fetchPathq(x *Ctx, _ []arg, s *Sample) bool {
	r := x.requestHead()
	if r == nil {
		return false
	}
	p := pathAndQuery(r)
	return p != nil && s.setBytes(p)
}

func fetchQuery(x *Ctx, _ []arg, s *Sample) bool {
	r := x.requestHead()
	if r == nil {
		return false
	}
	q := r.Query()
	return q != nil && s.setBytes(q)
}

func fetchURL(x *Ctx, _ []arg, s *Sample) bool {
	r := x.requestHead()
	return r != nil && s.setBytes(r.Target())
}

func fetchKeptURL(x *Ctx, _ []arg, s *Sample) bool {
	if len(x.Target) > 0 {
		p := fromPath(x.Target)
		return len(p) > 0 && s.setBytes(p)
	}
	if x.Req == nil {
		return false
	}
	p := pathAndQuery(x.Req)
	return p != nil && s.setBytes(p)
}

// fromPath is the part of a target from its path on, nil for other forms.
func fromPath(target []byte) []byte {
	if target[0] == '/' {
		return target
	}
	i := bytes.Index(target, []byte("://"))
	if i < 0 {
		return nil
	}
	j := bytes.IndexByte(target[i+3:], '/')
	if j < 0 {
		return nil
	}
	return target[i+3+j:]
}

// fetchBase is the Host field's value and the path.
func fetchBase(x *Ctx, _ []arg, s *Sample) bool { return hostAnd(x, s, (*wire.Request).Path) }

// fetchBaseq is the same with the query.
func fetchBaseq(x *Ctx, _ []arg, s *Sample) bool { return hostAnd(x, s, pathAndQuery) }

func hostAnd(x *Ctx, s *Sample, part func(*wire.Request) []byte) bool {
	r := x.requestHead()
	if r == nil {
		return false
	}
	i := r.FindID(wire.FieldHost, 0)
	if i < 0 {
		return fetchPath(x, nil, s)
	}
	p := part(r)
	if len(p) == 0 {
		return s.setBytes(r.Value(&r.Fields[i]))
	}
	at := len(x.Scratch)
	x.Scratch = append(x.Scratch, r.Value(&r.Fields[i])...)
	x.Scratch = append(x.Scratch, p...)
	return s.setBytes(x.Scratch[at:])
}

var (
	version10 = []byte("1.0")
	version11 = []byte("1.1")
)

func versionText(minor uint8) []byte {
	if minor == 0 {
		return version10
	}
	return version11
}

func protocolText(minor uint8) []byte {
	if minor == 0 {
		return http10
	}
	return http11
}

func fetchReqVer(x *Ctx, _ []arg, s *Sample) bool {
	r := x.requestHead()
	return r != nil && s.setBytes(versionText(r.Minor))
}

func fetchKeptReqVer(x *Ctx, _ []arg, s *Sample) bool {
	if len(x.Method) > 0 {
		return s.setBytes(protocolText(x.Minor))
	}
	return x.Req != nil && s.setBytes(protocolText(x.Req.Minor))
}

func fetchResVer(x *Ctx, _ []arg, s *Sample) bool {
	return x.Res != nil && s.setBytes(versionText(x.Res.Minor))
}

func fetchKeptResVer(x *Ctx, _ []arg, s *Sample) bool {
	return x.Res != nil && s.setBytes(protocolText(x.Res.Minor))
}

func fetchStatus(x *Ctx, _ []arg, s *Sample) bool {
	return x.Res != nil && s.setInt(int64(x.Res.Status))
}

func fetchFirst(x *Ctx, _ []arg, s *Sample) bool { return s.setBool(x.First) }

func fetchIsHTTP(x *Ctx, _ []arg, s *Sample) bool {
	return s.setBool(x.Req != nil || len(x.Method) > 0)
}

// fetchParam steps through the parameters named args[0] of the query; args[1]
// may replace the question mark.
func fetchParam(x *Ctx, args []arg, s *Sample) bool {
	r := x.requestHead()
	if r == nil {
		return false
	}
	q, mark := r.Query(), byte('?')
	if len(args) > 1 && args[1].text != "" {
		mark = args[1].text[0]
		q = nil
		if i := bytes.IndexByte(r.Target(), mark); i >= 0 {
			q = r.Target()[i+1:]
		}
	}
	var name []byte
	if len(args) > 0 {
		name = args[0].bytes
	}
	for s.off < len(q) {
		end := paramEnd(q, s.off, mark)
		pair := q[s.off:end]
		s.off = end + 1
		i := bytes.IndexByte(pair, '=')
		if i < 0 || len(name) > 0 && !bytes.Equal(pair[:i], name) {
			continue
		}
		s.more = s.all && s.off < len(q)
		return s.setBytes(pair[i+1:])
	}
	return false
}

func paramEnd(q []byte, from int, mark byte) int {
	for i := from; i < len(q); i++ {
		if q[i] == '&' || q[i] == ';' || q[i] == mark {
			return i
		}
	}
	return len(q)
}

func fetchParamNumber(x *Ctx, args []arg, s *Sample) bool {
	return fetchParam(x, args, s) && asNumber(x, nil, s)
}
