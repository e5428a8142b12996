package cert

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A LineReader tells for a bind what a line that is added to one of its crt-lists
// means: the certificate's file, and what its handshakes are made by, nil for the
// bind's own. The files that it names are those in memory; nothing is read from a disk.
// The errors are HAProxy's.
type LineReader func(l ListLine, memory Memory) (path string, own *Options, err error)

// A Memory finds the files by which clients' certificates are judged.
type Memory struct {
	Authorities func(path string) (*Authorities, error) // of ca-file
	Revocations func(path string) (*Revocations, error) // of crl-file
}

var errNotInMemory = errors.New("it is not in memory")

// Lists are the crt-lists of binds by name, with the entries in force as they stand
// there.
func (s *Store) Lists() map[string][]*Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return lists(s.binds)
}

func lists(binds []*Settings) map[string][]*Entry {
	all := map[string][]*Entry{}
	for _, b := range binds {
		of := map[string][]*Entry{}
		for name := range b.Lists {
			of[name] = nil
		}
		for _, e := range b.now.Load().set.all {
			if e.List != "" {
				of[e.List] = append(of[e.List], e)
			}
		}
		maps.Copy(all, of) // the same list says the same on every bind
	}
	return all
}

// listing are the binds that have a crt-list, each once; it is called with mu held.
func (s *Store) listing(list string) (binds []*Settings, err error) {
	for _, b := range s.binds {
		if _, ok := b.Lists[list]; ok && !slices.Contains(binds, b) {
			binds = append(binds, b)
		}
	}
	if len(binds) == 0 {
		return nil, fmt.Errorf("crt-list '%s' does not exist!", list)
	}
	return binds, nil
}

// AddLine adds a line at the end of a crt-list, for the next handshakes of all binds
// that have it, and tells how many they are. The certificate must be in memory. The
// errors are HAProxy's.
func (s *Store) AddLine(list string, l ListLine) (added *Entry, binds int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	users, err := s.listing(list)
	if err != nil {
		return nil, 0, err
	}
	number := s.lines[list] + 1
	entries := make([]*Entry, len(users)) // of all, before any is changed
	for i, b := range users {
		path, own, err := b.ReadLine(l, Memory{s.Authorities.inMemory, s.Revocations.inMemory})
		if err != nil {
			return nil, 0, err
		}
		if own != nil { // the bind's may have been replaced since
			s.Authorities.renew(&own.CAs)
			s.Authorities.renew(&own.VerifyCAs)
			s.Revocations.renew(&own.CRLs)
		}
		switch h := s.Certificates.files[path]; {
		case h == nil:
			return nil, 0, fmt.Errorf("certificate '%s' does not exist!", path)
		case h.now == nil:
			return nil, 0, fmt.Errorf("certificate '%s' is empty!", path)
		default:
			entries[i] = &Entry{Certificate: h.now, Filters: l.Filters, Own: own, List: list, Line: number, Words: l.Options, added: true}
		}
	}
	s.lines[list] = number
	for i, b := range users {
		b.add(entries[i])
		s.tickets.Use(b)
	}
	return entries[0], len(users), nil
}

// DeleteLine takes the line of a certificate's file out of a crt-list, for the next
// handshakes; number is that of the line, 0 where the file has only one. What binds
// show to clients who name nobody stays. The errors are HAProxy's.
func (s *Store) DeleteLine(list, file string, number int) (deleted *Entry, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	users, err := s.listing(list)
	if err != nil {
		return nil, err
	}
	if s.Certificates.files[file] == nil {
		return nil, fmt.Errorf("certificate '%s' does not exist!", file)
	}
	if deleted, err = find(lists(users[:1])[list], list, file, number); err != nil {
		return nil, err
	}
	var stay strings.Builder
	for _, b := range users {
		if slices.ContainsFunc(b.now.Load().set.others, deleted.is) {
			fmt.Fprintf(&stay, "\t- %s\n", b.Line)
		}
	}
	if stay.Len() > 0 {
		return nil, fmt.Errorf("certificate '%s' cannot be deleted, it is used as default certificate by the following frontends:\n%s", file, &stay)
	}
	for _, b := range users {
		b.remove(deleted)
	}
	if !deleted.added {
		s.deleted = append(s.deleted, deleted)
	}
	return deleted, nil
}

// find is the entry of a file among those of a crt-list.
func find(entries []*Entry, list, file string, number int) (*Entry, error) {
	var of []*Entry
	var numbers []string
	for _, e := range entries {
		if e.Path == file {
			if e.Line == number {
				return e, nil
			}
			of, numbers = append(of, e), append(numbers, fmt.Sprint(e.Line))
		}
	}
	switch {
	case len(of) == 0:
		return nil, fmt.Errorf("certificate '%s' can't be found in crt-list '%s'!", file, list)
	case number > 0:
		return nil, fmt.Errorf("found a certificate '%s' but the line number is incorrect, please specify a correct line number preceded by colons (%s)!", file, strings.Join(numbers, ", "))
	case len(of) > 1:
		return nil, fmt.Errorf("found the certificate '%s' in several entries, please specify a line number preceded by colons (%s)!", file, strings.Join(numbers, ", "))
	}
	return of[0], nil
}

// lostLines tells, a sentence each, what of the lines that were added and deleted the
// crt-lists of binds have otherwise; it is called with mu held.
func (s *Store) lostLines(binds []*Settings) (notes []string) {
	now := lists(binds)
	has := func(e *Entry) bool {
		return slices.ContainsFunc(now[e.List], func(other *Entry) bool { return other.Text(false) == e.Text(false) })
	}
	note := func(e *Entry, what string) {
		notes = append(notes, fmt.Sprintf("line '%s' of crt-list '%s' %s", e.Text(false), e.List, what))
	}
	for _, entries := range lists(s.binds) {
		for _, e := range entries {
			if e.added && !has(e) {
				note(e, "was added at run time and is not in the file; it is dropped")
			}
		}
	}
	for _, e := range s.deleted {
		if has(e) {
			note(e, "was deleted at run time and stands in the file; it is in force again")
		}
	}
	slices.Sort(notes)
	return notes
}

// is says whether both stand in the same place: a commit makes another Entry there.
func (e *Entry) is(other *Entry) bool {
	return e.List == other.List && e.Line == other.Line && e.Path == other.Path
}

// add makes the next handshakes know e too.
func (s *Settings) add(e *Entry) {
	f := *s.now.Load()
	f.set = NewSet(append(slices.Clone(f.set.all), e))
	if e.Own != nil {
		f.own = maps.Clone(f.own)
		f.own[e.Own] = s.handshake(e.Own, e.Own.trusts())
	}
	s.now.Store(&f)
}

// remove makes the next handshakes know e no more.
func (s *Settings) remove(e *Entry) {
	f := *s.now.Load()
	f.set = NewSet(slices.DeleteFunc(slices.Clone(f.set.all), e.is))
	f.own = maps.Clone(f.own)
	maps.DeleteFunc(f.own, func(o *Options, _ handshake) bool {
		return !slices.ContainsFunc(f.set.all, func(e *Entry) bool { return e.Own == o })
	})
	s.now.Store(&f)
}
