package cert

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
)

func TestKeysOfTicketsTurn(t *testing.T) {
	var k Tickets
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	var first [32]byte
	for i, step := range []struct {
		after time.Duration
		turns bool
		keys  int
	}{{0, true, 1}, {time.Hour, false, 1}, {11 * time.Hour, true, 2}, {12 * time.Hour, true, 3}, {12 * time.Hour, true, 3}} {
		now = now.Add(step.after)
		if k.Turn(now) != step.turns || len(k.keys) != step.keys {
			t.Errorf("step %d: turned %v, %d keys; want %v, %d", i, !step.turns, len(k.keys), step.turns, step.keys)
		}
		if i == 0 {
			first = k.keys[0]
		}
	}
	for i, key := range k.keys {
		if key == first {
			t.Errorf("key %d is still the first one", i)
		}
	}
}

func TestKeysOfTicketsOfAFile(t *testing.T) {
	line := func(n, size int) string {
		return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(n)}, size)) + "\n"
	}
	load := func(text string) (*TicketKeys, error) {
		return LoadTicketKeys("keys", Files{ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	}
	all, err := load(line(1, 48) + line(2, 48) + line(3, 48) + line(4, 48))
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range []byte{3, 2, 4} {
		if all.keys()[i] != sha256.Sum256(bytes.Repeat([]byte{n}, 48)) {
			t.Errorf("key %d is not that of line %d", i, n)
		}
	}
	for text, want := range map[string]string{
		"":                                      "please supply at least 3 keys in the tls-tickets-file",
		line(1, 80) + line(2, 80):               "please supply at least 3 keys in the tls-tickets-file",
		line(1, 80) + line(2, 80) + line(3, 48): "wrong sized key on line 3",
		line(1, 32):                             "wrong sized key on line 1",
		line(1, 48) + "#\n":                     "unable to decode base64 key on line 2",
	} {
		if _, err := load(text); err == nil || err.Error() != "'keys' : "+want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// What one process gave out, another one with the same file takes, also after the
// file has turned by one key; and one with keys of its own does not.
func TestTicketsOfAFileAreSharedBetweenProcesses(t *testing.T) {
	certificate, err := tls.X509KeyPair(certtest.New(t).ECDSA("web.test"))
	if err != nil {
		t.Fatal(err)
	}
	process := func(lines ...byte) *Settings {
		s := &Settings{Certificates: NewSet([]*Entry{{Certificate: &Certificate{Certificate: certificate}}})}
		var text []byte
		for _, n := range lines {
			text = append(base64.StdEncoding.AppendEncode(text, bytes.Repeat([]byte{n}, 48)), '\n')
		}
		if text != nil {
			if s.TicketKeys, err = LoadTicketKeys("keys", Files{ReadFile: func(string) ([]byte, error) { return text, nil }}); err != nil {
				t.Fatal(err)
			}
		}
		s.Build()
		var own Tickets
		own.Turn(time.Now())
		own.Use(s)
		return s
	}
	for _, test := range []struct {
		first, second *Settings
		resumes       bool
	}{
		{process(1, 2, 3), process(1, 2, 3), true}, {process(1, 2, 3), process(2, 3, 4), true}, {process(2, 3, 4), process(1, 2, 3), true},
		{process(1, 2, 3), process(3, 4, 5), false}, {process(1, 2, 3), process(), false}, {process(), process(), false},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			c := &tls.Config{InsecureSkipVerify: true, MaxVersion: version, ServerName: "web.test", ClientSessionCache: tls.NewLRUClientSessionCache(1)} //nolint:gosec // keys are tested
			resumed(t, test.first, c)
			if got := resumed(t, test.second, c); got != test.resumes {
				t.Errorf("version %x: resumed %v, want %v", version, got, test.resumes)
			}
		}
	}
}

// resumed says whether a client resumes at s.
func resumed(t *testing.T, s *Settings, c *tls.Config) bool {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	served := make(chan error, 1)
	go func() {
		defer far.Close()
		_, err := tls.Server(far, s.Server()).Write([]byte("x")) // and the tickets of 1.3 before it
		served <- err
	}()
	client := tls.Client(near, c)
	if _, err := client.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	return client.ConnectionState().DidResume
}

// A key that is set at run time turns the file by one: it is taken from now on, and
// what was made with the one before is good until that has gone.
func TestAKeyThatIsPushedTurnsTheFile(t *testing.T) {
	certificate, err := tls.X509KeyPair(certtest.New(t).ECDSA("web.test"))
	if err != nil {
		t.Fatal(err)
	}
	key := func(n byte) []byte { return bytes.Repeat([]byte{n}, 48) }
	bind := func(n ...byte) *Settings {
		s := &Settings{Certificates: NewSet([]*Entry{{Certificate: &Certificate{Certificate: certificate}}}), TicketKeys: &TicketKeys{Path: "keys"}}
		for _, n := range n {
			s.TicketKeys.raw = append(s.TicketKeys.raw, key(n))
		}
		s.Build()
		(&Tickets{}).Use(s)
		return s
	}
	s := bind(1, 2, 3)
	store := NewStore(&Tickets{})
	store.Adopt([]*Settings{s})
	client := func() *tls.Config {
		return &tls.Config{InsecureSkipVerify: true, ServerName: "web.test", ClientSessionCache: tls.NewLRUClientSessionCache(1)} //nolint:gosec // keys are tested
	}
	old := client()
	resumed(t, s, old)
	for n, want := range map[string]error{"keys": nil, "#0": nil, "#1": ErrUnknown, "0": ErrUnknown, "none": ErrUnknown} {
		if _, _, err := store.TicketFile(n); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", n, err, want)
		}
	}
	if err := store.PushTicketKey(s.TicketKeys, make([]byte, 80)); !errors.Is(err, ErrKeySize) {
		t.Errorf("a key of another size: %v", err)
	}
	if err := store.PushTicketKey(s.TicketKeys, key(4)); err != nil {
		t.Fatal(err)
	}
	if !resumed(t, s, old) {
		t.Error("what was given before is not taken any more")
	}
	now := client()
	resumed(t, s, now)
	if !resumed(t, bind(2, 3, 4), now) {
		t.Error("another process with the same keys does not take what was given")
	}
	if got, want := store.Lost([]*Settings{bind(1, 2, 3)}), "tls-ticket-keys 'keys' were set at run time and their file has others, which are in force now"; len(got) != 1 || got[0] != want {
		t.Errorf("a reload would say %q, want %q", got, want)
	}
	if got := store.Lost([]*Settings{bind(2, 3, 4)}); len(got) != 0 {
		t.Errorf("a reload of a file with the same keys would say %q", got)
	}
}
