package cert

import (
	"slices"
	"testing"
)

func TestTimestampsAreReadEachByItsLength(t *testing.T) {
	for text, want := range map[string][]string{
		"\x00\x00": {}, "\x00\x03\x00\x01a": {"a"}, "\x00\x07\x00\x01a\x00\x02bc": {"a", "bc"}, "\x00\x02\x00\x00": {},
		"": nil, "\x00": nil, "junk": nil, "\x00\x03\x00\x02a": nil, "\x00\x03\x00\x01ab": nil, "\x00\x04\x00\x01ab": nil, "\x00\x01\x00": nil,
	} {
		list, err := parseSCTL([]byte(text))
		var got []string
		for _, stamp := range list {
			got = append(got, string(stamp))
		}
		if (err == nil) != (want != nil) || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzTimestamps(f *testing.F) {
	f.Add([]byte("\x00\x07\x00\x01a\x00\x02bc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parseSCTL(data)
		size := 2
		for _, stamp := range list {
			size += 2 + len(stamp)
		}
		if err == nil && size > len(data) {
			t.Errorf("%q: %q", data, list)
		}
	})
}
