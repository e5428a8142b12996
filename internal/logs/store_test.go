package logs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func linesIn(s *store, from uint64) (list []string, lost uint64) {
	_, lost = s.read(from, func(line []byte) bool { list = append(list, string(line)); return true })
	return list, lost
}

func TestAStoreKeepsTheNewestLinesWhole(t *testing.T) {
	s := newStore(make([]byte, 100))
	for i := range 1000 {
		s.put([]byte(strings.Repeat("x", i%40) + fmt.Sprintf("%d\n", i)))
		list, lost := linesIn(s, 0)
		if int(lost)+len(list) != i+1 {
			t.Fatalf("%d lost, %d kept of %d", lost, len(list), i+1)
		}
		total := 0
		for j, line := range list {
			n := int(lost) + j
			if want := strings.Repeat("x", n%40) + fmt.Sprintf("%d\n", n); line != want {
				t.Fatalf("line %d is %q, want %q", n, line, want)
			}
			total += len(line)
		}
		if total > 100 || i > 10 && total < 100-45 {
			t.Fatalf("%d bytes kept after line %d", total, i)
		}
	}
	s.put([]byte(strings.Repeat("y", 150)))
	if list, _ := linesIn(s, 0); len(list) != 1 || list[0] != strings.Repeat("y", 100) {
		t.Errorf("a line longer than the ring left %q", list)
	}
}

func TestAStoreThatChangesItsSizeKeepsWhatFits(t *testing.T) {
	s := newStore(make([]byte, 40))
	for i := range 10 {
		s.put(fmt.Appendf(nil, "line %02d\n", i))
	}
	s.resize(make([]byte, 100))
	if list, lost := linesIn(s, 0); len(list) != 5 || list[4] != "line 09\n" || lost != 5 {
		t.Errorf("larger: %q, %d lost", list, lost)
	}
	s.resize(make([]byte, 16))
	s.put([]byte("new\n"))
	if list, lost := linesIn(s, 0); fmt.Sprint(list) != "[line 09\n new\n]" || lost != 9 {
		t.Errorf("smaller: %q, %d lost", list, lost)
	}
}

func TestABackingFileHasTheLinesAndTheOneBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	for _, text := range []string{"first\n", "second\n"} {
		b, err := openBook(&Section{Name: "r", Size: 4096, File: path})
		if err != nil {
			t.Fatal(err)
		}
		b.store.put([]byte(text))
		b.close()
	}
	for name, want := range map[string]string{path: "second\n", path + ".bak": "first\n"} {
		data, err := os.ReadFile(name)
		if err != nil || len(data) != 4096 || !strings.HasPrefix(string(data), want) {
			t.Errorf("%s: %v, %d bytes", name, err, len(data))
		}
	}
	if _, err := openBook(&Section{Name: "r", Size: 4096, File: filepath.Join(path, "no")}); err == nil {
		t.Error("a file that cannot be made is none")
	}
}

func TestAReaderFollowsARing(t *testing.T) {
	sec := &Section{Name: "r", Size: 4096}
	target := &Target{Addr: "ring@r", Ring: sec, Format: "raw", Len: 100, MinLevel: Debug}
	h := NewHub([]*Target{target}, 1, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { h.Run(ctx); close(done) }() // until cancel
	defer func() { cancel(); <-done }()
	if h.Follow("none", false) != nil {
		t.Error("a ring that is none has a reader")
	}
	r := h.Follow("r", false)
	defer r.Close()
	got := ""
	for i := range 3 {
		h.Log([]*Target{target}, Info, fmt.Sprint("line ", i))
		for !strings.HasSuffix(got, fmt.Sprintf("line %d\n", i)) {
			if !r.Wait(t.Context()) {
				t.Fatal("the reader was not woken")
			}
			got = string(r.Append([]byte(got)))
		}
	}
	if got != "line 0\nline 1\nline 2\n" {
		t.Errorf("got %q", got)
	}
	fresh := h.Follow("r", true)
	defer fresh.Close()
	if more := fresh.Append(nil); len(more) > 0 {
		t.Errorf("a fresh reader has %q", more)
	}
	if names, _ := h.RingNames(); fmt.Sprint(names) != "[r]" {
		t.Errorf("rings %q", names)
	}
}
