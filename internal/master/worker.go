package master

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"bascule/internal/admin"
	"bascule/internal/config"
	"bascule/internal/engine"
	"bascule/internal/handover"
)

// What goes over the channel between master and worker.
const (
	opSocket   = "socket"   // → sockets of one key
	opStart    = "start"    // → the configuration; all sockets have come
	opReload   = "reload"   // → another configuration; ← the runtime socket asks for a reload
	opRefused  = "refused"  // → a reload ended before the worker was asked
	opRelease  = "release"  // → our copies of removed sockets are closed
	opSession  = "session"  // → a session of the master socket
	opReady    = "ready"    // ← serving
	opFailed   = "failed"   // ← not going to serve
	opReloaded = "reloaded" // ← the end of a reload
	opStates   = "states"   // ← what the servers' states are now
	opAnswer   = "answer"   // → the end of a reload that was asked for
	opAlive    = "alive"    // → do the loops turn? ← they do
)

// A worker is the master's view of one.
type worker struct {
	pid     int
	process *os.Process
	channel *handover.Channel
	began   time.Time
	ready   chan handover.Message // one, of opReady or opFailed
	heard   chan struct{}         // closed when all that it said was heard
	over    chan struct{}         // closed when the process has ended, after heard
	state   *os.ProcessState      // set before over is closed
	alive   atomic.Int64          // the last question of the watchdog that it answered

	mu      sync.Mutex
	answers map[int]chan handover.Message // guarded by mu
}

// launch starts a worker on the open sockets. It is called with mu held.
func (m *Master) launch() (*worker, error) {
	channel, theirs, err := handover.Pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	s := Spawn{
		Args: m.opt.Args, Keep: m.passed(), File: theirs, FileIn: WorkerVariable,
		// What is between systemd and the master is none of the worker's business.
		Unset: []string{ReadyVariable, "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"},
	}
	if os.Getenv(ReadyVariable) != "" {
		s.Env = []string{BackgroundVariable + "=1"}
	}
	process, err := s.Start()
	if err != nil {
		_ = channel.Close()
		return nil, err
	}
	w := &worker{
		pid: process.Pid, process: process, channel: channel, began: time.Now(),
		ready: make(chan handover.Message, 1), heard: make(chan struct{}), over: make(chan struct{}), answers: map[int]chan handover.Message{},
	}
	go m.hear(w) // ends with the worker
	go func() {  // ends with the worker
		w.state, _ = process.Wait()
		<-w.heard // its last states are for the next worker
		close(w.over)
		m.exits <- w
	}()
	if err := w.give(m.sockets, m.world, m.startMessage()); err != nil {
		_ = process.Kill()
		<-m.exits
		return nil, err
	}
	return w, nil
}

// passed are the inherited descriptors that are no listening sockets: those
// come with their key, so that nothing else holds them open.
func (m *Master) passed() []int {
	taken := map[int]bool{}
	for _, px := range m.cfg.Proxies {
		for _, b := range px.Binds {
			if b.Addr.Kind == config.AddrFD {
				taken[b.Addr.FD] = true
			}
		}
	}
	for _, s := range m.cfg.Global.StatsSockets {
		if s.Addr.Kind == config.AddrFD {
			taken[s.Addr.FD] = true
		}
	}
	if s := m.opt.Socket; s != nil && s.Addr.Kind == config.AddrFD {
		taken[s.Addr.FD] = true
	}
	var list []int
	for _, fd := range m.opt.Offered.Without(m.opt.Inherited) {
		if !taken[fd] {
			list = append(list, fd)
		}
	}
	return list
}

// give sends sockets and, with msg, a configuration.
func (w *worker) give(sockets engine.Sockets, world *handover.World, msg handover.Message) error {
	for key, fds := range sockets {
		if err := w.channel.SendAll(handover.Message{Op: opSocket, Key: key, Files: fds}); err != nil {
			return err
		}
	}
	f, err := world.Give()
	if err != nil {
		return err
	}
	defer f.Close()
	msg.Files = append([]int{int(f.Fd())}, msg.Files...)
	return w.channel.Send(msg)
}

// hear takes the worker's messages until it is gone.
func (m *Master) hear(w *worker) {
	defer close(w.heard)
	defer func() { _ = w.channel.Close() }()
	for {
		msg, err := w.channel.Receive()
		if err != nil {
			return
		}
		switch msg.Op {
		case opReady, opFailed:
			select {
			case w.ready <- msg:
			default:
			}
		case opStates:
			m.keep(&msg)
		case opReloaded:
			w.mu.Lock()
			if c := w.answers[msg.ID]; c != nil {
				c <- msg
				delete(w.answers, msg.ID)
			}
			w.mu.Unlock()
		case opAlive:
			w.alive.Store(int64(msg.ID))
		case opReload:
			go func() { // ends by itself, see answerWait
				var o admin.ReloadOrder
				_ = json.Unmarshal(msg.Args, &o) // of our own executable
				ok, log := m.Reload(o)
				_ = w.channel.Send(handover.Message{Op: opAnswer, ID: msg.ID, OK: ok, Text: log})
			}()
		}
		handover.CloseAll(msg.Files)
	}
}

// await waits until the worker serves.
func (w *worker) await() error {
	select {
	case msg := <-w.ready:
		if msg.Op == opFailed {
			return errors.New(strings.TrimSpace(msg.Text))
		}
		return nil
	case <-w.over:
		select {
		case msg := <-w.ready:
			if msg.Op == opFailed {
				return errors.New(strings.TrimSpace(msg.Text))
			}
		default:
		}
		return errEnded
	}
}

// ask sends a configuration and waits for what the worker says.
func (w *worker) ask(o *offer) (handover.Message, error) {
	args, err := json.Marshal(o.order)
	if err != nil {
		return handover.Message{}, err
	}
	answer := make(chan handover.Message, 1)
	w.mu.Lock()
	w.answers[o.id] = answer
	w.mu.Unlock()
	if err := w.give(o.fresh, o.world, handover.Message{Op: opReload, ID: o.id, Args: args}); err != nil {
		return handover.Message{}, err
	}
	select {
	case msg := <-answer:
		return msg, nil
	case <-w.over:
		return handover.Message{}, errEnded
	case <-time.After(answerWait):
		return handover.Message{}, errors.New("the worker does not answer")
	}
}

func (w *worker) ended() bool {
	select {
	case <-w.over:
		return true
	default:
		return false
	}
}

// code is the exit code as shells count it.
func (w *worker) code() int {
	if w.state == nil {
		return 1
	}
	if s, ok := w.state.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal())
	}
	return w.state.ExitCode()
}
