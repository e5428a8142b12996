package fleet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestStreamServesTracks(t *testing.T) {
	stream := NewStream("one", 4, 0)
	for _, test := range []struct {
		name, path  string
		status      int
		kind, begin string
	}{
		{"a playlist", "/hls/track-1/playlist.m3u8", 200, "application/vnd.apple.mpegurl", "#EXTM3U\n"},
		{"a playlist under the other name", "/stream/track-1/playlist.m3u8", 200, "application/vnd.apple.mpegurl", "#EXTM3U\n"},
		{"a segment", "/hls/track-1/0.ts", 200, "video/mp2t", "G"},
		{"the last segment", "/stream/track-1/29.ts", 200, "video/mp2t", "G"},
		{"a segment behind the last", "/hls/track-1/30.ts", 404, "", ""},
		{"a segment written in another way", "/hls/track-1/00.ts", 404, "", ""},
		{"a file that is no segment", "/hls/track-1/0.mp4", 404, "", ""},
		{"a track with a dot", "/hls/a.b/0.ts", 404, "", ""},
		{"a playlist of a track with a dot", "/hls/a.b/playlist.m3u8", 404, "", ""},
		{"health", "/health", 200, "application/json", `{"server":"one","status":"ok"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			stream.ServeHTTP(w, httptest.NewRequest("GET", test.path, nil))
			if w.Code != test.status {
				t.Fatalf("status %d, want %d", w.Code, test.status)
			}
			if test.status == 200 && (w.Header().Get("Content-Type") != test.kind || !strings.HasPrefix(w.Body.String(), test.begin)) {
				t.Errorf("%s %.20q, want %s %q", w.Header().Get("Content-Type"), w.Body.String(), test.kind, test.begin)
			}
		})
	}
}

func TestPlaylistNamesEverySegment(t *testing.T) {
	for number := range TrackSegments {
		if !strings.Contains(playlist(), fmt.Sprintf("\n%d.ts\n", number)) {
			t.Errorf("segment %d is not in the playlist", number)
		}
	}
}

func TestSegmentIsMadeOfPacketsAndDiffersByName(t *testing.T) {
	one := SegmentBytes("a", 0)
	if len(one) != segmentPackets*packetSize {
		t.Fatalf("%d bytes, want %d", len(one), segmentPackets*packetSize)
	}
	for at := 0; at < len(one); at += packetSize {
		if one[at] != syncByte {
			t.Fatalf("byte %d is %#x, want %#x", at, one[at], syncByte)
		}
	}
	if !bytes.Equal(one, SegmentBytes("a", 0)) {
		t.Error("the same name gives other bytes")
	}
	if bytes.Equal(one, SegmentBytes("a", 1)) || bytes.Equal(one, SegmentBytes("b", 0)) {
		t.Error("another name gives the same bytes")
	}
}

func TestMissIsSlowAndHitIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := NewStream("one", 4, 20*time.Millisecond)
		for _, want := range []struct {
			cache string
			took  time.Duration
		}{{"MISS", 20 * time.Millisecond}, {"HIT", 0}} {
			begin := time.Now()
			w := httptest.NewRecorder()
			stream.ServeHTTP(w, httptest.NewRequest("GET", "/hls/a/0.ts", nil))
			if got, took := w.Header().Get("X-Cache"), time.Since(begin); got != want.cache || took != want.took {
				t.Errorf("%s after %v, want %s after %v", got, took, want.cache, want.took)
			}
		}
	})
}

func TestStatsCountHitsAndMisses(t *testing.T) {
	stream := NewStream("one", 2, 0)
	for _, path := range []string{"/hls/a/0.ts", "/hls/b/0.ts", "/hls/a/0.ts", "/hls/c/0.ts", "/hls/b/0.ts"} {
		stream.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	w := httptest.NewRecorder()
	stream.ServeHTTP(w, httptest.NewRequest("GET", "/stats", nil))
	var got StreamStats
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	// c displaced b, the one not asked for longest, and b then displaced a.
	want := cacheCounts{Hits: 1, Misses: 4, Dropped: 2, Kept: 2, Limit: 2}
	if got.cacheCounts != want || got.Tracks != 3 || got.Requests != 6 {
		t.Errorf("stats %+v, want %+v of 3 tracks in 6 requests", got, want)
	}
}

func TestSegmentMissedByManyIsMadeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		c := newCache(4, func(id segmentID) []byte {
			made++ // without a lock: a second maker would be a race
			time.Sleep(time.Second)
			return SegmentBytes(id.track, id.number)
		})
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if data, hit := c.segment(segmentID{"a", 0}); hit || len(data) == 0 {
					t.Errorf("hit %v with %d bytes, want a miss with the segment", hit, len(data))
				}
			})
		}
		all.Wait()
		if made != 1 {
			t.Errorf("made %d times, want once", made)
		}
	})
}
