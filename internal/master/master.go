package master

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"bascule/internal/admin"
	"bascule/internal/config"
	"bascule/internal/engine"
	"bascule/internal/handover"
)

// WorkerVariable names the environment variable that tells a process that it
// is a worker, and on which descriptor its master talks to it.
const WorkerVariable = "BASCULE_WORKER"

const (
	// ReadyVariable tells a process in the background (-D) on which descriptor
	// its parent waits until it serves.
	ReadyVariable = "BASCULE_READY"
	// BackgroundVariable tells a worker to let go of the terminal once it
	// serves.
	BackgroundVariable = "BASCULE_BACKGROUND"
)

const (
	// restartPause is how long the next worker waits when two have crashed soon one
	// after the other, longer each time up to restartPauseMax: a crash that comes
	// back must not take the whole machine. The first is followed at once.
	restartPause    = 100 * time.Millisecond
	restartPauseMax = 5 * time.Second
	// settled is when a worker counts as having started well.
	settled = 10 * time.Second
	// stopWait is how long a worker is given to stop at once.
	stopWait = 5 * time.Second
	// answerWait bounds a worker's answer to a reload: it builds what it was
	// given, without names to resolve.
	answerWait = 60 * time.Second
)

// Options are what a master is given.
type Options struct {
	Args []string // of this process, for the worker
	// Load reads the configuration again; cfg is nil if it is unusable. log
	// holds its problems as they are printed.
	Load      func() (cfg *config.Config, world *handover.World, log string)
	Cfg       *config.Config // of the first Load
	World     *handover.World
	Systemd   bool // -Ws
	PIDFile   string
	Socket    *config.StatsSocket // -S
	Inherited []int               // see Inherited
	Offered   engine.Offered      // by systemd
	Version   string
	Startup   string // problems found by the first Load
	Log       *slog.Logger
	Stderr    io.Writer
	Started   func() // called once the first worker serves
}

// A Master is the running master process.
type Master struct {
	opt     Options
	log     *slog.Logger
	began   time.Time
	exits   chan *worker
	admin   *admin.Server
	reloads sync.Mutex // one reload at a time

	mu       sync.Mutex // guards the fields below
	sockets  engine.Sockets
	cfg      *config.Config
	world    *handover.World
	worker   *worker
	done     int // reloads
	failed   int // reloads refused
	bad      bool
	stopping bool
	nextID   int
	lastLog  string
	states   int       // file of the worker's last states, -1: none
	statesAt time.Time // when they came
	crashed  int       // workers
	lastEnd  string    // of a crashed worker
	lastAt   time.Time
}

// Run is the master's life; it returns the exit code.
func Run(opt Options) int {
	m := &Master{
		opt: opt, log: opt.Log, began: time.Now(), exits: make(chan *worker, 1),
		sockets: engine.Sockets{}, cfg: opt.Cfg, world: opt.World, lastLog: opt.Startup, states: -1,
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGTTOU, syscall.SIGTTIN)
	signal.Ignore(syscall.SIGPIPE)
	fresh, err := m.complete(opt.Cfg, engine.Loops(opt.Cfg))
	if err != nil {
		engine.Complain(opt.Stderr, err)
		return 1
	}
	m.sockets.Add(fresh)
	if err := m.listen(); err != nil {
		engine.Complain(opt.Stderr, err)
		return 1
	}
	if err := writePID(opt.PIDFile); err != nil {
		engine.Complain(opt.Stderr, err)
		return 1
	}
	if err := m.start(); err != nil {
		engine.Complain(opt.Stderr, err)
		return 1
	}
	m.log.Info("Loading success.")
	m.sayUnclaimed()
	m.ready()
	if opt.Started != nil {
		opt.Started()
	}
	code := m.loop(signals)
	if m.admin != nil {
		m.admin.Close()
	}
	return code
}

func writePID(path string) error {
	if path == "" {
		return nil
	}
	if err := os.WriteFile(path, []byte(fmt.Sprintf("%d\n", os.Getpid())), 0o644); err != nil {
		return fmt.Errorf("cannot write the pidfile: %w", err)
	}
	return nil
}

// start starts a worker and waits until it serves.
func (m *Master) start() error {
	m.mu.Lock()
	w, err := m.launch()
	m.worker = w
	m.mu.Unlock()
	if err != nil {
		return err
	}
	m.log.Info(fmt.Sprintf("New worker (%d) forked", w.pid))
	return w.await()
}

