package cert

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// TicketKeys are those of a file that several processes may read, so that a client
// resumes at any of them what it began at another (HAProxy, tls-ticket-keys).
type TicketKeys struct {
	Path string

	mu    sync.Mutex
	raw   [][]byte // as the file has them; replaced as a whole
	fresh bool     // one was set at run time
}

// LoadTicketKeys reads a file of keys in base64, one a line, all of 48 or all of 80
// bytes. As in HAProxy the last three count, and the last but one makes new tickets:
// the last is there for what another process has made with it already. The errors are
// HAProxy's.
func LoadTicketKeys(path string, from Files) (*TicketKeys, error) {
	data, err := from.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("'%s' : unable to load ssl tickets keys file", path)
	}
	var keys [][]byte
	number := 0
	for line := range bytes.Lines(data) {
		number++
		raw, err := base64.StdEncoding.AppendDecode(nil, bytes.TrimRight(line, "\r\n"))
		if err != nil {
			return nil, fmt.Errorf("'%s' : unable to decode base64 key on line %d", path, number)
		}
		keys = append(keys, raw)
		if size := len(raw); size != len(keys[0]) || size != 48 && size != 80 {
			return nil, fmt.Errorf("'%s' : wrong sized key on line %d", path, number)
		}
	}
	if len(keys) < ticketKeys {
		return nil, fmt.Errorf("'%s' : please supply at least %d keys in the tls-tickets-file", path, ticketKeys)
	}
	return &TicketKeys{Path: path, raw: keys[len(keys)-ticketKeys:]}, nil
}

// Secrets are the keys in base64, in the order of the file.
func (t *TicketKeys) Secrets() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]string, len(t.raw))
	for i, raw := range t.raw {
		list[i] = base64.StdEncoding.EncodeToString(raw)
	}
	return list
}

// ErrKeySize says that a key has another size than those of the file.
var ErrKeySize = errors.New("wrong size")

// push puts a key behind the others, whose first goes.
func (t *TicketKeys) push(raw []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(raw) != len(t.raw[0]) {
		return ErrKeySize
	}
	t.raw, t.fresh = append(slices.Clone(t.raw[1:]), raw), true
	return nil
}

// keys are what tickets are made of, with the one that new tickets take first.
func (t *TicketKeys) keys() [][32]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return [][32]byte{sha256.Sum256(t.raw[1]), sha256.Sum256(t.raw[0]), sha256.Sum256(t.raw[2])}
}

func (t *TicketKeys) changed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.fresh
}

// TicketKeys are those of the files of binds, each once. As in HAProxy the file that
// the configuration names last has number 0.
func (s *Store) TicketKeys() []*TicketKeys {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ticketFiles(s.binds)
}

func ticketFiles(binds []*Settings) (list []*TicketKeys) {
	for _, b := range binds {
		if k := b.TicketKeys; k != nil && !slices.Contains(list, k) {
			list = append(list, k)
		}
	}
	slices.Reverse(list)
	return list
}

// TicketFile finds keys by their file, or by their number behind "#".
func (s *Store) TicketFile(ref string) (number int, keys *TicketKeys, err error) {
	digits, numbered := strings.CutPrefix(ref, "#")
	wanted, err := strconv.Atoi(digits)
	numbered = numbered && err == nil
	for i, k := range s.TicketKeys() {
		if numbered && i == wanted || k.Path == ref {
			return i, k, nil
		}
	}
	return 0, nil, ErrUnknown
}

// PushTicketKey gives the tickets of a file's binds a key more, behind the others: it
// is known from now on, and makes new tickets from the next push on.
func (s *Store) PushTicketKey(keys *TicketKeys, raw []byte) error {
	if err := keys.push(raw); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.binds {
		if b.TicketKeys == keys {
			s.tickets.Use(b)
		}
	}
	return nil
}

// lostTicketKeys tells, a sentence each, which keys that were set at run time the files
// of binds have not. It is called with mu held.
func (s *Store) lostTicketKeys(binds []*Settings) (notes []string) {
	now := ticketFiles(binds)
	for _, was := range ticketFiles(s.binds) {
		if !was.changed() {
			continue
		}
		i := slices.IndexFunc(now, func(k *TicketKeys) bool { return k.Path == was.Path })
		switch {
		case i < 0:
			notes = append(notes, fmt.Sprintf("tls-ticket-keys '%s' were set at run time and are not in the configuration; they are dropped", was.Path))
		case !slices.Equal(now[i].Secrets(), was.Secrets()):
			notes = append(notes, fmt.Sprintf("tls-ticket-keys '%s' were set at run time and their file has others, which are in force now", was.Path))
		}
	}
	return notes
}
