package drill

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

const (
	// openLimit is for all WebSockets to be open, forceLimit for a change to be seen in
	// `show stat` and in who answers.
	openLimit, forceLimit = 60 * time.Second, 15 * time.Second
	// forcePoll is how often a change is looked for, and the error of its time.
	forcePoll = 10 * time.Millisecond
	// between two reloads messages and requests go on for a while.
	between = 500 * time.Millisecond
	// lateShare of the WebSockets are opened after a server was added: some on it.
	lateShare = 10
	// socketsPerRoom is how many read each message.
	socketsPerRoom = 10
)

// ReloadOptions say how much a reload drill does.
type ReloadOptions struct {
	Sockets int           // chatting WebSockets, held open all the while
	Reloads int           // each with a change
	Pace    time.Duration // between two messages of one client
}

// ReloadStep is one reload and what it did.
type ReloadStep struct {
	Number  int    `json:"number"`
	Change  string `json:"change"`
	By      string `json:"by"` // a command or a signal
	Refused bool   `json:"refused"`
	// Answered is how long the command took, 0 for a signal; InForce how long it was,
	// from the same moment on, until `show stat` said so, 0 when refused.
	Answered time.Duration `json:"answered_ns"`
	InForce  time.Duration `json:"in_force_ns"`
	// Sockets are open afterwards, Draining of them on a server that the configuration
	// does not have.
	Sockets  int    `json:"sockets"`
	Draining int    `json:"draining"`
	Says     string `json:"says,omitempty"` // the first line of a refusal
	Failed   string `json:"failed,omitempty"`
}

// ReloadReport is the outcome of a reload drill.
type ReloadReport struct {
	Passed   bool          `json:"passed"`
	Sockets  int           `json:"sockets"`
	Opened   time.Duration `json:"opened_ns"` // how long it took to open them
	Reloads  int           `json:"reloads"`
	Refused  int           `json:"refused"` // bad configurations, of which each had to be
	Cut      int           `json:"cut"`     // WebSockets that ended
	Cuts     []string      `json:"cuts,omitempty"`
	Draining int           `json:"draining"` // most that stayed on removed servers
	Load     LoadReport    `json:"load"`
	Posts    [2]int        `json:"posts_lost_doubled"`
	Moved    int64         `json:"moved"` // sticky users whose server changed
	Chat     ChatReport    `json:"chat"`
	Watch    WatchReport   `json:"watch"`
	Failures []string      `json:"failures,omitempty"` // everything for which it did not pass
}

// reloading is a reload drill while it runs.
type reloading struct {
	lab    *Lab
	opt    ReloadOptions
	file   *file
	watch  *watch
	loads  []*Load          // the first has all requests, the second the late WebSockets
	want   map[string]int64 // weights by server, as the file has them
	report func(ReloadStep)
	steps  int
	result ReloadReport
}

// Reload opens WebSockets over a lab and reloads its balancer again and again, each time
// with another file, while everybody talks. report is told each reload as it ends.
func Reload(ctx context.Context, lab *Lab, opt ReloadOptions, report func(ReloadStep)) ReloadReport {
	r := &reloading{lab: lab, opt: opt, watch: newWatch(lab), want: map[string]int64{}, report: report}
	r.result.Sockets = opt.Sockets
	watching, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	// Ends by stop.
	go func() { defer close(watched); r.watch.run(watching) }()
	if err := r.run(ctx); err != nil {
		r.fail(err.Error())
	}
	r.finish(ctx)
	stop()
	<-watched
	r.result.Watch = r.watch.report()
	r.judge()
	return r.result
}

func (r *reloading) fail(what string) { r.result.Failures = append(r.result.Failures, what) }