// loop obeys signals and minds the worker, until there is none to mind.
func (m *Master) loop(signals <-chan os.Signal) int {
	pause, row := time.Duration(0), 0 // of crashes soon one after the other
	dog := m.watch()
	for {
		select {
		case <-dog.C:
			m.pat(&dog)
		case s := <-signals:
			if code, end := m.obey(s.(syscall.Signal)); end {
				return code
			}
		case w := <-m.exits:
			if m.isStopping() {
				m.log.Warn(fmt.Sprintf("Current worker (%d) exited with code %d (%s)", w.pid, w.code(), w.state))
				m.log.Warn("All workers exited. Exiting... (0)")
				return 0
			}
			if time.Since(w.began) > settled {
				pause, row = 0, 0
			}
			row++
			m.tellCrash(w, row, pause)
			if code, end := m.again(&pause, signals, &dog); end {
				return code
			}
		}
	}
}

// again starts workers until one serves.
func (m *Master) again(pause *time.Duration, signals <-chan os.Signal, dog *watchdog) (code int, end bool) {
	for {
		if code, end := m.rest(*pause, signals, dog); end {
			return code, true
		}
		*pause = min(max(*pause*2, restartPause), restartPauseMax)
		err := m.start()
		if err == nil {
			m.notify("STATUS=" + m.status() + ". " + m.crashes())
			return 0, false
		}
		m.log.Error(fmt.Sprintf("the new worker does not start: %s; the next try is in %s", err, *pause))
		m.reap()
	}
}

// rest waits before another start; end says that there shall be none.
func (m *Master) rest(pause time.Duration, signals <-chan os.Signal, dog *watchdog) (code int, end bool) {
	over := time.NewTimer(pause)
	defer over.Stop()
	for {
		select {
		case <-over.C:
			return 0, false
		case <-dog.C:
			m.pat(dog)
		case s := <-signals:
			if code, end := m.obey(s.(syscall.Signal)); end {
				return code, true
			}
			if m.isStopping() {
				return 0, true
			}
		}
	}
}

// tellCrash says what became of a worker and what comes now.
func (m *Master) tellCrash(w *worker, row int, pause time.Duration) {
	m.mu.Lock()
	m.crashed++
	m.lastEnd, m.lastAt = fmt.Sprintf("worker (%d) exited with code %d (%s)", w.pid, w.code(), w.state), time.Now()
	text := "Current " + m.lastEnd + "; starting another on the same sockets"
	m.mu.Unlock()
	if row > 1 {
		text += fmt.Sprintf(" in %s: %d have crashed, each within %s of its start", pause, row, settled)
	}
	m.log.Error(text)
	m.notify("STATUS=" + m.crashes() + " Starting another.")
}

// crashes is how many workers have crashed, and how the last one ended.
func (m *Master) crashes() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprintf("Crashed workers: %d, the last %s ago: %s.", m.crashed, time.Since(m.lastAt).Round(time.Second), m.lastEnd)
}

// reap forgets the exit of a worker that never served.
func (m *Master) reap() {
	select {
	case <-m.exits:
	case <-time.After(stopWait):
	}
}

func (m *Master) isStopping() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stopping
}

func (m *Master) obey(s syscall.Signal) (code int, end bool) {
	switch s {
	case syscall.SIGUSR2, syscall.SIGHUP:
		go m.Reload(admin.ReloadOrder{}) // ends by itself, see answerWait
	case syscall.SIGUSR1:
		m.softStop()
	case syscall.SIGTERM, syscall.SIGINT:
		return m.hardStop(s), true
	case syscall.SIGTTOU, syscall.SIGTTIN:
		m.signal(s)
	}
	return 0, false
}

func (m *Master) signal(s syscall.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.worker != nil {
		_ = m.worker.process.Signal(s) // fails only if it has ended
	}
}

// softStop closes our copies of the sockets, so that the worker's closing
// counts, and lets the worker's clients finish.
func (m *Master) softStop() {
	m.mu.Lock()
	first := !m.stopping
	m.stopping = true
	if first {
		m.sockets.Close()
		m.sockets = engine.Sockets{}
		m.opt.Offered.Close()
		m.opt.Offered = nil
	}
	m.mu.Unlock()
	if first {
		m.log.Warn("Exiting Master process...")
		m.notify("STOPPING=1")
	}
	m.signal(syscall.SIGUSR1)
}

// hardStop ends the worker at once. With systemd the exit code tells the
// signal, as HAProxy's does.
func (m *Master) hardStop(s syscall.Signal) int {
	m.mu.Lock()
	m.stopping = true
	w := m.worker
	m.mu.Unlock()
	m.log.Warn("Exiting Master process...")
	m.notify("STOPPING=1")
	if w != nil && !w.ended() {
		_ = w.process.Signal(syscall.SIGTERM)
		select {
		case <-w.over:
		case <-time.After(stopWait):
			_ = w.process.Kill()
			<-w.over
		}
	}
	if m.opt.Systemd {
		return 128 + int(s)
	}
	return 0
}

// errEnded is what is answered for a worker that ended meanwhile.
var errEnded = errors.New("the worker ended")
