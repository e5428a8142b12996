package terminal

import (
	"slices"
	"testing"
)

func TestKeysAreTakenApart(t *testing.T) {
	for _, test := range []struct {
		name, data string
		want       []Key
	}{
		{"letters", "kR", []Key{'k', 'R'}},
		{"cursor keys", "\x1b[A\x1b[B", []Key{KeyUp, KeyDown}},
		{"cursor keys of the application mode", "\x1bOA\x1bOB", []Key{KeyUp, KeyDown}},
		{"keys that page", "\x1b[5~\x1b[6~\x1b[1~\x1b[F", []Key{KeyPageUp, KeyPageDown, KeyHome, KeyEnd}},
		{"other sequences are no keys", "\x1b[15~\x1b[1;5Cq", []Key{'q'}},
		{"Esc", "\x1b", []Key{KeyEsc}},
		{"Esc and a letter", "\x1bq", []Key{KeyEsc, 'q'}},
		{"half a sequence is no key", "\x1b[1", nil},
		{"Ctrl-C", "\x03", []Key{KeyCtrlC}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := parseKeys([]byte(test.data)); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte("\x1b[Aq\x1bO"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := parseKeys(data); len(got) > len(data) {
			t.Errorf("%d keys of %d bytes", len(got), len(data))
		}
	})
}
