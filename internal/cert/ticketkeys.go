package cert

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// TicketKeys are those of a file that several processes may read, so that a client
// resumes at any of them what it began at another (HAProxy, tls-ticket-keys).
type TicketKeys struct {
	Path string
	keys [][32]byte // the one that new tickets are made with first
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
	var keys [][32]byte
	size, number := 0, 0
	for line := range bytes.Lines(data) {
		number++
		raw, err := base64.StdEncoding.AppendDecode(nil, bytes.TrimRight(line, "\r\n"))
		if err != nil {
			return nil, fmt.Errorf("'%s' : unable to decode base64 key on line %d", path, number)
		}
		if number == 1 {
			size = len(raw)
		}
		if len(raw) != size || size != 48 && size != 80 {
			return nil, fmt.Errorf("'%s' : wrong sized key on line %d", path, number)
		}
		keys = append(keys, sha256.Sum256(raw))
	}
	if len(keys) < ticketKeys {
		return nil, fmt.Errorf("'%s' : please supply at least %d keys in the tls-tickets-file", path, ticketKeys)
	}
	keys = keys[len(keys)-ticketKeys:]
	return &TicketKeys{Path: path, keys: [][32]byte{keys[1], keys[0], keys[2]}}, nil
}
