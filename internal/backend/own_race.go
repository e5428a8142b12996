//go:build race

package backend

import "sync/atomic"

// own is the number of own.go for the race detector, which shall not mind its
// readers but a second writer: a change reads plainly and stores atomically.
type own int64

func (o *own) add(n int64)   { o.set(int64(*o) + n) }
func (o *own) set(v int64)   { atomic.StoreInt64((*int64)(o), v) }
func (o *own) load() int64   { return atomic.LoadInt64((*int64)(o)) }
func (o *own) share(n int64) { atomic.AddInt64((*int64)(o), n) }
