package cert

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Why a Shelf refuses. Callers know the words of HAProxy for each kind of file.
var (
	ErrUnknown       = errors.New("there is no such file")
	ErrKnown         = errors.New("there is such a file already")
	ErrNoTransaction = errors.New("no ongoing transaction")
	ErrTransaction   = errors.New("there is an ongoing transaction")
	ErrUsed          = errors.New("it is in use")
	ErrIncomplete    = errors.New("the transaction must contain at least a certificate and a private key")
)

// A Shelf is what of the files of one kind is in memory, each under its name, and
// the transactions that are to replace them. A file has one transaction at most. The
// methods are for any goroutine.
type Shelf[T any] struct {
	store *Store // whose mu guards files
	kind  string // in notes
	files map[string]*held[T]

	name     func(*T) string // of the file
	size     func(*T) int    // what List counts
	same     func(a, b *T) bool
	complete func(*T) error               // what a commit needs
	uses     func(*Settings, string) bool // whether a bind uses a file
	apply    func(*Settings, *T)          // puts the file's new content in force there
}

// held is a file in memory. now is nil while one that was made at run time is empty,
// next while there is no transaction.
type held[T any] struct {
	now, next *T
	fresh     bool // set at run time
}

// A Listed is a file as lists show it. Size says how many are in it, Next how many
// in its transaction; -1: there is none.
type Listed struct {
	Name       string
	Size, Next int
}

// List lists the files by name.
func (s *Shelf[T]) List() []Listed {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	list := make([]Listed, 0, len(s.files))
	for name, h := range s.files {
		l := Listed{Name: name, Next: -1}
		if h.now != nil {
			l.Size = s.size(h.now)
		}
		if h.next != nil {
			l.Next = s.size(h.next)
		}
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b Listed) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Look finds what a name stands for: a file, or with "*" before it its transaction.
// v is nil for a file that is empty; used: binds use it.
func (s *Shelf[T]) Look(name string) (v *T, used, ok bool) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	file, next := strings.CutPrefix(name, "*")
	h := s.files[file]
	switch {
	case h == nil, next && h.next == nil:
		return nil, false, false
	case next:
		return h.next, false, true
	}
	return h.now, len(s.users(file)) > 0, true
}

// users are the binds that use a file. It is called with mu held.
func (s *Shelf[T]) users(file string) (list []*Settings) {
	for _, b := range s.store.binds {
		if s.uses(b, file) {
			list = append(list, b)
		}
	}
	return list
}

// inMemory is what a file has. It is called with mu held.
func (s *Shelf[T]) inMemory(file string) (*T, error) {
	if h := s.files[file]; h != nil && h.now != nil {
		return h.now, nil
	}
	return nil, errNotInMemory
}

// renew puts what a file has in place of what it had, nil for none. It is called with
// mu held.
func (s *Shelf[T]) renew(at **T) {
	if *at != nil {
		if now, err := s.inMemory(s.name(*at)); err == nil {
			*at = now
		}
	}
}

// begin puts next into the transaction of a file, and says whether it began one. It
// is called with mu held.
func (h *held[T]) begin(next *T) (created bool) {
	created = h.next == nil
	h.next = next
	return created
}

// Commit puts what a file's transaction has in force for the next handshakes of all
// binds that use the file, and tells how many they are.
func (s *Shelf[T]) Commit(file string) (now *T, binds int, err error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	h := s.files[file]
	if h == nil || h.next == nil {
		return nil, 0, ErrNoTransaction
	}
	if err := s.complete(h.next); err != nil {
		return nil, 0, err
	}
	h.now, h.next, h.fresh = h.next, nil, true
	users := s.users(file)
	for _, b := range users {
		s.apply(b, h.now)
	}
	return h.now, len(users), nil
}

// Abort drops a file's transaction.
func (s *Shelf[T]) Abort(file string) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	h := s.files[file]
	if h == nil || h.next == nil {
		return ErrNoTransaction
	}
	h.next = nil
	return nil
}

// New makes an empty file, which no bind uses.
func (s *Shelf[T]) New(file string) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if s.files[file] != nil {
		return ErrKnown
	}
	s.files[file] = &held[T]{fresh: true}
	return nil
}

// Delete drops a file that no bind uses.
func (s *Shelf[T]) Delete(file string) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	switch h := s.files[file]; {
	case h == nil:
		return ErrUnknown
	case h.next != nil:
		return ErrTransaction
	case len(s.users(file)) > 0:
		return ErrUsed
	}
	delete(s.files, file)
	return nil
}

// lost tells, a sentence each, what of what was set at run time is not in files. It
// is called with mu held.
func (s *Shelf[T]) lost(files map[string]*held[T]) (notes []string) {
	note := func(name, what string) { notes = append(notes, fmt.Sprintf("%s '%s' %s", s.kind, name, what)) }
	for name, h := range s.files {
		if h.next != nil {
			note(name, "has a transaction that was not committed; it is dropped")
		}
		if !h.fresh || h.now == nil {
			continue
		}
		if file := files[name]; file == nil {
			note(name, "was set at run time and is not in the configuration; it is dropped")
		} else if !s.same(h.now, file.now) {
			note(name, "was set at run time and its file has another, which is in force now")
		}
	}
	slices.Sort(notes)
	return notes
}
