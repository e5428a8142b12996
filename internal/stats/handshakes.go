package stats

import (
	"strconv"

	"bascule/internal/loop"
)

const (
	handshakesTotal     = "bascule_tls_handshakes_total"
	handshakesTotalHelp = "TLS handshakes with clients (side frontend) and servers (side backend), by what became of them: full or resumed, or what they failed for"
	handshakesNow       = "bascule_tls_handshakes"
	handshakesNowHelp   = "TLS handshakes now: waiting for the client's first message or a turn, or begun"
	limitReached        = "bascule_tls_limit_reached"
	limitReachedHelp    = "Whether a limit on TLS handshakes holds clients up: places taken by others (crowd), maxsslconn or maxsslrate"
)

// The limits on TLS handshakes.
const (
	TLSCrowd = iota // all places are taken, and some are lost
	TLSConns        // maxsslconn
	TLSRate         // maxsslrate
	TLSLimits
)

// appendHandshakes writes what became of handshakes, and those that are under way.
func appendHandshakes(b []byte, p *Facts, sel *Selection) []byte {
	sides := []struct {
		name string
		*loop.HandshakeFacts
	}{{"frontend", &p.FrontTLS}, {"backend", &p.BackTLS}}
	if sel.named(handshakesTotal) {
		b = appendHead(b, handshakesTotal, handshakesTotalHelp, true)
		for _, s := range sides {
			for end := range loop.HandshakeEnds {
				b = append(append(append(b, handshakesTotal+`{side="`...), s.name...), `",result="`...)
				b = append(append(b, end.String()...), `"} `...)
				b = append(strconv.AppendInt(b, s.Ended[end], 10), '\n')
			}
		}
	}
	if sel.named(handshakesNow) {
		b = appendHead(b, handshakesNow, handshakesNowHelp, false)
		for _, s := range sides {
			b = append(append(append(b, handshakesNow+`{side="`...), s.name...), `",stage="waiting"} `...)
			b = append(strconv.AppendInt(b, s.Waiting, 10), '\n')
			b = append(append(append(b, handshakesNow+`{side="`...), s.name...), `",stage="begun"} `...)
			b = append(strconv.AppendInt(b, s.Begun, 10), '\n')
		}
	}
	if sel.named(limitReached) {
		b = appendHead(b, limitReached, limitReachedHelp, false)
		for i, name := range [TLSLimits]string{"crowd", "maxsslconn", "maxsslrate"} {
			n := int64(0)
			if p.TLSLimited[i] {
				n = 1
			}
			b = append(append(append(b, limitReached+`{limit="`...), name...), `"} `...)
			b = append(strconv.AppendInt(b, n, 10), '\n')
		}
	}
	return b
}
