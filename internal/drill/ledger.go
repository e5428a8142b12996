package drill

import (
	"sync"

	"bascule/internal/fleet"
)

// Ledger is what one chat client did and saw, the evidence for VerifyChats. Whoever
// writes the client notes honestly: Said when the user gives a text, before anything is
// sent; Acked and Read when frames arrive. Safe for concurrent use.
type Ledger struct {
	User, Client, Room string

	mu        sync.Mutex
	texts     []string // guarded by mu, as all below; by number - 1
	acked     int64    // all numbers up to it
	known     bool     // whether start and position are
	start     int64    // position behind which the client began to read
	position  int64    // of the last message read
	unread    int64    // positions that were skipped
	readTwice int64    // positions that came again
}

// Said notes a text that the user has given and returns its number, from 1.
func (l *Ledger) Said(text string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.texts = append(l.texts, text)
	return int64(len(l.texts))
}

// Begin notes the position behind which the client reads, once.
func (l *Ledger) Begin(position int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.known {
		l.known, l.start, l.position = true, position, position
	}
}

// Acked notes that a number and all before it are stored.
func (l *Ledger) Acked(number int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked = max(l.acked, number)
}

// Read notes a message that arrived.
func (l *Ledger) Read(m fleet.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case m.Position <= l.position:
		l.readTwice++
	default:
		l.unread += m.Position - l.position - 1
		l.position = m.Position
	}
}

// from returns the texts with numbers from next on.
func (l *Ledger) from(next int64) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if next > int64(len(l.texts)) {
		return nil
	}
	return l.texts[next-1:] // only ever appended to
}

// progress returns how many were said and acknowledged, where the client reads, and
// whether it knows.
func (l *Ledger) progress() (said, acked, position int64, begun bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.texts)), l.acked, l.position, l.known
}

// begun returns the position behind which the client began to read.
func (l *Ledger) begun() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.start
}

// counts returns the texts by how often they were said, and the reader's faults.
func (l *Ledger) counts() (texts map[string]int, unread, readTwice int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	texts = map[string]int{}
	for _, text := range l.texts {
		texts[text]++
	}
	return texts, l.unread, l.readTwice
}
