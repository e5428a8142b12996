package cert

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/pem"
	"runtime"
	"sync"
	"weak"
)

// A material is what a chain and its key are parsed to. It is never changed: all
// that hold the same share it.
type material struct {
	tls.Certificate
	names []string
}

// memo finds materials that somebody still holds, so that the files that a reload
// finds unchanged are not parsed again.
type memo struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]weak.Pointer[material] // by sumOf
}

// parsed is the memo of the process: it says nothing that parsing would not.
var parsed = memo{known: map[[sha256.Size]byte]weak.Pointer[material]{}}

// sumOf tells chains with their keys apart.
func sumOf(chain []*pem.Block, key *pem.Block) (sum [sha256.Size]byte) {
	h := sha256.New()
	put := func(b *pem.Block) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b.Bytes))))
		h.Write(b.Bytes)
	}
	put(key)
	for _, b := range chain {
		put(b)
	}
	h.Sum(sum[:0])
	return sum
}

// find returns what parse made before, or lets it.
func (m *memo) find(sum [sha256.Size]byte, parse func() (*material, error)) (*material, error) {
	m.mu.Lock()
	if p := m.known[sum].Value(); p != nil {
		m.mu.Unlock()
		return p, nil
	}
	m.mu.Unlock()
	p, err := parse()
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[sum] = weak.Make(p)
	runtime.AddCleanup(p, m.forget, sum)
	return p, nil
}

// forget drops a material that nobody holds any more.
func (m *memo) forget(sum [sha256.Size]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known[sum].Value() == nil {
		delete(m.known, sum)
	}
}
