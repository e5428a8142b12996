package fleet

import (
	"container/list"
	"sync"
)

// cache keeps the segments that were asked for last, a bounded number of them. A
// segment that several listeners miss at once is made once. Safe for concurrent use.
type cache struct {
	limit int                        // segments
	make  func(key segmentID) []byte // slow: what a miss costs

	mu      sync.Mutex
	entries map[segmentID]*list.Element // guarded by mu, as all below
	recent  *list.List                  // of *entry, the last used in front
	making  map[segmentID]*entry
	counts  cacheCounts
}

// cacheCounts are numbers of segments since the start, and of those kept now.
type cacheCounts struct {
	Hits    int64 `json:"hits"`
	Misses  int64 `json:"misses"`
	Dropped int64 `json:"dropped"`
	Kept    int   `json:"kept"`
	Limit   int   `json:"limit"`
}

type entry struct {
	key  segmentID
	data []byte
	made chan struct{} // closed when data is there
}

func newCache(limit int, slow func(segmentID) []byte) *cache {
	return &cache{
		limit: limit, make: slow,
		entries: map[segmentID]*list.Element{}, recent: list.New(), making: map[segmentID]*entry{},
	}
}

// segment returns the bytes of key, which the caller must not change, and whether they
// were in the cache. Waiting for a segment that another request is making is a miss.
func (c *cache) segment(key segmentID) (data []byte, hit bool) {
	c.mu.Lock()
	if el, ok := c.entries[key]; ok {
		c.recent.MoveToFront(el)
		c.counts.Hits++
		c.mu.Unlock()
		return el.Value.(*entry).data, true
	}
	c.counts.Misses++
	if e, ok := c.making[key]; ok {
		c.mu.Unlock()
		<-e.made
		return e.data, false
	}
	e := &entry{key: key, made: make(chan struct{})}
	c.making[key] = e
	c.mu.Unlock()

	e.data = c.make(key)
	close(e.made)

	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.making, key)
	c.entries[key] = c.recent.PushFront(e)
	for c.recent.Len() > c.limit {
		last := c.recent.Remove(c.recent.Back()).(*entry)
		delete(c.entries, last.key)
		c.counts.Dropped++
	}
	return e.data, false
}

func (c *cache) snapshot() cacheCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	counts.Kept, counts.Limit = c.recent.Len(), c.limit
	return counts
}
