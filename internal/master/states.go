package master

import (
	"encoding/json"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/admin"
	"bascule/internal/backend"
	"bascule/internal/engine"
	"bascule/internal/handover"
)

// statesEvery is how often a worker looks whether checks have changed the states of its
// servers; after a command it looks at once. A look at 2,000 servers takes some 20 µs,
// and 1 ms more where there is something to send.
const statesEvery = 200 * time.Millisecond

// startArgs go with opStart. Its second file has the states that the servers had in
// the worker before, as "show servers state" writes them.
type startArgs struct {
	Restarts int           // workers that crashed
	Age      time.Duration // of the states
}

// A mark is what of a server's state outlives its worker. Times are not in it: an age
// is counted on by the master.
type mark struct {
	srv             *backend.Server
	op              backend.Op
	admin           backend.Admin
	weight, initial int
	health          int
	checks, agent   bool
	at              backend.ProbeAt
}

func marksOf(backends []*backend.Backend) (list []mark) {
	for _, b := range backends {
		for _, s := range b.Servers() {
			st := s.State()
			list = append(list, mark{s, st.Op, st.Admin, st.UWeight, st.IWeight, st.Health, st.Check.Enabled, st.Agent.Enabled, s.ProbeAt()})
		}
	}
	return list
}

// Serve says whose states the master is told of. It is called before Tell and Keep.
func (l *Link) Serve(e *engine.Engine) { l.engine = e }

// Keep tells the master of the servers' states whenever they change, until gone: what
// an operator has said and what checks have found shall outlive a crash. The master
// keeps the last text and hands it to the next worker.
func (l *Link) Keep(gone <-chan struct{}) {
	tick := time.NewTicker(statesEvery)
	defer tick.Stop()
	for {
		l.Tell()
		select {
		case <-gone:
			return
		case <-tick.C:
		}
	}
}

// Tell tells the master of the states now, if they have changed.
func (l *Link) Tell() {
	l.told.Lock()
	defer l.told.Unlock()
	backends := l.engine.Stats().Backends()
	if now := marksOf(backends); !slices.Equal(now, l.marks) {
		l.sendStates(backends)
		l.marks = now
	}
}

// sendStates sends them as a file, so that the master never has half of them. Without
// descriptors or memory it keeps what it has until the next change.
func (l *Link) sendStates(backends []*backend.Backend) {
	fd, err := unix.MemfdCreate("bascule-states", unix.MFD_CLOEXEC)
	if err != nil {
		return
	}
	f := os.NewFile(uintptr(fd), "states")
	defer f.Close()
	if admin.WriteStates(f, backends, time.Now()) == nil {
		_ = l.channel.Send(handover.Message{Op: opStates, Files: []int{fd}}) // fails only if the master has ended
	}
}

// begin takes what came with opStart, the configuration apart. The files are its own.
func (l *Link) begin(msg handover.Message) error {
	if len(msg.Args) > 0 {
		if err := json.Unmarshal(msg.Args, &l.args); err != nil {
			return err
		}
	}
	if len(msg.Files) < 2 {
		return nil
	}
	f := os.NewFile(uintptr(msg.Files[1]), "states")
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, 0, maxStates))
	l.states = string(text)
	return err
}

// maxStates is far above what a hundred thousand servers need, some 100 bytes each.
const maxStates = 64 << 20

// Before are the states that the servers had in the worker that crashed, how old they
// are, and how many workers have crashed. states is "" in the first worker.
func (l *Link) Before() (states string, age time.Duration, restarts int) {
	return l.states, l.args.Age, l.args.Restarts
}

// keep takes over a worker's states.
func (m *Master) keep(msg *handover.Message) {
	if len(msg.Files) != 1 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.states >= 0 {
		unix.Close(m.states)
	}
	m.states, m.statesAt = msg.Files[0], time.Now()
	msg.Files = nil
}

// startMessage is opStart for the next worker. It is called with mu held.
func (m *Master) startMessage() handover.Message {
	msg := handover.Message{Op: opStart}
	args := startArgs{Restarts: m.crashed}
	if m.states >= 0 {
		args.Age = time.Since(m.statesAt)
		msg.Files = []int{m.states}
	}
	msg.Args, _ = json.Marshal(args) // two numbers
	return msg
}
