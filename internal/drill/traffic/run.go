package traffic

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"bascule/internal/wire"
)

// Run is a load that runs.
type Run struct {
	site    Site
	opt     Options
	begun   time.Time
	stop    context.CancelFunc
	clock   sync.WaitGroup // the goroutine that hands out what is due
	workers sync.WaitGroup // one for each connection
	groups  [Kinds]*group  // nil for Sticky
	users   []*group

	mu      sync.Mutex
	records []Record // guarded by mu, as all below
	servers []string // by number; 0 is unknown
	numbers map[string]uint8
}

// Start logs the sticky users in and starts a load against a site. Finish ends it.
func Start(ctx context.Context, site Site, opt Options) (*Run, error) {
	r := &Run{
		site: site, opt: opt,
		servers: []string{""}, numbers: map[string]uint8{"": 0}, begun: time.Now(),
	}
	if opt.Rate < 1 {
		return nil, fmt.Errorf("a rate of %d requests a second", opt.Rate)
	}
	if r.opt.Users == 0 {
		r.opt.Users = defaultUsers
	}
	if r.opt.Mix == (Mix{}) {
		r.opt.Mix = DefaultMix
	}
	for kind := range Kinds {
		r.groups[kind] = &group{run: r, max: maxConns * max(1, r.opt.Mix[kind]) / 1000}
	}
	everything() // not while requests are due
	putBody()
	if r.opt.Mix[Sticky] > 0 {
		if err := r.logIn(ctx); err != nil {
			r.end()
			return nil, err
		}
	}
	r.begun = time.Now()
	ctx, r.stop = context.WithCancel(context.Background())
	// Ends by Finish.
	r.clock.Go(func() { r.tick(ctx) })
	return r, nil
}

// Begun is the time to which the times of the records are relative.
func (r *Run) Begun() time.Time { return r.begun }

// logins at once while a load is started.
const logins = 16

// logIn makes the sticky users, each with the cookies of its session and the balancer.
func (r *Run) logIn(ctx context.Context) error {
	r.users = make([]*group, r.opt.Users)
	errs := make(chan error, logins)
	for first := range logins {
		// Ends when its share is logged in; waited for below.
		go func() {
			for i := first; i < len(r.users); i += logins {
				r.users[i] = &group{run: r, max: userConns, jar: &jar{}}
				if err := r.logInUser(ctx, r.users[i], i); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	var failed error
	for range logins {
		if err := <-errs; err != nil {
			failed = err
		}
	}
	return failed
}

func (r *Run) logInUser(ctx context.Context, g *group, n int) error {
	c := conn{site: r.site}
	defer c.close()
	body := fmt.Sprintf(`{"user":"u-%s-%d"}`, r.opt.Name, n)
	head := fmt.Sprintf("POST %s/api/v1/login HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", r.opt.Prefix, r.site.Addr(), len(body))
	a := answer{cookie: g.jar.keep}
	err := ctx.Err()
	if err == nil {
		err = c.do([]byte(head), []byte(body), wire.MethodPost, time.Now().Add(Patience), &a)
	}
	if err == nil && a.status != 200 {
		err = fmt.Errorf("status %d", a.status)
	}
	if err != nil {
		return fmt.Errorf("login of a sticky user: %w", err)
	}
	return nil
}

// turn is how often the clock looks for what is due: finer than what is reported.
const turn = time.Millisecond

// tick hands out every request when it is due, until ctx ends.
func (r *Run) tick(ctx context.Context) {
	draw := rand.New(rand.NewPCG(r.opt.Seed, 1))
	kinds := r.opt.Mix.shares()
	ticker := time.NewTicker(turn)
	defer ticker.Stop()
	for n := uint32(1); ; {
		for now := r.now(); ; n++ {
			due := time.Duration(n) * time.Second / time.Duration(r.opt.Rate)
			if due > now {
				break
			}
			r.hand(draw, kinds[draw.IntN(len(kinds))], n, due)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (r *Run) hand(draw *rand.Rand, kind Kind, n uint32, due time.Duration) {
	t := task{kind: kind, number: n, due: due}
	switch kind {
	case Get:
		t.part = uint16(draw.IntN(2 * len(sizes)))
	case HLS:
		t.track, t.part = uint16(1+draw.IntN(tracks)), uint16(draw.IntN(segments))
	case Sticky:
		t.user = uint16(draw.IntN(len(r.users)))
		r.users[t.user].hand(t)
		return
	}
	r.groups[kind].hand(t)
}

// note keeps a record.
func (r *Run) note(rec Record) {
	r.mu.Lock()
	r.records = append(r.records, rec)
	r.mu.Unlock()
}

func (r *Run) refused(t task) Record {
	now := r.now()
	return Record{Kind: t.kind, Number: t.number, Track: t.track, User: t.user, Due: t.due, Sent: now, Ended: now,
		Outcome: Unsent, What: "no connection was left"}
}

// server is the number of a server's name.
func (r *Run) server(name string) uint8 {
	if name == "" {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n, ok := r.numbers[name]
	if !ok && len(r.servers) < maxServers {
		n = uint8(len(r.servers))
		r.numbers[name], r.servers = n, append(r.servers, name)
	}
	return n
}

// maxServers are told apart; a drill's site has a handful.
const maxServers = 255

// Progress is what has happened since a record's number, for a live line.
type Progress struct {
	Done, OK, Lost, Cut int
	Records             int // to ask with next
}

// Progress sums up the records from the number since on.
func (r *Run) Progress(since int) Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Progress{Records: len(r.records)}
	for i := since; i < len(r.records); i++ {
		p.Done++
		switch r.records[i].Outcome {
		case OK:
			p.OK++
		case Cut, Short:
			p.Cut++
		default:
			p.Lost++
		}
	}
	return p
}

// Finish lets no more requests begin, waits for those that were due, Patience at most,
// and returns what became of all, in the order of their ends, and the servers' names by
// number.
func (r *Run) Finish() ([]Record, []string) {
	r.stop()
	r.clock.Wait()
	r.end()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.records, r.servers
}

func (r *Run) end() {
	for _, g := range append(r.users, r.groups[:]...) {
		if g != nil {
			g.end()
		}
	}
	r.workers.Wait()
}
