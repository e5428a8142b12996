package engine

import (
	"errors"
	"fmt"

	"bascule/internal/backend"
	"bascule/internal/events"
	"bascule/internal/stream"
)

// What "enable", "disable" and "shutdown frontend" answer where they have
// nothing to do, in HAProxy's words.
var (
	errNoFront     = errors.New("No such frontend.")
	errEnabled     = errors.New("All sockets are already enabled.")
	errDisabled    = errors.New("All sockets are already disabled.")
	errShut        = errors.New("Frontend was already shut down.")
	errShutEnable  = errors.New("Frontend was previously shut down, cannot enable.")
	errShutDisable = errors.New("Frontend was previously shut down, cannot disable.")
)

// SetFrontend opens, pauses or shuts a frontend: new clients are refused, those
// that are there stay. A reload opens again what was shut.
func (e *Engine) SetFrontend(name string, to stream.Stage) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := e.fronts[name]
	if f == nil {
		return errNoFront
	}
	switch was := f.Stage(); {
	case was == stream.Shut:
		return [...]error{stream.Open: errShutEnable, stream.Paused: errShutDisable, stream.Shut: errShut}[to]
	case was == stream.Open && to == stream.Open:
		return errEnabled
	case was == stream.Paused && to == stream.Paused:
		return errDisabled
	}
	e.stage(f, to)
	return nil
}

// stage does it and says so; mu is held.
func (e *Engine) stage(f *stream.Frontend, to stream.Stage) {
	px := f.Rules().Cfg
	what := kind(px)
	level, text := backend.LevelWarning, ""
	switch to {
	case stream.Open:
		text = fmt.Sprintf("Resumed %s %s.", what, f.Name)
	case stream.Paused:
		text = fmt.Sprintf("Paused %s %s.", what, f.Name)
	default:
		served := int64(0)
		if b := e.backends[f.Name]; b != nil {
			served = b.Counters.Sum(backend.Sessions)
		}
		text = fmt.Sprintf("Proxy %s stopped (cumulated conns: FE: %d, BE: %d).", f.Name, f.Counters.Sum(backend.Conns), served)
	}
	f.SetStage(to)
	for _, a := range e.listeners {
		switch {
		case a.to.Load().fe != f:
		case to != stream.Open:
			a.Refuse()
		case !e.paused.Load():
			a.Resume()
		}
	}
	e.log.Warn(text)
	e.hub.Log(px.Logs, level, text)
	e.events.Add(events.Event{Kind: events.FrontendChange, Level: level, Proxy: f.Name, Text: text})
}

// reopen opens the frontends that were shut, and with forget those that were
// paused, as a new process would; mu is held.
func (e *Engine) reopen(forget bool) {
	for _, f := range e.fronts {
		if s := f.Stage(); s == stream.Shut || forget && s == stream.Paused {
			e.stage(f, stream.Open)
		}
		if forget {
			f.SetMaxConn(0)
		}
	}
}

// AddServer adds a server to a backend until the next reload, in maintenance.
func (e *Engine) AddServer(b *backend.Backend, add backend.AddServer) error { return e.change(b, add) }

// DelServer takes one out that is in maintenance.
func (e *Engine) DelServer(b *backend.Backend, del backend.DelServer) error { return e.change(b, del) }

// change changes the servers of a backend, and who follows them.
func (e *Engine) change(b *backend.Backend, what backend.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := b.Ask(what); err != nil {
		return err
	}
	e.check()
	for i, l := range e.loops {
		l.Post(e.planes[i].Sweep)
	}
	return nil
}
