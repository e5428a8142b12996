package drill

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

const (
	// openLimit is for all WebSockets to be open, forceLimit for a change to be seen in
	// `show stat` and in who answers.
	openLimit, forceLimit = 60 * time.Second, 15 * time.Second
	// forcePoll is how often a change is looked for, and the error of its time.
	forcePoll = 10 * time.Millisecond
	// between two reloads of a large file messages and requests go on for a while.
	between = 500 * time.Millisecond
	// askAgain is when another HAProxy gets its signal once more: its master misses one
	// that comes while it starts a worker.
	askAgain = 3 * time.Second
	// posters are keep-alive clients that POST, each waits for its reply and postPace.
	posters, postPace = 16, 50 * time.Millisecond
	// clearly is how long a balancer of others is given to refuse a bad file, which it
	// tells nobody who sends a signal: HAProxy tries for 2 s to bind an address.
	clearly = 3 * time.Second
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
	Every   time.Duration // from one reload to the next
	Quiet   time.Duration // how long requests are timed before the first
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
	// CPU is what the balancer's processes used until then, for traffic too.
	CPU time.Duration `json:"cpu_ns"`
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
	Refused  int           `json:"refused"`   // bad configurations, of which each had to be
	Cut      int           `json:"cut"`       // WebSockets that ended and did not have to
	Had      int           `json:"had_to_go"` // those whose removed server had a deadline
	Gone     int           `json:"gone"`      // of them, those that were told: Close 1012
	Cuts     []string      `json:"cuts,omitempty"`
	Draining int           `json:"draining"` // most that stayed on removed servers
	Load     LoadReport    `json:"load"`
	Quiet    LapReport     `json:"quiet"`   // before the first reload
	Busy     LapReport     `json:"busy"`    // from then on
	Took     time.Duration `json:"took_ns"` // all reloads
	CPU      time.Duration `json:"cpu_ns"`  // of one of two reloads no more, see ReloadStep
	// Turn is the longest turn of a loop so far in CPU time of its thread, before the
	// first reload and at the end; bascule's.
	Turn     [2]time.Duration `json:"turn_cpu_ns"`
	Working  [2]float64       `json:"machine_busy"` // the machine, 0 to 1: quiet and while reloading
	Memory   [3]int64         `json:"memory_bytes"` // of all processes of the balancer: before, at most, afterwards
	Posts    [2]int           `json:"posts_lost_doubled"`
	Moved    int64            `json:"moved"` // sticky users whose server changed
	Chat     ChatReport       `json:"chat"`
	Watch    WatchReport      `json:"watch"`
	Failures []string         `json:"failures,omitempty"` // everything for which it did not pass
}

// reloading is a reload drill while it runs.
type reloading struct {
	lab    *Lab
	opt    ReloadOptions
	file   *file
	watch  *watch
	loads  []*Load          // the first has all requests, the second the late WebSockets
	want   map[string]int64 // weights by server, as the file has them
	ever   map[string]bool  // servers that were removed at some time
	bind   string           // address of the bind that comes and goes
	guest  *Client          // of that bind
	cost   latency          // CPU time of the reloads
	had    int              // WebSockets that had to go
	report func(ReloadStep)
	steps  int
	result ReloadReport
}

// Reload opens WebSockets over a lab and reloads its balancer again and again, each time
// with another file, while everybody talks. report is told each reload as it ends.
func Reload(ctx context.Context, lab *Lab, opt ReloadOptions, report func(ReloadStep)) ReloadReport {
	r := &reloading{lab: lab, opt: opt, watch: newWatch(lab), want: map[string]int64{}, ever: map[string]bool{}, report: report}
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
	r.result.Memory[1] = r.watch.most
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
	addrs, err := freePorts(1)
	if err != nil {
		return err
	}
	r.bind = addrs[0]
	// Its process starts now, so that nobody waits for a processor because of that later.
	if _, err = r.lab.AddServer(ctx, guestServer, APIPool); err != nil {
		return err
	}
	late := r.opt.Sockets / lateShare
	begun := time.Now()
	r.load(LoadOptions{Posters: posters, Pace: postPace}, r.opt.Sockets-late)
	if err := r.open(ctx); err != nil {
		return err
	}
	r.result.Opened = time.Since(begun)
	r.loads[0].Lap()
	machine := startBusy()
	if err := r.rest(ctx, r.opt.Quiet); err != nil {
		return err
	}
	r.result.Quiet, r.result.Working[0] = r.loads[0].Lap(), machine.share()
	r.result.Memory[0] = r.watch.memory()
	r.result.Turn[0] = r.turn(ctx)
	begun, machine = time.Now(), startBusy()
	for n := range r.opt.Reloads {
		r.step(ctx, n)
		if n == 1 && late > 0 { // a server was added: some on it
			r.load(LoadOptions{}, late)
		}
		if err := r.rest(ctx, time.Until(begun.Add(time.Duration(n+1)*r.opt.Every))); err != nil {
			return err
		}
	}
	r.result.Took = time.Since(begun)
	r.result.Busy, r.result.Working[1], r.result.CPU = r.loads[0].Lap(), machine.share(), r.cost.quantile(0.5)
	return r.open(ctx)
}

