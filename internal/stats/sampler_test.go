package stats

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/backend"
	"bascule/internal/loop"
)

func TestRatesAreTheGrowthOfASecond(t *testing.T) {
	w := newWorld(t, smallConfig)
	fe, now := w.fes["web"], time.Now()
	w.src.Rates.Sample(now)
	steps := []struct {
		conns, requests int64
		wait            time.Duration
		want            FrontendRates
	}{
		{10, 30, time.Second, FrontendRates{Conns: Rate{10, 10}, Requests: Rate{30, 30}}},
		{4, 8, 2 * time.Second, FrontendRates{Conns: Rate{2, 10}, Requests: Rate{4, 30}}},
		{1, 2, time.Second + time.Millisecond, FrontendRates{Conns: Rate{1, 10}, Requests: Rate{2, 30}}},
		{0, 0, time.Second, FrontendRates{Conns: Rate{0, 10}, Requests: Rate{0, 30}}},
	}
	for i, s := range steps {
		fe.Counters.Add(0, backend.Conns, s.conns)
		fe.Counters.Add(0, backend.Requests, s.requests)
		w.proc.CumConns += s.conns
		now = now.Add(s.wait)
		w.src.Rates.Sample(now)
		if got := w.src.Rates.Frontend(fe); got != s.want {
			t.Errorf("step %d: %+v, want %+v", i, got, s.want)
		}
		if got := w.src.Rates.Process().Conns; got != s.want.Conns {
			t.Errorf("step %d: process %+v, want %+v", i, got, s.want.Conns)
		}
	}
	if got := w.sheet(Filter{}).cell(t, "web/FRONTEND", "req_rate_max"); got != "30" {
		t.Errorf("req_rate_max %s, want 30", got)
	}
	Clear(w.src, true)
	w.src.Rates.Sample(now.Add(time.Second))
	if got := w.src.Rates.Frontend(fe); got != (FrontendRates{}) {
		t.Errorf("after clear counters all: %+v", got)
	}
}

func TestKeysAreSampledOnBothSides(t *testing.T) {
	w := newWorld(t, smallConfig)
	now := time.Now()
	w.src.Rates.Sample(now)
	w.proc.SSLServed = 5
	w.proc.FrontTLS.Ended[loop.HandshakeFull], w.proc.FrontTLS.Ended[loop.HandshakeResumed], w.proc.BackTLS.Ended[loop.HandshakeFull] = 3, 2, 1
	w.src.Rates.Sample(now.Add(time.Second))
	got := w.src.Rates.Process()
	if want := (ProcessRates{SSL: Rate{5, 5}, FrontKeys: Rate{3, 3}, BackKeys: Rate{1, 1}}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestTheSamplerRunsEachSecondUntilItsContextEnds(t *testing.T) {
	w := newWorld(t, smallConfig)
	fe := w.fes["web"]
	synctest.Test(t, func(t *testing.T) {
		s := NewSampler(w.src)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { // ends with ctx
			defer close(done)
			s.Run(ctx)
		}()
		fe.Counters.Add(0, backend.Sessions, 6)
		time.Sleep(sampleEvery + time.Millisecond)
		synctest.Wait()
		if got := s.Frontend(fe).Sessions; got != (Rate{6, 6}) {
			t.Errorf("after a second %+v, want 6 and 6", got)
		}
		time.Sleep(sampleEvery)
		synctest.Wait()
		if got := s.Frontend(fe).Sessions; got != (Rate{0, 6}) {
			t.Errorf("after two seconds %+v, want 0 and 6", got)
		}
		cancel()
		<-done
	})
}

func TestWithoutASamplerRatesAreZero(t *testing.T) {
	w := newWorld(t, smallConfig)
	w.src.Rates = nil
	if got := w.sheet(Filter{}).cell(t, "web/FRONTEND", "rate"); got != "0" {
		t.Errorf("rate %q", got)
	}
	if f := w.src.Facts(); f.Rates != (ProcessRates{}) {
		t.Errorf("rates %+v", f.Rates)
	}
	Clear(w.src, false)
}
