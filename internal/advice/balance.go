package advice

import (
	"slices"
	"strings"

	"bascule/internal/balance"
	"bascule/internal/config"
)

// hashed says that a key chooses the server.
func hashed(p *config.Proxy) bool {
	return p.Balance.Algorithm.Hashes()
}

// byURI says that the target of requests is the key.
func byURI(p *config.Proxy) bool { return p.Balance.Algorithm == config.URI }

// mediaWords are parts of paths and names that segmented media has: HLS and
// DASH, their manifests and their segments.
var mediaWords = []string{"hls", "dash", "m3u8", ".mpd", ".m4s", ".ts", "segment", "track", "stream", "vod", "live"}

// media finds a sign of segmented media in what leads to p; "" when there is none.
func (f *finder) media(p *config.Proxy) string {
	var texts []string
	for fe := range f.proxies {
		for _, s := range fe.UseBackend {
			if s.Backend != p {
				continue
			}
			for _, group := range s.Cond.Groups() {
				for _, term := range group {
					texts = append(texts, term.Text...)
				}
			}
		}
	}
	for _, text := range append(texts, p.Name, p.Desc) {
		for _, word := range mediaWords {
			if strings.Contains(strings.ToLower(text), word) {
				return text
			}
		}
	}
	return ""
}

func hashScatters(f *finder) {
	for p := range f.backends {
		if !byURI(p) || p.Balance.URI.Depth > 0 || p.Balance.URI.Len > 0 || len(p.Servers) < 2 {
			continue
		}
		if sign := f.media(p); sign != "" {
			f.at(p, "balance", "the segments of one track are spread over all %d servers ('%s' looks like segmented media)", len(p.Servers), sign)
		}
	}
}

func hashQuery(f *finder) {
	for p := range f.backends {
		if byURI(p) && p.Balance.URI.Whole {
			f.at(p, "balance", "what stands behind the question mark takes part in the choice of the server")
		}
	}
}

func hashMapBased(f *finder) {
	for p := range f.backends {
		if hashed(p) && !p.Balance.Consistent && len(p.Servers) > 1 && !onRing(p) {
			f.at(p, "balance", "one of %d servers less moves about %d of %d keys", len(p.Servers), len(p.Servers)-1, len(p.Servers))
		}
	}
}

// onRing says that hash-type names a placement other than map-based: servers
// keep their keys by their number.
func onRing(p *config.Proxy) bool { return p.Balance.Consistent || p.Balance.Jump }

// tolerableShare is how far the busiest server of a ring may be above its due
// before it is worth a word: with weights of 50 and more no ring of a few servers
// is a tenth off.
const tolerableShare = 1.1

// shareSamples is how many places of the ring are asked who owns them.
const shareSamples = 1 << 16

func ringUneven(f *finder) {
	for p := range f.backends {
		if !hashed(p) || !p.Balance.Consistent || len(p.Servers) < 2 {
			continue
		}
		if name, share, due := busiest(p); share > due*tolerableShare {
			f.at(p, "hash-type", "server %s has %.0f %% of the ring, its weight is due %.0f %%", name, 100*share, 100*due)
		}
	}
}

// busiest is the server whose part of the ring is most above its due.
func busiest(p *config.Proxy) (name string, share, due float64) {
	var entries []balance.Entry
	var active []*config.Server
	total := 0
	for _, s := range p.Servers {
		if s.Backup || s.Weight == 0 {
			continue
		}
		entries = append(entries, balance.Entry{ID: uint32(s.ID), Weight: balance.Effective(s.Weight)})
		active = append(active, s)
		total += s.Weight
	}
	if len(active) == 0 {
		return "", 0, 0
	}
	ring := balance.NewRing(entries)
	owned := make([]int, len(entries))
	for n := range uint64(shareSamples) {
		owned[ring.Lookup(uint32(n*(1<<32/shareSamples)))]++
	}
	for i, s := range active {
		mine, fair := float64(owned[i])/shareSamples, float64(s.Weight)/float64(total)
		if name == "" || mine/fair > share/due {
			name, share, due = s.Name, mine, fair
		}
	}
	return name, share, due
}

func serverIDMissing(f *finder) {
	for p := range f.backends {
		if !hashed(p) || !onRing(p) || len(p.Servers) < 2 {
			continue
		}
		without := slices.DeleteFunc(slices.Clone(p.Servers), func(s *config.Server) bool { return s.IDFixed })
		if len(without) > 0 {
			f.server(p, without[0], "%d of %d servers have no id", len(without), len(p.Servers))
		}
	}
}

func slowstartStatic(f *finder) {
	for p := range f.backends {
		static := p.Balance.Algorithm == config.StaticRR || hashed(p) && !onRing(p)
		for _, s := range p.Servers {
			if static && s.SlowStart > 0 {
				f.server(p, s, "slowstart has no effect with balance %s", p.Balance.Algorithm)
				break
			}
		}
	}
}
