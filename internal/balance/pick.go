package balance

// A Load is what a picker knows of one server.
type Load struct {
	Served  int  // requests the server has now
	Queued  int  // requests waiting for it
	Weight  int  // effective weight; 0 takes no new requests
	Maxconn int  // most requests at a time; 0 for no limit
	Avoid   bool // not again for this request
	// Since orders servers of equal load: the lower was there first. It is the
	// number of the last change of load.
	Since uint64
}

func (l Load) usable() bool { return l.Weight > 0 && !l.Avoid }

// full says that a further request would wait.
func (l Load) full() bool {
	return l.Maxconn > 0 && (l.Queued > 0 || l.Served >= l.Maxconn)
}

// LeastConn is "balance leastconn": the server with the fewest requests, this
// one included, in relation to its weight; full servers are left out. Of equal
// servers the one whose load is as it is for longest is taken, so that idle ones
// have their turns. -1 if every server is full or out.
func LeastConn(loads []Load) int {
	best, least := -1, uint64(0)
	for i, l := range loads {
		if !l.usable() || l.full() {
			continue
		}
		share := leastShare(l)
		if best < 0 || share < least || share == least && l.Since < loads[best].Since {
			best, least = i, share
		}
	}
	return best
}

// leastShare is the load that a server would have with one request more, in
// units of a weightless whole. Idle servers are equal whatever their weights.
func leastShare(l Load) uint64 {
	busy := l.Served + l.Queued
	if busy == 0 {
		return 0
	}
	return uint64(busy+1) * maxEffective / uint64(l.Weight)
}

// First is "balance first": the first server with a free slot. -1 if every
// server is full or out.
func First(loads []Load) int {
	for i, l := range loads {
		if l.usable() && !l.full() {
			return i
		}
	}
	return -1
}

// Random is "balance random(N)" for the N hashes given: each draws a server from
// the ring, and the least loaded for its weight of those drawn takes the
// request. loads has the indexes of the ring's entries. -1 if that server is
// full, so that the request waits in the backend's queue, or if there is none.
func Random(r *Ring, loads []Load, hashes ...uint32) int {
	eligible := func(i int) bool { return !loads[i].Avoid }
	best := -1
	for _, hash := range hashes {
		drawn := r.LookupIf(hash, eligible)
		if drawn < 0 {
			return -1
		}
		if best >= 0 && loads[drawn].Served*loads[best].Weight > loads[best].Served*loads[drawn].Weight {
			continue
		}
		best = drawn
	}
	if best < 0 || loads[best].full() {
		return -1
	}
	return best
}
