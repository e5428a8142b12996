package master

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"bascule/internal/admin"
	"bascule/internal/config"
	"bascule/internal/engine"
	"bascule/internal/handover"
)

// Reload reads the configuration again and swaps it in the worker. After
// false nothing has changed. log holds problems in HAProxy's shape.
func (m *Master) Reload(o admin.ReloadOrder) (ok bool, log string) {
	m.reloads.Lock()
	defer m.reloads.Unlock()
	if o.DryRun {
		return m.reload(o)
	}
	m.log.Info("Reloading the configuration")
	m.notify(reloading())
	ok, log = m.reload(o)
	fmt.Fprint(m.opt.Stderr, log)
	log += engine.Verdict(ok)
	m.mu.Lock()
	m.bad = !ok
	m.lastLog = log
	if ok {
		m.done++
	} else {
		m.failed++
	}
	m.mu.Unlock()
	if ok {
		m.log.Info("Loading success.")
	} else {
		m.log.Warn("Loading failure! The configuration in force is unchanged.")
	}
	m.ready()
	return ok, log
}

func (m *Master) reload(o admin.ReloadOrder) (ok bool, log string) {
	cfg, world, problems := m.opt.Load()
	text := bytes.NewBufferString(problems)
	m.mu.Lock()
	w, loops := m.worker, engine.Loops(m.cfg)
	if m.stopping || w == nil || w.ended() {
		m.mu.Unlock()
		engine.Complain(text, errEnded)
		return false, text.String()
	}
	var fresh engine.Sockets
	var err error
	if cfg != nil && !o.DryRun {
		fresh, err = m.complete(cfg, loops)
	}
	m.nextID++
	id := m.nextID
	m.mu.Unlock()
	if cfg == nil || err != nil {
		if err != nil {
			engine.Complain(text, err)
		}
		if !o.DryRun { // the worker counts it and has the log targets
			_ = w.channel.Send(handover.Message{Op: opRefused, Text: text.String()})
		}
		return false, text.String()
	}
	return m.hand(w, &offer{id: id, cfg: cfg, world: world, fresh: fresh, order: o}, text)
}

// An offer is another configuration for the worker, with the sockets that it
// does not have yet.
type offer struct {
	id    int
	cfg   *config.Config
	world *handover.World
	fresh engine.Sockets
	order admin.ReloadOrder
}

// hand gives the worker its new configuration and waits for the result.
func (m *Master) hand(w *worker, o *offer, text *bytes.Buffer) (ok bool, log string) {
	msg, err := w.ask(o)
	text.WriteString(msg.Text)
	if err != nil || !msg.OK {
		o.fresh.Close()
		if err != nil {
			engine.Complain(text, err)
		}
		return false, text.String()
	}
	if o.order.DryRun {
		return true, text.String()
	}
	m.adopt(o)
	_ = w.channel.Send(handover.Message{Op: opRelease}) // fails only if the worker has ended
	return true, text.String()
}

// adopt makes what the worker has taken over the state that another worker
// would be started with, and closes our copies of sockets that it gives up.
func (m *Master) adopt(o *offer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cfg, m.world = o.cfg, o.world
	m.sockets.Add(o.fresh)
	stale := m.sockets.Stale(o.cfg)
	for key := range stale {
		delete(m.sockets, key)
	}
	stale.Close()
}

// notify tells systemd, if it started us with -Ws (sd_notify(3)).
func (m *Master) notify(state string) {
	if !m.opt.Systemd {
		return
	}
	if _, err := daemon.SdNotify(false, state); err != nil {
		m.log.Warn("cannot notify systemd", "state", strings.SplitN(state, "\n", 2)[0], "error", err)
	}
}

// reloading is the notification of Type=notify-reload, which needs the time.
func reloading() string {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return "RELOADING=1"
	}
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000)
}
