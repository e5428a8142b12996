package stats

import (
	"context"
	"sync"
	"time"

	"bascule/internal/backend"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

// sampleEvery is the period of HAProxy's rates.
const sampleEvery = time.Second

// A Rate is the growth of a total in the last second, and its maximum.
type Rate struct{ Per, Max int64 }

// FrontendRates are the rates of a frontend.
type FrontendRates struct{ Conns, Sessions, Requests Rate }

// ProcessRates are the rates of the process; BytesOut has no maximum in
// HAProxy, but keeps one here. The keys are those of full handshakes.
type ProcessRates struct{ Conns, Sessions, BytesOut, SSL, FrontKeys, BackKeys Rate }

// A Sampler turns running totals into rates once a second, so that counting
// costs the loops nothing more. Backends and servers have their own.
type Sampler struct {
	src *Source
	// Then is called after each turn of Run; nil: nothing is. Set it before.
	Then func(now time.Time)

	mu    sync.Mutex // mu guards the fields below.
	fes   map[*stream.Frontend]*[3]backend.Rate
	total [6]backend.Rate
}

// NewSampler makes the sampler of a source and hangs it in there.
func NewSampler(src *Source) *Sampler {
	s := &Sampler{src: src, fes: map[*stream.Frontend]*[3]backend.Rate{}}
	src.Rates = s
	s.Sample(time.Now())
	return s
}

// Run samples until ctx ends.
func (s *Sampler) Run(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.Sample(now)
			if s.Then != nil {
				s.Then(now)
			}
		}
	}
}

// Sample reads all totals once; Run does it each second.
func (s *Sampler) Sample(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := make(map[*stream.Frontend]*[3]backend.Rate, len(s.fes))
	var sessions int64
	for _, f := range s.src.Frontends() {
		r := s.fes[f]
		if r == nil {
			r = new([3]backend.Rate)
		}
		live[f] = r
		n := f.Counters.Sum(backend.Sessions)
		sessions += n
		r[0].Sample(f.Counters.Sum(backend.Conns), now)
		r[1].Sample(n, now)
		r[2].Sample(f.Counters.Sum(backend.Requests), now)
	}
	s.fes = live
	p := s.src.Process()
	s.total[0].Sample(p.CumConns, now)
	s.total[1].Sample(sessions, now)
	s.total[2].Sample(p.BytesOut, now)
	s.total[3].Sample(p.SSLServed, now)
	s.total[4].Sample(p.FrontTLS.Ended[loop.HandshakeFull], now)
	s.total[5].Sample(p.BackTLS.Ended[loop.HandshakeFull], now)
}

// Frontend is what was sampled of a frontend; nothing from a nil Sampler.
func (s *Sampler) Frontend(f *stream.Frontend) FrontendRates {
	if s == nil {
		return FrontendRates{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.fes[f]
	if r == nil {
		return FrontendRates{}
	}
	return FrontendRates{rate(&r[0]), rate(&r[1]), rate(&r[2])}
}

// Process is what was sampled of the process; nothing from a nil Sampler.
func (s *Sampler) Process() ProcessRates {
	if s == nil {
		return ProcessRates{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return ProcessRates{rate(&s.total[0]), rate(&s.total[1]), rate(&s.total[2]), rate(&s.total[3]), rate(&s.total[4]), rate(&s.total[5])}
}

func rate(r *backend.Rate) Rate { return Rate{r.Per(), r.Max()} }

func (s *Sampler) clear() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.fes {
		for i := range r {
			r[i].ClearMax()
		}
	}
	for i := range s.total {
		s.total[i].ClearMax()
	}
}
