package cert

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// ticketTurn is how long tickets are made with one key: whoever learns it can
	// read the sessions of that time.
	ticketTurn = 12 * time.Hour
	// ticketKeys is how many keys are taken, the one in use first: a ticket is good
	// for a day at least.
	ticketKeys = 3
)

// Tickets are the keys by which clients resume their sessions (RFC 8446 §4.6.1).
// They outlive configurations, so that a reload costs nobody a whole handshake.
// The zero value has none yet.
type Tickets struct {
	mu    sync.Mutex
	keys  [][32]byte
	since time.Time // the first of them is in use
}

// Turn makes a new key if it is time, and says so.
func (t *Tickets) Turn(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.keys) > 0 && now.Sub(t.since) < ticketTurn {
		return false
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails, see there
	keys := append([][32]byte{key}, t.keys...)
	t.keys, t.since = keys[:min(len(keys), ticketKeys)], now
	return true
}

// Use gives s keys made of them, or of those of its own file. Binds have the same ones only if they ask clients
// for the same certificates: a ticket holds whom its client has proved to be.
func (t *Tickets) Use(s *Settings) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.keys
	if s.TicketKeys != nil {
		all = s.TicketKeys.keys()
	}
	if len(all) == 0 {
		return
	}
	f := s.now.Load()
	f.bind.seal(all, s.Verify)
	for o, h := range f.own {
		h.seal(all, o.Verify)
	}
}

// seal gives h keys that are made of all and of whom it asks for.
func (h handshake) seal(all [][32]byte, v Verify) {
	scope := []byte{byte(v)}
	for i, a := range []*Authorities{h.cas.named, h.cas.other} {
		if a != nil {
			scope = append(append(scope, make([]byte, i)...), a.sum[:]...)
		}
	}
	if h.judge != nil { // whose sessions hold no chain
		scope = append(scope, 'j')
	}
	keys := make([][32]byte, len(all))
	for i, key := range all {
		mac := hmac.New(sha256.New, key[:])
		mac.Write(scope)
		mac.Sum(keys[i][:0])
	}
	h.plain.SetSessionTicketKeys(keys)
	h.server.SetSessionTicketKeys(keys)
}
