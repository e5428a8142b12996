package traffic

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"go.uber.org/goleak"

	"bascule/internal/fleet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is one server of each kind without a balancer; before sees every request first
// and answers it when it returns true.
func site(t *testing.T, before func(http.ResponseWriter, *http.Request) bool) Site {
	t.Helper()
	api := fleet.NewAPI("api", miniredis.RunT(t).Addr(), slog.New(slog.NewTextHandler(io.Discard, nil)))
	t.Cleanup(api.Close)
	stream := fleet.NewStream("stream", 256, 0)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before != nil && before(w, r) {
			return
		}
		w.Header().Set("X-Server", "api")
		if len(r.URL.Path) > 5 && r.URL.Path[:5] == "/hls/" {
			stream.ServeHTTP(w, r)
		} else {
			api.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	return Site{URL: srv.URL}
}

// runFor starts a load, lets it be until n requests are done, and returns the records.
func runFor(t *testing.T, site Site, n int, opt Options) []Record {
	t.Helper()
	run, err := Start(t.Context(), site, opt)
	if err != nil {
		t.Fatal(err)
	}
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for run.Progress(0).Records < n {
		select {
		case <-poll.C:
		case <-limit.C:
			t.Fatal("the load does not get done what is due")
		}
	}
	records, _ := run.Finish()
	return records
}

func TestEveryKindIsAnsweredAndCountedOnce(t *testing.T) {
	records := runFor(t, site(t, nil), 150, Options{Rate: 50, Users: 5, Name: "t", Seed: 1})
	seen := map[Kind]int{}
	numbers := map[uint32]bool{}
	for _, rec := range records {
		seen[rec.Kind]++
		if rec.Outcome != OK {
			t.Errorf("%s %d: %s %s", rec.Kind, rec.Number, rec.Outcome, rec.What)
		}
		if numbers[rec.Number] {
			t.Errorf("number %d twice", rec.Number)
		}
		numbers[rec.Number] = true
		if rec.Due > rec.Sent || rec.Sent > rec.Ended {
			t.Errorf("%d: due %v, sent %v, ended %v", rec.Number, rec.Due, rec.Sent, rec.Ended)
		}
	}
	for kind := range Kinds {
		if seen[kind] == 0 {
			t.Errorf("no %s in %d requests", kind, len(records))
		}
	}
}

// One that stalls must not keep those away that are due after it.
func TestRequestsAreDueWhateverBecameOfThoseBefore(t *testing.T) {
	hold := make(chan struct{})
	first := make(chan struct{}, 1)
	first <- struct{}{}
	url := site(t, func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-first:
			<-hold
		default:
		}
		return false
	})
	run, err := Start(t.Context(), url, Options{Rate: 500, Mix: Mix{Get: 1000}, Name: "t"})
	if err != nil {
		t.Fatal(err)
	}
	for limit := time.Now().Add(time.Minute); run.Progress(0).OK < 200; {
		if time.Now().After(limit) {
			t.Fatal("the others wait for the one that stalls")
		}
		<-time.After(time.Millisecond)
	}
	close(hold)
	records, _ := run.Finish()
	longest := Record{}
	for _, rec := range records {
		if rec.Took() > longest.Took() {
			longest = rec
		}
	}
	if longest.Took() < 90*time.Millisecond || longest.Outcome != OK {
		t.Errorf("the stalled one took %v (%s), 200 others at 500/s more than 90 ms", longest.Took(), longest.Outcome)
	}
}

func TestWrongRepliesAreSeen(t *testing.T) {
	for _, tt := range []struct {
		name   string
		kind   Kind
		answer func(w http.ResponseWriter, r *http.Request)
		want   Outcome
	}{
		{"500", Get, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, Lost},
		{"an empty 200", Get, func(http.ResponseWriter, *http.Request) {}, Short},
		{"content that ends early with a proper end", Get, func(w http.ResponseWriter, r *http.Request) {
			size, _ := strconv.Atoi(r.FormValue("size"))
			w.Write(fleet.Content(size)[:size-1])
		}, Short},
		{"a segment with another's bytes", HLS, func(w http.ResponseWriter, _ *http.Request) {
			w.Write(fleet.SegmentBytes("another", 0))
		}, Short},
		{"a POST that was answered for another", Post, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			io.WriteString(w, fleet.OpReply("0"))
		}, Short},
		{"a connection that ends", Delete, func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, Lost},
		{"a reply that breaks off", Get, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "200")
			w.WriteHeader(200)
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, Cut},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := site(t, func(w http.ResponseWriter, r *http.Request) bool { tt.answer(w, r); return true })
			mix := Mix{}
			mix[tt.kind] = 1000
			for _, rec := range runFor(t, url, 5, Options{Rate: 200, Mix: mix, Name: "t"}) {
				if rec.Outcome != tt.want {
					t.Errorf("%s, want %s: %s", rec.Outcome, tt.want, rec.What)
				}
			}
		})
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and is silent
	if err != nil {
		t.Fatal(err)
	}
	run := &Run{site: Site{URL: "http://" + ln.Addr().String()}, begun: time.Now(), servers: []string{""}}
	g := &group{run: run, max: 2}
	for n := range uint32(maxWaiting + 4) {
		g.hand(task{kind: Get, number: n + 1})
	}
	g.mu.Lock()
	conns, waiting := g.conns, len(g.waiting)
	g.waiting = nil
	g.mu.Unlock()
	if conns != 2 || waiting != maxWaiting {
		t.Errorf("%d connections and %d that wait, want 2 and %d", conns, waiting, maxWaiting)
	}
	unsent := 0
	run.mu.Lock()
	for _, rec := range run.records {
		if rec.Outcome == Unsent {
			unsent++
		}
	}
	run.mu.Unlock()
	if unsent != 2 {
		t.Errorf("%d requests were counted as not sent, want 2", unsent)
	}
	ln.Close() // resets the two
	g.end()
	run.workers.Wait()
}
