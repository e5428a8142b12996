package balance

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestTheKeyOfATarget(t *testing.T) {
	for _, test := range []struct {
		name, target, want string
		uri                URI
	}{
		{"ends before the query", "/a/b?c=d", "/a/b", URI{}},
		{"has the query when whole", "/a/b?c=d/e", "/a/b?c=d/e", URI{Whole: true}},
		{"is at most so long", "/abcdef", "/abc", URI{Len: 4}},
		{"may be shorter", "/ab", "/ab", URI{Len: 4}},
		{"ends before the query although there is room", "/a?b", "/a", URI{Len: 4}},
		{"ends before one directory more", "/hls/track-1/segment-2.ts", "/hls/track-1", URI{Depth: 2}},
		{"has all directories if there are fewer", "/hls/index.m3u8", "/hls/index.m3u8", URI{Depth: 2}},
		{"counts empty directories", "//a/b", "/", URI{Depth: 1}},
		{"counts the slashes of the query when whole", "/a?b/c/d", "/a?b/c", URI{Whole: true, Depth: 2}},
		{"ends with what comes first", "/aaaa/bbbb/c", "/aaaa", URI{Len: 7, Depth: 1}},
		{"has scheme and authority", "http://a.test/b/c", "http://a.test/b/c", URI{}},
		{"counts the slashes before the authority", "http://a.test/b/c", "http://a.test", URI{Depth: 2}},
		{"has no scheme and authority by path-only", "http://a.test:80/b/c?d", "/b/c", URI{PathOnly: true}},
		{"is empty by path-only without a path", "http://a.test", "", URI{PathOnly: true}},
		{"is empty by path-only for an asterisk", "*", "", URI{PathOnly: true}},
		{"has no default port", "http://a.test:80/b", "http://a.test/b", URI{}},
		{"has no default port of https", "https://a.test:443/b", "https://a.test/b", URI{}},
		{"keeps another port", "https://a.test:80/b", "https://a.test:80/b", URI{}},
		{"is an asterisk", "*", "*", URI{}},
		{"is an authority", "a.test:80", "a.test:80", URI{}},
		{"may be empty", "", "", URI{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.uri.Key([]byte(test.target)); string(got) != test.want {
				t.Errorf("%+v of %q: got %q, want %q", test.uri, test.target, got, test.want)
			}
		})
	}
}

func TestAKeyOfAPathCostsNoAllocation(t *testing.T) {
	target := []byte("/hls/track-1/segment-2.ts?token=3")
	uri := URI{Depth: 2, Len: 30}
	ring := NewRing(entriesOf([]int{1, 2, 3}))
	eligible := func(int) bool { return true }
	if n := testing.AllocsPerRun(100, func() {
		hash := Avalanche(Hash(SDBM, uri.Key(target)))
		ring.Lookup(hash)
		ring.LookupIf(hash, eligible)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzURIKey(f *testing.F) {
	f.Add([]byte("/a/b?c"), true, 3, 2, false)
	f.Add([]byte("http://a.test:80/b/c?d"), false, 0, 1, true)
	f.Add([]byte("HTTPS://[::1]:443"), false, 0, 0, false)
	f.Fuzz(func(t *testing.T, target []byte, whole bool, length, depth int, pathOnly bool) {
		before := bytes.Clone(target)
		u := URI{Whole: whole, Len: max(length, 0), Depth: max(depth, 0), PathOnly: pathOnly}
		key := u.Key(target)
		if !bytes.Equal(target, before) {
			t.Fatalf("%+v changed %q to %q", u, before, target)
		}
		if u.Len > 0 && len(key) > u.Len {
			t.Fatalf("%+v of %q: %q is too long", u, target, key)
		}
		if u.Depth > 0 && bytes.Count(key, []byte("/")) > u.Depth {
			t.Fatalf("%+v of %q: %q is too deep", u, target, key)
		}
		if !u.Whole && bytes.IndexByte(key, '?') >= 0 {
			t.Fatalf("%+v of %q: %q has the query", u, target, key)
		}
		if len(target) > 0 && target[0] == '/' && !bytes.HasPrefix(target, key) {
			t.Fatalf("%+v of %q: %q is not its beginning", u, target, key)
		}
	})
}

func TestTheHashOfASource(t *testing.T) {
	for addr, want := range map[string]uint32{
		"192.0.2.1":        0xc0000201,
		"::ffff:192.0.2.1": 0xc0000201 ^ 0xffff,
		"2001:db8::1":      0x20010db8 ^ 1,
	} {
		if got := Source(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %#x, want %#x", addr, got, want)
		}
	}
}
