package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"bascule/internal/drill/report"
	"bascule/internal/drill/traffic"
	"bascule/internal/fleet"
)

const (
	// connectLimit is for all WebSockets to be open before a fault begins.
	connectLimit = 20 * time.Second
	// chatSize is how many WebSockets share a room, and so how many read each message.
	chatSize = 5
	// brokenLimit is for the last messages of a control run to be stored and read.
	brokenLimit = time.Second
	// fetchTries is how often the log of executions is asked for: the auditor, unlike the
	// load, is no measure of what is lost.
	fetchTries = 20
)

// PhaseOptions say how a fault is driven.
type PhaseOptions struct {
	Rate     int
	Mix      traffic.Mix
	Sockets  int           // WebSockets that chat
	Broken   int           // of them drop and double messages
	ChatPace time.Duration // between two messages of one
	Calm     time.Duration // before the fault and after it
	Later    time.Duration // the fault comes, for a random moment
	Seed     uint64
	// Lasts replaces how long each fault lasts; 0: its own.
	Lasts time.Duration
	// Live is told about once in liveEvery what happens; nil: nobody.
	Live func(Live)
}

// Live is a moment of a fault.
type Live struct {
	Fault string
	Phase string // calm, fault, after
	Since time.Duration
	traffic.Progress
	States []StateChange
}

// liveEvery is how often a person wants to see the line change.
const liveEvery = 200 * time.Millisecond

// phase is one fault while it is driven.
type phase struct {
	t     *Target
	f     *Fault
	opt   PhaseOptions
	run   *traffic.Run
	chats *Load
	watch *Watch
	ev    report.Evidence

	mu      sync.Mutex
	sockets []ChatEvent // guarded by mu
	now     string      // guarded by mu; Live.Phase
}

// RunFault puts a load on a target, injects the fault and mends it, and returns what was
// seen. The target is as it was before afterwards, whatever happened.
func RunFault(ctx context.Context, t *Target, f Fault, opt PhaseOptions) (*report.Evidence, error) {
	if opt.Lasts > 0 {
		f.Lasts = opt.Lasts
	}
	p := &phase{t: t, f: &f, opt: opt, now: "calm"}
	p.ev = report.Evidence{Down: report.Never, Up: report.Never, Mended: report.Never, Mending: report.Never,
		Victims: f.Victims(t)}
	name := fmt.Sprintf("%s-%x", f.Name, time.Now().UnixMilli()&0xffffffff)
	var err error
	p.run, err = traffic.Start(ctx, t.Site, traffic.Options{Rate: opt.Rate, Mix: opt.Mix, Seed: opt.Seed, Name: name})
	if err != nil {
		return nil, err
	}
	p.watch = StartWatch(t.Runtime, t.Backend)
	p.chats = StartLoad(t.Site, LoadOptions{
		Chats: opt.Sockets, Rooms: (opt.Sockets + chatSize - 1) / chatSize, ChatPace: opt.ChatPace, Seed: opt.Seed,
		Broken: opt.Broken, Sockets: p.socket,
	})
	busy := startBusy()
	live, still := context.WithCancel(ctx)
	shown := make(chan struct{})
	// Ends by still.
	go func() { defer close(shown); p.show(live) }()
	out, failed := p.drive(ctx)
	still()
	<-shown
	p.ev.Busy = busy.share()
	return p.finish(ctx, name, out, failed)
}

// drive waits, injects, mends, and waits.
func (p *phase) drive(ctx context.Context) (Outage, error) {
	if err := p.connected(ctx); err != nil {
		return Outage{}, err
	}
	if err := pass(ctx, p.opt.Calm+p.opt.Later); err != nil {
		return Outage{}, err
	}
	for _, chat := range p.chats.Chats {
		if status := chat.Status(); status.Connected {
			p.ev.Connected++
			if slices.Contains(p.ev.Victims, status.Server) {
				p.ev.OnVictims++
			}
		}
	}
	p.phase("fault")
	out, err := p.f.Do(ctx, p.t)
	if err == nil {
		p.phase("after")
		err = pass(ctx, p.opt.Calm)
	}
	return out, err
}

