package master

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"

	"bascule/internal/admin"
	"bascule/internal/engine"
	"bascule/internal/handover"
)

// A Link is the worker's end of the channel to its master.
type Link struct {
	channel *handover.Channel
	sockets engine.Sockets // come and not yet used
	args    startArgs      // that came with the start
	states  string         // likewise
	engine  *engine.Engine // set by Serve

	told  sync.Mutex
	marks []mark // as the master was told last; guarded by told

	mu      sync.Mutex
	nextID  int
	answers map[int]chan handover.Message // guarded by mu
}

// OpenLink takes over the descriptor that WorkerVariable tells.
func OpenLink(fd string) (*Link, error) {
	n, err := strconv.Atoi(fd)
	if err != nil {
		return nil, fmt.Errorf("%s=%q is not a descriptor", WorkerVariable, fd)
	}
	channel, err := handover.Open(n)
	if err != nil {
		return nil, err
	}
	return &Link{channel: channel, sockets: engine.Sockets{}, answers: map[int]chan handover.Message{}}, nil
}

// First waits for what the worker is to start with. The caller owns the sockets.
func (l *Link) First() (*handover.World, engine.Sockets, error) {
	for {
		msg, err := l.channel.Receive()
		if err != nil {
			return nil, nil, err
		}
		switch msg.Op {
		case opSocket:
			l.sockets[msg.Key] = append(l.sockets[msg.Key], msg.Files...)
		case opStart:
			world, err := handover.Take(msg.Files[0])
			return world, l.taken(), errors.Join(err, l.begin(msg))
		}
	}
}

func (l *Link) taken() engine.Sockets {
	s := l.sockets
	l.sockets = engine.Sockets{}
	return s
}

// Ready tells the master that the worker serves.
func (l *Link) Ready() error { return l.channel.Send(handover.Message{Op: opReady}) }

// Failed tells the master why the worker is not going to.
func (l *Link) Failed(text string) { _ = l.channel.Send(handover.Message{Op: opFailed, Text: text}) }

// Hear obeys the master until it is gone. reload loads the configuration of a
// world and swaps it in; the sockets are its own.
func (l *Link) Hear(e *engine.Engine, reload func(*handover.World, engine.Sockets, admin.ReloadOrder) (ok bool, log string)) error {
	for {
		msg, err := l.channel.Receive()
		if err != nil {
			return err
		}
		switch msg.Op {
		case opSocket:
			l.sockets[msg.Key] = append(l.sockets[msg.Key], msg.Files...)
		case opReload:
			l.reload(msg, reload)
		case opRefused:
			e.Refused(msg.Text)
		case opRelease:
			e.Release()
		case opSession:
			l.session(e, msg)
		case opAlive:
			go func() { // ends when the loops have turned, or the engine has stopped
				if e.Turns() {
					_ = l.channel.Send(msg) // fails only if the master has ended, which Hear sees
				}
			}()
		case opAnswer:
			l.mu.Lock()
			if c := l.answers[msg.ID]; c != nil {
				c <- msg
				delete(l.answers, msg.ID)
			}
			l.mu.Unlock()
		}
	}
}

func (l *Link) reload(msg handover.Message, reload func(*handover.World, engine.Sockets, admin.ReloadOrder) (bool, string)) {
	sockets := l.taken()
	var order admin.ReloadOrder
	world, err := handover.Take(msg.Files[0])
	if err == nil {
		err = json.Unmarshal(msg.Args, &order)
	}
	answer := handover.Message{Op: opReloaded, ID: msg.ID}
	if err != nil {
		sockets.Close()
		answer.Text = err.Error() + "\n"
	} else {
		answer.OK, answer.Text = reload(world, sockets, order)
	}
	_ = l.channel.Send(answer) // fails only if the master has ended, which Hear sees
}

// session serves a session of the master socket.
func (l *Link) session(e *engine.Engine, msg handover.Message) {
	var args sessionArgs
	if len(msg.Files) != 1 || json.Unmarshal(msg.Args, &args) != nil {
		handover.CloseAll(msg.Files)
		return
	}
	f := os.NewFile(uintptr(msg.Files[0]), "session")
	conn, err := net.FileConn(f)
	f.Close()
	if err != nil {
		return
	}
	go e.Session(conn, args.Level, args.Severity) // ends with the session
}

// Reload asks the master for a reload, on behalf of the runtime socket or of a
// signal to the worker.
func (l *Link) Reload(o admin.ReloadOrder) (ok bool, log string) {
	args, err := json.Marshal(o)
	if err != nil {
		return false, err.Error()
	}
	l.mu.Lock()
	l.nextID++
	id, answer := l.nextID, make(chan handover.Message, 1)
	l.answers[id] = answer
	l.mu.Unlock()
	if err := l.channel.Send(handover.Message{Op: opReload, ID: id, Args: args}); err != nil {
		return false, err.Error()
	}
	msg := <-answer
	return msg.OK, msg.Text
}
