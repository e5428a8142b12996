package stream

import (
	"bascule/internal/config"
	"bascule/internal/wire"
)

// restrict does as option http-restrict-req-hdr-names says; refused says that
// the request must not go on.
func (l *Life) restrict(p *config.Proxy, req *wire.Request) (refused bool) {
	for i := req.FindOdd(0); i >= 0; i = req.FindOdd(i + 1) {
		if p.OddNames == config.RejectNames {
			return true
		}
		req.Delete(i)
	}
	return false
}
