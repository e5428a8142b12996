package rule

import (
	"net/netip"
)

func fetchTrue(_ *Ctx, _ []arg, s *Sample) bool  { return s.setBool(true) }
func fetchFalse(_ *Ctx, _ []arg, s *Sample) bool { return s.setBool(false) }

func fetchStr(_ *Ctx, args []arg, s *Sample) bool {
	if len(args) == 0 {
		return s.setBytes(nil)
	}
	return s.setBytes(args[0].bytes)
}

func fetchMeth(x *Ctx, args []arg, s *Sample) bool {
	fetchStr(x, args, s)
	s.Kind = KindMethod
	return true
}

func fetchInt(_ *Ctx, args []arg, s *Sample) bool { return s.setInt(args[0].num) }

func fetchBool(_ *Ctx, args []arg, s *Sample) bool {
	return s.setBool(args[0].text == "true" || args[0].text == "1")
}

func fetchSrc(x *Ctx, _ []arg, s *Sample) bool { return s.setAddr(x.Src.Addr().Unmap()) }
func fetchDst(x *Ctx, _ []arg, s *Sample) bool { return s.setAddr(x.Dst.Addr().Unmap()) }

func fetchSrcPort(x *Ctx, _ []arg, s *Sample) bool { return port(x.Src, s) }
func fetchDstPort(x *Ctx, _ []arg, s *Sample) bool { return port(x.Dst, s) }

func port(a netip.AddrPort, s *Sample) bool { return a.IsValid() && s.setInt(int64(a.Port())) }

func fetchFrontend(x *Ctx, _ []arg, s *Sample) bool {
	return x.Frontend != "" && s.setText(x, x.Frontend)
}

// fetchBackend gives the frontend's name until a backend is chosen.
func fetchBackend(x *Ctx, _ []arg, s *Sample) bool {
	if x.Backend == "" {
		return fetchFrontend(x, nil, s)
	}
	return s.setText(x, x.Backend)
}

func fetchServer(x *Ctx, _ []arg, s *Sample) bool {
	return x.Server != "" && s.setText(x, x.Server)
}

func fetchVar(x *Ctx, args []arg, s *Sample) bool {
	v := x.Vars.find(args[0].text)
	if v == nil {
		return len(args) > 1 && s.setBytes(args[1].bytes)
	}
	s.Kind, s.Int, s.Addr, s.Bytes = v.kind, v.num, v.addr, v.bytes
	return true
}

func fetchCaptured(x *Ctx, args []arg, s *Sample) bool {
	i := args[0].num
	if i < 0 || i >= int64(len(x.Captures)) || len(x.Captures[i]) == 0 {
		return false
	}
	return s.setBytes(x.Captures[i])
}
