package logs

import "sync"

// A store is the memory of a ring section: whole lines, of which the oldest go
// when a new one needs their room. It never waits for those who read it.
type store struct {
	mu    sync.Mutex // guards the fields below
	buf   []byte     // lines one behind the other, around its end
	at    []uint64   // where the lines kept begin, counted from the first byte ever put; oldest first
	first uint64     // number of the oldest
	head  uint64     // where the next line goes, counted so
	woken map[chan struct{}]bool
}

func newStore(buf []byte) *store { return &store{buf: buf, woken: map[chan struct{}]bool{}} }

// put keeps a line, with its line end.
func (s *store) put(line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := uint64(len(s.buf))
	if uint64(len(line)) > size {
		line = line[:size]
	}
	gone := 0
	for gone < len(s.at) && s.head+uint64(len(line))-s.at[gone] > size {
		gone++
	}
	s.first += uint64(gone)
	s.at = append(s.at[gone:], s.head)
	from := int(s.head % size)
	n := copy(s.buf[from:], line)
	copy(s.buf, line[n:])
	s.head += uint64(len(line))
}

// tell wakes those who wait for lines.
func (s *store) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.woken {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// wake gives a channel that says that there are new lines, until it is given back.
func (s *store) wake() chan struct{} {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	s.woken[c] = true
	s.mu.Unlock()
	return c
}

func (s *store) forget(c chan struct{}) {
	s.mu.Lock()
	delete(s.woken, c)
	s.mu.Unlock()
}

// oldest is the number of the oldest line that is kept.
func (s *store) oldest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

// end is the number of the line that comes next.
func (s *store) end() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first + uint64(len(s.at))
}

// read gives each line from number from on to take, until that says that it has
// enough. lost is how many were there no more; next is the number to go on with.
func (s *store) read(from uint64, take func(line []byte) bool) (next, lost uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from < s.first {
		lost, from = s.first-from, s.first
	}
	var around []byte
	for i := from - s.first; i < uint64(len(s.at)); i++ {
		end := s.head
		if i+1 < uint64(len(s.at)) {
			end = s.at[i+1]
		}
		a, b := int(s.at[i]%uint64(len(s.buf))), int((end-1)%uint64(len(s.buf)))+1
		line := s.buf[a:max(a, b)]
		if b <= a {
			around = append(append(around[:0], s.buf[a:]...), s.buf[:b]...)
			line = around
		}
		from++
		if !take(line) {
			break
		}
	}
	return from, lost
}

// resize gives the store other memory and keeps the newest lines that fit.
func (s *store) resize(buf []byte) {
	old := newStore(s.buf)
	s.mu.Lock()
	old.at, old.first, old.head = s.at, s.first, s.head
	s.buf, s.at, s.first, s.head = buf, nil, old.first, 0
	s.mu.Unlock()
	old.read(0, func(line []byte) bool { s.put(line); return true })
}
