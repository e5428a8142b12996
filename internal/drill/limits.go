package drill

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// mayGrow and mayKeep bound the balancer's memory during and after a part, in bytes.
	mayGrow = 64 << 20
	mayKeep = 10 << 20
	// normalLimit is how long a fresh connection may go unanswered after a part.
	normalLimit = 10 * time.Second
	// lookAtMemory is how often resident memory is read.
	lookAtMemory = 50 * time.Millisecond
	// calmBefore is how long the other users are alone before a part begins.
	calmBefore = time.Second
)

// A LimitsReport is what one part has shown.
type LimitsReport struct {
	Name   string `json:"part"`
	Passed bool   `json:"passed"`
	// Resident memory in bytes.
	Before int64 `json:"rss_before"`
	Peak   int64 `json:"rss_peak"`
	After  int64 `json:"rss_after"`
	// Requests of the other users, and their times from when each was due.
	Requests int64         `json:"requests"`
	Lost     int           `json:"lost"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
	// Normal is how long after the part a fresh connection was served.
	Normal   time.Duration  `json:"normal_ns"`
	Codes    map[string]int `json:"codes"`
	Logged   string         `json:"-"`
	Notes    []string       `json:"notes,omitempty"`
	Failures []string       `json:"failures,omitempty"`
}

func (r *LimitsReport) fail(format string, args ...any) {
	r.Failures = append(r.Failures, fmt.Sprintf(format, args...))
}

func (r *LimitsReport) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// A limitsPart misbehaves in one way. run returns when its clients are gone; judge
// holds what was logged meanwhile against what must be.
type limitsPart struct {
	name  string
	run   func(ctx context.Context, l *limitsLab, r *LimitsReport) error
	judge func(l *limitsLab, logged codes, r *LimitsReport)
	// settle is how long memory takes to be back at least, where --settle says less.
	settle time.Duration
}

var limitsParts = []limitsPart{
	{name: "slow-header", run: slowHeaders, judge: judgeSlowHeaders},
	{name: "slow-reader", run: slowReaders, judge: judgeSlowReaders},
	{name: "upload", run: upload},
	{name: "download", run: download},
	{name: "silent", run: silentServer, judge: judgeSilentServer},
	{name: "descriptors", run: noDescriptors, judge: judgeNoDescriptors},
	{name: "log", run: unreadLog},
	{name: "socket", run: socketAbuse, judge: judgeSocket},
	{name: "tls", run: floodTLS, settle: settleTLS},
}

func choosePartsOf(list string) ([]limitsPart, error) {
	if list == "" {
		return limitsParts, nil
	}
	var chosen []limitsPart
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(limitsParts, func(p limitsPart) bool { return p.name == name })
		if i < 0 {
			var all []string
			for _, p := range limitsParts {
				all = append(all, p.name)
			}
			return nil, fmt.Errorf("--parts: %q is not one of %s", name, strings.Join(all, ", "))
		}
		chosen = append(chosen, limitsParts[i])
	}
	return chosen, nil
}

// run lets a part misbehave beside the other users and reports on all of it.
func (l *limitsLab) run(ctx context.Context, part limitsPart) (r LimitsReport) {
	r.Name = part.name
	users := startOthers(l.url(), nil, l.opt.Rate)
	err := sleep(ctx, calmBefore)
	before := l.log.counts()
	watch := l.watchMemory()
	if err == nil {
		err = part.run(ctx, l, &r)
	}
	if err == nil {
		r.Normal, err = l.normal(ctx)
	}
	users.finish()
	r.Before, r.Peak = watch()
	if err == nil {
		err = sleep(ctx, max(l.opt.Settle, part.settle))
	}
	if err != nil {
		r.fail("%v", err)
	}
	l.conclude(part, users, l.log.since(before), &r)
	return r
}

// normal waits until a fresh connection is served.
func (l *limitsLab) normal(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, normalLimit)
	defer cancel()
	for {
		_, err := l.fresh(ctx)
		if err == nil {
			return time.Since(begun), nil
		}
		if sleep(ctx, 5*time.Millisecond) != nil {
			return 0, fmt.Errorf("not normal again after %s: %w", normalLimit, err)
		}
	}
}

// watchMemory reads resident memory until the function that it returns is called.
func (l *limitsLab) watchMemory() func() (before, peak int64) {
	before, _ := l.rss() // 0 if the balancer is gone, which conclude says
	peak := before
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // until stop
		defer close(done)
		tick := time.NewTicker(lookAtMemory)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				now, _ := l.rss()
				peak = max(peak, now)
			}
		}
	}()
	return func() (int64, int64) {
		close(stop)
		<-done
		return before, peak
	}
}

func (l *limitsLab) conclude(part limitsPart, users *others, logged codes, r *LimitsReport) {
	var err error
	if r.After, err = l.rss(); err != nil {
		r.fail("the balancer's memory: %v", err)
	}
	if grew := r.Peak - r.Before; grew > mayGrow {
		r.fail("memory grew by %.1f MiB, more than %d", mib(grew), mayGrow>>20)
	}
	if kept := r.After - r.Before; kept > mayKeep {
		r.fail("%.1f MiB of memory are not back, more than %d", mib(kept), mayKeep>>20)
	}
	r.Requests, r.Lost = users.times.n+int64(users.lost), users.lost
	r.P50, r.P99 = users.times.quantile(0.50), users.times.quantile(0.99)
	if r.Lost > 0 {
		r.fail("%d requests of other users lost, the first: %v", r.Lost, users.first)
	}
	if r.P99 > othersP99 {
		r.note("other users' p99 %s is above %s", milliseconds(r.P99), milliseconds(othersP99))
	}
	r.Codes, r.Logged = logged, logged.String()
	if part.judge != nil {
		part.judge(l, logged, r)
	}
	l.serversUp(r)
	r.Passed = len(r.Failures) == 0
}

// serversUp fails when a server was marked down, or this program failed a check of it:
// nothing of the drill is its fault. HAProxy's checks fail without a descriptor.
func (l *limitsLab) serversUp(r *LimitsReport) {
	rows, err := l.runtime.Stat(context.Background()) // bounded by itself
	if err != nil {
		r.fail("show stat: %v", err)
		return
	}
	for _, name := range []string{"s1", "s2"} {
		row := find(rows, "servers", name)
		failed := row.Int("chkfail") > 0 && l.opt.Balancer == ""
		if !row.Up() || row.Int("chkdown") > 0 || failed {
			r.fail("%s is %s, failed %d checks and went down %d times", name, row["status"], row.Int("chkfail"), row.Int("chkdown"))
		}
	}
}