func (r *reloading) run(ctx context.Context) (err error) {
	if r.file, err = readFile(r.lab.Config); err != nil {
		return err
	}
	for _, srv := range r.lab.Servers() {
		r.want[srv.Name] = 1
	}
	late := r.opt.Sockets / lateShare
	begun := time.Now()
	r.load(LoadOptions{Getters: 8, Posters: 8, Users: 8, Listeners: 8,
		Pace: 200 * time.Millisecond, ListenPace: 200 * time.Millisecond, Tracks: 12}, r.opt.Sockets-late)
	if err := r.open(ctx); err != nil {
		return err
	}
	r.result.Opened = time.Since(begun)
	for n := range r.opt.Reloads {
		r.step(ctx, n)
		if n == 0 && late > 0 {
			r.load(LoadOptions{}, late)
			if err := r.open(ctx); err != nil {
				return err
			}
		}
		if n == r.opt.Reloads/2 {
			r.misspelt(ctx)
		}
		if n == r.opt.Reloads-1 {
			r.occupied(ctx)
		}
		select {
		case <-time.After(between):
		case <-r.lab.Lost():
			return r.lab.LostError()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (r *reloading) load(opt LoadOptions, chats int) {
	opt.Chats, opt.Rooms, opt.ChatPace = chats, (chats+socketsPerRoom-1)/socketsPerRoom, r.opt.Pace
	opt.Seed = uint64(len(r.loads) + 1)
	r.loads = append(r.loads, StartLoad(r.lab.Site, opt))
}

// open waits until all WebSockets that were begun are open.
func (r *reloading) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	return r.lab.until(ctx, statePoll, func() (string, bool) {
		all := len(r.chats())
		n, why := 0, ""
		for _, chat := range r.chats() {
			if status := chat.Status(); status.Connected {
				n++
			} else {
				why = status.LastFailed
			}
		}
		return fmt.Sprintf("%d of %d WebSockets are open %s", n, all, why), n == all
	})
}

func (r *reloading) chats() []*Chat {
	var all []*Chat
	for _, load := range r.loads {
		all = append(all, load.Chats...)
	}
	return all
}

// step makes the reload n, from 0: every other by a signal.
func (r *reloading) step(ctx context.Context, n int) {
	c := changeAt(n)
	s := ReloadStep{Change: c.String(), By: "bascule reload"}
	if n%2 == 1 || !r.lab.Own() {
		s.By = "USR2"
	}
	err := r.edit(ctx, c)
	if err == nil {
		err = r.reload(ctx, &s)
	}
	if err == nil {
		err = r.answers(ctx, c)
	}
	r.end(s, err)
}

// end completes a step with what can be seen now.
func (r *reloading) end(s ReloadStep, err error) {
	r.watch.sample()
	r.steps++
	s.Number = r.steps
	s.Sockets, s.Draining = r.sockets()
	r.result.Draining = max(r.result.Draining, s.Draining)
	if err != nil {
		s.Failed = err.Error()
		r.fail(fmt.Sprintf("%d. %s: %v", s.Number, s.Change, err))
	} else if s.Refused {
		r.result.Refused++
	} else {
		r.result.Reloads++
	}
	r.report(s)
}

// sockets counts the open ones, and those of them on removed servers.
func (r *reloading) sockets() (open, draining int) {
	for _, chat := range r.chats() {
		if status := chat.Status(); status.Connected {
			open++
			if _, ok := r.want[status.Server]; !ok {
				draining++
			}
		}
	}
	return open, draining
}

// edit writes the changed file, and starts the server that it adds.
func (r *reloading) edit(ctx context.Context, c change) (err error) {
	switch c.what {
	case "add":
		var addr string
		if addr, err = r.lab.AddServer(ctx, c.server, c.backend); err == nil {
			err = r.file.add(c.backend, c.server, addr)
		}
		r.want[c.server] = 1
	case "remove":
		err = r.file.remove(c.server)
		delete(r.want, c.server)
	case "weight":
		err = r.file.weigh(c.server, c.weight)
		r.want[c.server] = c.weight
	}
	if err != nil {
		return err
	}
	return r.file.write()
}

// reload asks for a reload and waits until `show stat` has the servers of the file.
func (r *reloading) reload(ctx context.Context, s *ReloadStep) error {
	r.watch.sample()
	begun := time.Now()
	if s.By == "USR2" {
		if err := r.lab.Reload(); err != nil {
			return err
		}
	} else {
		text, code, err := r.command(ctx)
		if err == nil && code != 0 {
			err = fmt.Errorf("exit code %d: %s", code, text)
		}
		if err != nil {
			return err
		}
		s.Answered = time.Since(begun)
	}
	ctx, cancel := context.WithTimeout(ctx, forceLimit)
	defer cancel()
	err := r.lab.until(ctx, forcePoll, func() (string, bool) {
		err := r.inForce(ctx)
		return fmt.Sprint(err), err == nil
	})
	s.InForce = time.Since(begun)
	return err
}

// command runs `bascule reload` as a user does.
func (r *reloading) command(ctx context.Context) (text string, code int, err error) {
	cmd := exec.CommandContext(ctx, r.lab.Balancer, "reload", "-s", string(r.lab.Runtime))
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return string(out), ended.ExitCode(), nil
	}
	return string(out), 0, err
}