// rest lets everybody talk for a while.
func (r *reloading) rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(max(0, d)):
		return nil
	case <-r.lab.Lost():
		return r.lab.LostError()
	case <-ctx.Done():
		return ctx.Err()
	}
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
	if !r.lab.Own() || n%2 == 1 && c.what != "bad" {
		s.By = "USR2"
	}
	if c.what == "bad" {
		r.bad(ctx, s, n)
		return
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

// edit writes the changed file, and starts the server that it adds.
func (r *reloading) edit(ctx context.Context, c change) (err error) {
	switch c.what {
	case "add":
		var addr string
		if err = r.file.deadline(c.backend, 0); err != nil {
			break
		}
		if addr, err = r.lab.AddServer(ctx, c.server, c.backend); err == nil {
			err = r.file.add(c.backend, c.server, addr)
		}
		r.want[c.server] = 1
	case "remove", "expel":
		err = r.file.remove(c.server)
		delete(r.want, c.server)
		r.ever[c.server] = true
		if err == nil && c.what == "expel" {
			if r.lab.Own() { // another HAProxy leaves them to its old process
				r.had += r.on(c.server)
			}
			err = r.file.deadline(c.backend, expelWithin)
		}
	case "weight":
		err = r.file.weigh(c.server, c.weight)
		r.want[c.server] = c.weight
	case "rule":
		err = r.file.rule(c.weight)
	case "bind":
		err = r.file.bind(r.bind)
	case "unbind":
		if err = r.visit(ctx); err == nil {
			err = r.file.unbind(r.bind)
		}
	}
	if err != nil {
		return err
	}
	return r.file.write()
}

// reload asks for a reload and waits until it is done and `show stat` has the servers
// of the file.
func (r *reloading) reload(ctx context.Context, s *ReloadStep) error {
	r.watch.sample()
	before, err := r.reloaded(ctx)
	if err != nil {
		return err
	}
	begun, used := time.Now(), r.watch.cpu()
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
	asked := time.Now()
	err = r.lab.until(ctx, forcePoll, func() (string, bool) {
		now, err := r.reloaded(ctx)
		if err == nil && now == before {
			err = errors.New("it has not been reloaded")
			if !r.lab.Own() && time.Since(asked) > askAgain {
				asked, err = time.Now(), errors.Join(err, r.lab.Reload())
			}
		}
		if err == nil {
			err = r.inForce(ctx)
		}
		return fmt.Sprint(err), err == nil
	})
	s.InForce, s.CPU = time.Since(begun), max(r.watch.cpu()-used, 0) // a process of another HAProxy's may have ended
	r.cost.add(s.CPU)
	return err
}

// reloaded is another text after each reload: bascule counts them, another HAProxy has
// another worker.
func (r *reloading) reloaded(ctx context.Context) (string, error) {
	command, line := "show info", "Pid: "
	if r.lab.Own() {
		command, line = "show reload", "Reloads: "
	}
	answer, err := r.lab.Runtime.Do(context.WithoutCancel(ctx), command) // bounded by itself
	if err != nil {
		return "", err
	}
	for text := range strings.Lines(answer) {
		if strings.HasPrefix(text, line) {
			return text, nil
		}
	}
	return "", fmt.Errorf("%s says no %s", command, line)
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
