package fleet

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// defaultCached bounds the cache to 16 MiB: small enough that it matters which server
// a track is sent to, since both together hold twice as many tracks as one.
const defaultCached = 256

// Stream is a stream server: HLS playlists and segments under /hls/<track>/ and
// /stream/<track>/, /health and /stats. A segment outside its cache costs a visible
// wait, as reading it from storage would.
type Stream struct {
	name   string
	mux    *http.ServeMux
	cache  *cache
	since  time.Time
	served atomic.Int64 // replies
	bytes  atomic.Int64 // of segments

	mu     sync.Mutex
	tracks map[string]bool // guarded by mu: asked for since the start
}

// StreamStats is the reply of /stats.
type StreamStats struct {
	Server   string  `json:"server"`
	Seconds  float64 `json:"seconds"` // since the start
	Requests int64   `json:"requests"`
	Bytes    int64   `json:"bytes"`
	Tracks   int     `json:"tracks"` // different ones since the start
	cacheCounts
}

// NewStream makes a stream server that keeps cached segments; each other one costs miss.
func NewStream(name string, cached int, miss time.Duration) *Stream {
	s := &Stream{name: name, mux: http.NewServeMux(), since: time.Now(), tracks: map[string]bool{}}
	s.cache = newCache(cached, func(id segmentID) []byte {
		time.Sleep(miss) // stands for the storage behind the cache
		return SegmentBytes(id.track, id.number)
	})
	health := func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok", "server": name})
	}
	s.mux.HandleFunc("GET /health", health)
	s.mux.HandleFunc("GET /stats", s.stats)
	for _, base := range []string{"/hls/", "/stream/"} {
		s.mux.HandleFunc("GET "+base+"{track}/playlist.m3u8", s.playlist)
		s.mux.HandleFunc("GET "+base+"{track}/{segment}", s.segment)
	}
	return s
}

// ServeHTTP answers one request.
func (s *Stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.served.Add(1)
	s.mux.ServeHTTP(w, r)
}

func (s *Stream) playlist(w http.ResponseWriter, r *http.Request) {
	if !validTrack(r.PathValue("track")) {
		refuse(w, http.StatusNotFound, "no such track")
		return
	}
	w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	io.WriteString(w, playlist())
}

func (s *Stream) segment(w http.ResponseWriter, r *http.Request) {
	id, ok := parseSegment(r.PathValue("track"), r.PathValue("segment"))
	if !ok {
		refuse(w, http.StatusNotFound, "no such segment")
		return
	}
	s.seen(id.track)
	data, hit := s.cache.segment(id)
	w.Header().Set("X-Cache", map[bool]string{true: "HIT", false: "MISS"}[hit])
	w.Header().Set("Content-Type", "video/mp2t")
	w.Header().Set("ETag", fmt.Sprintf(`"%08x"`, crc32.ChecksumIEEE(data)))
	s.bytes.Add(int64(len(data)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// maxTracksSeen bounds the set that only counts tracks for /stats.
const maxTracksSeen = 100_000

func (s *Stream) seen(track string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tracks) < maxTracksSeen {
		s.tracks[track] = true
	}
}

func (s *Stream) stats(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	tracks := len(s.tracks)
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, StreamStats{
		Server: s.name, Seconds: time.Since(s.since).Seconds(), Requests: s.served.Load(),
		Bytes: s.bytes.Load(), Tracks: tracks, cacheCounts: s.cache.snapshot(),
	})
}
