//go:build race

package loop

import "sync/atomic"

var touched atomic.Uint32

func touchRead(p []byte) {
	var s uint32
	for _, b := range p {
		s += uint32(b)
	}
	touched.Store(s)
}

func touchWrite(p []byte) {
	for i := range p {
		p[i] = p[i] + 0
	}
}
