package config

import "testing"

func TestWhatHappensToRequestsIsInheritedAndTakenBack(t *testing.T) {
	cfg := mustLoad(t, "global\n    tune.replay.memory 1m\ndefaults a\n"+timeouts+`    retry-on 503 empty-response
    no option safe-replay
    no option redispatch-at-once
    no option replay-on-error
    option replay-on-silence
    option replay-idempotency-key
    replay-body-size 64k
backend one from a
    server s 127.0.0.1:1
backend two from a
    retry-on none
    option safe-replay
    option redispatch-at-once
    option replay-on-error
    no option replay-on-silence
    no option replay-idempotency-key
    replay-body-size 0
    server s 127.0.0.1:1
backend five from a
    option safe-replay
    option replay-on-error
    server s 127.0.0.1:1
backend three from a
    retry-on all-retryable-errors 404
    default option safe-replay
    option redispatch 0
    server s 127.0.0.1:1
defaults b
`+timeouts+`backend four from b
    server s 127.0.0.1:1
`)
	type says struct {
		on                        RetryEvent
		never                     bool
		off, late, silence, keyed bool
		asks                      bool
		body, redispatch, memory  int
	}
	all := RetryConnFailure | RetryEmpty | RetryJunk | RetryTimeout | RetryEarlyData | RetryStatus(404) |
		RetryStatus(500) | RetryStatus(502) | RetryStatus(503) | RetryStatus(504)
	for name, want := range map[string]says{
		"one":   {RetryStatus(503) | RetryEmpty, false, true, true, true, true, false, 64 << 10, 0, 1 << 20},
		"two":   {0, true, false, false, false, false, false, 0, 0, 1 << 20},
		"five":  {RetryStatus(503) | RetryEmpty, false, false, true, true, true, true, 64 << 10, 0, 1 << 20},
		"three": {all, false, false, true, true, true, false, 64 << 10, RedispatchByTurn, 1 << 20},
		"four":  {RetryConnFailure, false, false, false, false, false, true, DefaultReplayBody, 0, 1 << 20},
	} {
		p := byName(cfg)[name]
		r := &p.Replay
		got := says{r.RetryOn(), r.Never(), r.Off, r.Scheduled, r.OnSilence, r.Keyed, r.OnError(), r.BodySize(), p.Redispatch, cfg.Global.Tuning.ReplayMemory()}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	if RetryStatus(200) != 0 || RetryStatus(401) == 0 || RetryStatus(504) == RetryStatus(503) {
		t.Error("statuses have no bits of their own")
	}
	if n := new(Tuning).ReplayMemory(); n != DefaultReplayMemory {
		t.Errorf("without a word %d bytes are kept, want %d", n, DefaultReplayMemory)
	}
}
