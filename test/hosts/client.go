package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"bascule/internal/drill"
)

const (
	// settleLimit is for the last chat messages to be acknowledged and read.
	settleLimit = time.Minute
	// probeEvery is between two new connections of the probe: the error of a gap.
	probeEvery = 5 * time.Millisecond
	// maxProbes bounds the probes that wait for an answer at the same time.
	maxProbes = 64
)

// seen is what the client host says to a question.
type seen struct {
	Clients    int           `json:"clients"`
	Connected  int           `json:"connected"`
	Reconnects int           `json:"reconnects"`
	Requests   int64         `json:"requests"`
	Lost       int64         `json:"lost"`
	Gap        time.Duration `json:"gap_ns"` // the longest without an answer to a probe since "mark"
	Probes     int64         `json:"probes"` // since "mark"
	Refused    int64         `json:"refused"`
	Final      *drill.FinalReport
	Error      string `json:"error,omitempty"`
}

// client is the load, on the client host: it answers each line of stdin with one
// line of JSON. "mark" begins a gap, "gap" and "status" ask, "outage" and "over"
// enclose a time in which requests may be lost, the end of stdin ends the load.
func client(args []string, in io.Reader, out io.Writer) error {
	fs := flag.NewFlagSet("hosts client", flag.ContinueOnError)
	site := fs.String("site", "", "the balancer's URL")
	light := fs.Bool("light", false, "a fifth of the load")
	if err := fs.Parse(args); err != nil {
		return err
	}
	opt := drill.LightLoad()
	opt.Seed = uint64(time.Now().UnixNano())
	if *light {
		opt.Getters, opt.Posters, opt.Users, opt.Listeners, opt.Chats = 4, 2, 2, 4, 10
	}
	load := drill.StartLoad(drill.Site{URL: *site}, opt)
	p := startProbe(*site)
	var outage time.Time
	say := json.NewEncoder(out)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		switch lines.Text() {
		case "mark":
			p.mark()
		case "outage":
			outage = time.Now()
		case "over":
			load.Killed("the balancer", outage, time.Now())
		}
		chats, report := load.Chatting(), load.Live()
		now := seen{Clients: chats.Clients, Connected: chats.Connected, Reconnects: chats.Reconnects,
			Requests: report.Requests, Lost: report.Lost}
		now.Gap, now.Probes, now.Refused = p.figures()
		if err := say.Encode(now); err != nil {
			return err
		}
	}
	p.stop()
	ctx, cancel := context.WithTimeout(context.Background(), settleLimit)
	defer cancel()
	chats := load.Chatting()
	final, err := load.Finish(ctx)
	last := seen{Final: &final, Clients: chats.Clients, Reconnects: chats.Reconnects, Requests: final.Load.Requests, Lost: final.Load.Lost}
	if err != nil {
		last.Error = err.Error()
	}
	return say.Encode(last)
}

// probe asks over new connections all the time, each for itself, and knows the
// longest time without an answer.
type probe struct {
	site string
	ctx  context.Context
	stop context.CancelFunc

	mu      sync.Mutex
	last    time.Time     // guarded by mu; of the last good answer
	gap     time.Duration // guarded by mu
	probes  int64         // guarded by mu
	refused int64         // guarded by mu
}

func startProbe(site string) *probe {
	p := &probe{site: site, last: time.Now()}
	p.ctx, p.stop = context.WithCancel(context.Background())
	free := make(chan struct{}, maxProbes)
	go func() { // stop ends it
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		for p.ctx.Err() == nil {
			<-tick.C
			free <- struct{}{}
			go func() { p.ask(); <-free }() // ends with its answer
		}
	}()
	return p
}

func (p *probe) ask() {
	c := drill.NewClient(drill.Site{URL: p.site})
	defer c.Close()
	reply, err := c.Do(p.ctx, http.MethodGet, "/api/v1/health", "")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probes++
	if err != nil || reply.Status != http.StatusOK {
		p.refused++
		return
	}
	now := time.Now()
	p.gap, p.last = max(p.gap, now.Sub(p.last)), now
}

func (p *probe) mark() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gap, p.probes, p.refused = 0, 0, 0
}

// figures counts the time since the last answer as well.
func (p *probe) figures() (gap time.Duration, probes, refused int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.gap, time.Since(p.last)), p.probes, p.refused
}

// String is the figures of the end.
func (s seen) String() string {
	r := s.Final
	return fmt.Sprintf("%d requests: %d lost, %d within an outage, %d unserved; POSTs %d lost, %d doubled; p99 %.1f ms; WebSockets ended: %d; %s",
		r.Load.Requests, r.Load.Lost, r.Load.InFlight, r.Load.Unserved, r.PostsLost, r.PostsDoubled,
		float64(r.Load.P99.Microseconds())/1000, s.Reconnects, r.Chat)
}