// connected waits until all WebSockets are open.
func (p *phase) connected(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	settle(ctx, func() bool { return p.chats.Chatting().Connected == len(p.chats.Chats) })
	if n := p.chats.Chatting().Connected; n < len(p.chats.Chats) {
		return fmt.Errorf("%d of %d WebSockets are open after %v", n, len(p.chats.Chats), connectLimit)
	}
	return nil
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// finish ends the load, whatever failed, and gathers what was seen.
func (p *phase) finish(ctx context.Context, name string, out Outage, failed error) (*report.Evidence, error) {
	ev := &p.ev
	ev.Begun, ev.Ended = p.run.Begun(), time.Since(p.run.Begun())
	ev.Records, ev.Servers = p.run.Finish()
	changes := p.watch.Stop()
	limit := settleLimit
	if p.opt.Broken > 0 {
		limit = brokenLimit // what was dropped is never acknowledged
	}
	settled, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	chat, err := p.chats.Finish(settled)
	if failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, fmt.Errorf("the chat cannot be verified: %w", err)
	}
	ev.Chat = report.Chat{Said: chat.Chat.Said, Lost: chat.Chat.Lost + chat.Chat.Unread,
		Doubled: chat.Chat.Doubled + chat.Chat.Foreign + chat.Chat.ReadTwice}
	at := func(t time.Time) time.Duration {
		if t.IsZero() {
			return report.Never
		}
		return t.Sub(ev.Begun)
	}
	ev.Injecting, ev.Injected, ev.Down = at(out.Begun), at(out.Injected), at(out.Down)
	ev.Mending, ev.Mended, ev.Up = at(out.Mending), at(out.Mended), at(out.Up)
	for _, change := range changes {
		ev.States = append(ev.States, report.State{Server: change.Server, Status: change.Status, At: max(0, at(change.At))})
	}
	p.mu.Lock()
	for _, e := range p.sockets {
		ev.Sockets = append(ev.Sockets, report.SocketEvent{At: at(e.At), Opened: e.Opened, Server: e.Server, Code: e.CloseCode})
	}
	p.mu.Unlock()
	ev.Executed, err = executions(ctx, p.t.Site, name)
	return ev, err
}

// executions reads the fleet's log of a run.
func executions(ctx context.Context, site Site, run string) ([]fleet.Execution, error) {
	client := NewClient(site)
	defer client.Close()
	var all []fleet.Execution
	for next := 0; ; {
		var page fleet.Executions
		var err error
		for range fetchTries {
			var reply Reply
			reply, err = client.Do(ctx, http.MethodGet, fmt.Sprintf("/api/v1/ops/%s?after=%d", run, next), "")
			if err == nil && reply.Status != http.StatusOK {
				err = fmt.Errorf("status %d", reply.Status)
			}
			if err == nil {
				err = json.Unmarshal(reply.Body, &page)
			}
			if err == nil || pass(ctx, startPoll) != nil {
				break
			}
		}
		if err != nil {
			return nil, fmt.Errorf("the log of executions: %w", err)
		}
		all = append(all, page.Executed...)
		if page.Next == next {
			return all, nil
		}
		next = page.Next
	}
}

func (p *phase) socket(e ChatEvent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets = append(p.sockets, e)
}

func (p *phase) phase(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = name
}

// show tells the live line what happens until ctx ends.
func (p *phase) show(ctx context.Context) {
	if p.opt.Live == nil {
		return
	}
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	since := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p.mu.Lock()
		now := p.now
		p.mu.Unlock()
		progress := p.run.Progress(since)
		since = progress.Records
		p.opt.Live(Live{Fault: p.f.Name, Phase: now, Since: time.Since(p.run.Begun()), Progress: progress, States: p.watch.Changes()})
	}
}
