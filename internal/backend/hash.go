package backend

import (
	"encoding/binary"
	"slices"

	"bascule/internal/balance"
	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// key is the hash of what the algorithm looks at, computed once for a stream:
// its head is gone when another server has to be found. ok is false when the
// request has no key.
func (a *Args) key(bal *config.Balance) (hash uint32, ok bool) {
	if !a.keyed {
		a.keyed = true
		a.hash, a.hasKey = a.computeKey(bal)
		if bal.Avalanche {
			a.hash = balance.Avalanche(a.hash)
		}
	}
	return a.hash, a.hasKey
}

func (a *Args) computeKey(bal *config.Balance) (hash uint32, ok bool) {
	if bal.Algorithm == config.Source {
		return balance.Source(a.Src), a.Src.IsValid()
	}
	text, ok := a.keyText(bal)
	if !ok {
		return 0, false
	}
	return balance.Hash(bal.Func, text), true
}

// Key is what the algorithm looks at, as text, and its hash, for those who
// explain a choice; ok is false when there is none.
func (a *Args) Key(bal *config.Balance) (text string, hash uint32, ok bool) {
	if bal.Algorithm == config.Source {
		text = a.Src.String()
	} else if bytes, found := a.keyText(bal); found {
		text = string(bytes)
	}
	hash, ok = a.key(bal)
	return text, hash, ok
}

// keyText is the key of the algorithms that hash bytes.
func (a *Args) keyText(bal *config.Balance) (text []byte, ok bool) {
	if bal.Algorithm == config.HashExpr {
		return a.exprKey(bal)
	}
	if a.Req == nil {
		return nil, false
	}
	switch bal.Algorithm {
	case config.URI:
		text, ok = bal.URI.Key(a.Req.Target()), true
	case config.URLParam:
		text, ok = balance.Param(a.Req.Target(), bal.Name)
		if !ok && bal.CheckPost && a.Req.Method == wire.MethodPost && a.Ctx != nil {
			text, ok = balance.FormParam(a.Ctx.Body, bal.Name)
		}
	case config.Hdr:
		text, ok = a.headerKey(bal)
	}
	return text, ok
}

// headerKey is the first value of the first field of that name.
func (a *Args) headerKey(bal *config.Balance) ([]byte, bool) {
	i := a.Req.Find(a.name(bal.Name), 0)
	if i < 0 {
		return nil, false
	}
	text := balance.FirstValue(a.Req.Value(&a.Req.Fields[i]))
	if bal.DomainOnly {
		text = balance.Domain(text)
	}
	return text, true
}

// maxName bounds a header's name that is looked for without allocating.
const maxName = 64

// name is s as bytes, in the memory of a.
func (a *Args) name(s string) []byte { return append(a.scratch[:0], s...) }

// exprKey is a sample as HAProxy hashes it: addresses and numbers in their
// binary form.
func (a *Args) exprKey(bal *config.Balance) ([]byte, bool) {
	if a.Ctx == nil {
		return nil, false
	}
	s, ok := bal.Expr.Sample(a.Ctx)
	if !ok {
		return nil, false
	}
	text := s.Bytes
	switch s.Kind {
	case rule.KindInt, rule.KindBool:
		text = binary.BigEndian.AppendUint64(a.scratch[:0], uint64(s.Int))
	case rule.KindAddr:
		if s.Addr.Is4() {
			b := s.Addr.As4()
			text = append(a.scratch[:0], b[:]...)
		} else {
			b := s.Addr.As16()
			text = append(a.scratch[:0], b[:]...)
		}
	}
	return text, len(text) > 0
}

// hashed is the server that a hash belongs to; one that is avoided, or that
// carries more than hash-balance-factor or hash-preserve-affinity allow, passes
// the key on to the next.
func (b *Backend) hashed(sn *Snapshot, hash uint32, avoid *Failures) *Server {
	choosy := !avoid.Empty() || sn.balance.Factor > 0 || sn.balance.Affinity != config.AffinityAlways
	switch {
	case sn.jump != nil && !choosy:
		return sn.Servers[sn.jump.Lookup(hash)]
	case sn.jump != nil:
		total := sn.served()
		return sn.Servers[sn.jump.LookupIf(hash, func(i int) bool { return sn.takes(int(sn.place[i]), avoid, total) })]
	case sn.ring != nil && !choosy:
		return sn.usable[sn.ring.Lookup(hash)]
	case sn.ring != nil:
		total := sn.served()
		return sn.usable[sn.ring.LookupIf(hash, func(i int) bool { return sn.takes(i, avoid, total) })]
	}
	s := sn.usable[sn.table.Lookup(hash)]
	if avoid.Has(s) {
		s = sn.next(hash, avoid)
	}
	return s
}

// served is the number of streams on the servers in use, where load is bounded.
func (sn *Snapshot) served() (n int64) {
	if sn.balance.Factor > 0 {
		for _, s := range sn.usable {
			n += s.Cur.Cur()
		}
	}
	return n
}

// takes says whether usable[i] may have a key; total streams are served.
func (sn *Snapshot) takes(i int, avoid *Failures, total int64) bool {
	s := sn.usable[i]
	if avoid.Has(s) {
		return false
	}
	if f := sn.balance.Factor; f > 0 {
		// So many slots are there for everybody, this stream included, and a
		// server's part of them is by its weight: never none.
		slots := ((total+1)*int64(f) + 99) / 100
		before, weight, all := sn.before[i], int64(sn.weights[i]), sn.before[len(sn.usable)]
		if s.Cur.Cur() >= max(1, slots*(before+weight)/all-slots*before/all) {
			return false
		}
	}
	switch sn.balance.Affinity {
	case config.AffinityMaxConn:
		return !s.full()
	case config.AffinityMaxQueue:
		most := s.Config().MaxQueue
		return most == 0 || !s.full() || s.Queue.Cur() < int64(most)
	}
	return true
}

// next is the first server outside avoid after the slot of hash in the map; the
// slot's own if there is none.
func (sn *Snapshot) next(hash uint32, avoid *Failures) *Server {
	slots := sn.table.Slots()
	at := int(hash % uint32(len(slots)))
	for k := range len(slots) {
		if s := sn.usable[slots[(at+k)%len(slots)]]; !avoid.Has(s) {
			return s
		}
	}
	return sn.usable[slots[at]]
}

// keyless chooses for a request without a key: in turn, in the order in which
// the ring or the map has the servers, as HAProxy does.
func (b *Backend) keyless(sn *Snapshot, avoid *Failures) (*Server, bool) {
	switch {
	case sn.ring != nil:
		return inTurn(b, sn, sn.ring.Owners(), avoid)
	case sn.table != nil:
		return inTurn(b, sn, sn.table.Slots(), avoid)
	}
	return inTurn(b, sn, sn.sequence, avoid)
}

// inTurn takes the next of the sequence that has a slot; those that are full
// have had their turn.
func inTurn[index uint16 | int32](b *Backend, sn *Snapshot, sequence []index, avoid *Failures) (*Server, bool) {
	at := b.turn.Add(1) - 1
	n := uint64(len(sequence))
	// Servers are interleaved, so a few rounds see every one; a sequence can
	// be long, and walking all of it while all are full would be a waste.
	for k := range min(n, uint64(4*len(sn.usable))) {
		s := sn.usable[sequence[(at+k)%n]]
		if !avoid.Has(s) && b.slot(s) {
			if k > 0 {
				b.turn.Add(k)
			}
			return s, true
		}
	}
	for k := range len(sn.usable) {
		s := sn.usable[(int(at%uint64(len(sn.usable)))+k)%len(sn.usable)]
		if !avoid.Has(s) && b.slot(s) {
			return s, true
		}
	}
	return b.again(sn, avoid)
}

// again takes a server that failed for the request when no other has a slot, the
// last one first: its slot was given back just now.
func (b *Backend) again(sn *Snapshot, avoid *Failures) (*Server, bool) {
	for i := avoid.Len() - 1; i >= 0; i-- {
		if s := avoid.At(i); slices.Contains(sn.usable, s) && b.slot(s) {
			return s, true
		}
	}
	return nil, false
}
