package engine

import (
	"fmt"
	"os"
	"strings"
	"time"

	"bascule/internal/admin"
	"bascule/internal/backend"
	"bascule/internal/events"
	"bascule/internal/stats"
)

// reloads are what became of the reloads of this process; mu of the Engine is
// not needed.
type reloads struct {
	done, refused int
	at            time.Time // of the last one; zero: none
	ok            bool
	log           string // what the last start or reload said
}

// Reload makes the process read its configuration again (Options.Reload).
// log tells what was found; after false nothing has changed.
func (e *Engine) Reload(o admin.ReloadOrder) (ok bool, log string) {
	if e.opt.Reload == nil {
		return false, "this process cannot read its configuration again"
	}
	return e.opt.Reload(o)
}

// Refused counts a reload that failed, and logs why.
func (e *Engine) Refused(log string) {
	e.note(false, log)
	e.tell(backend.LevelAlert, "Reload refused, the configuration in force is unchanged.\n"+log)
}

// note keeps what became of a reload.
func (e *Engine) note(ok bool, log string) {
	e.told.Lock()
	defer e.told.Unlock()
	r := &e.reloads
	if r.at, r.ok = time.Now(), ok; ok {
		r.done++
	} else {
		r.refused++
	}
	r.log = log + Verdict(ok)
	if ok {
		e.events.Add(events.Event{Kind: events.ReloadDone, Level: backend.LevelNotice, Text: "The new configuration is in force."})
	} else {
		e.events.Add(events.Event{Kind: events.ReloadRefused, Level: backend.LevelAlert, Text: "The configuration in force is unchanged: " + log})
	}
}

// Said is what the last reload said in all: what was found while its files were
// read too.
func (e *Engine) Said(log string) {
	e.told.Lock()
	defer e.told.Unlock()
	e.reloads.log = log
}

// Verdict is the line that ends what a reload says, in HAProxy's words.
func Verdict(ok bool) string {
	if ok {
		return fmt.Sprintf("[NOTICE]   (%d) : Loading success.\n", os.Getpid())
	}
	return fmt.Sprintf("[WARNING]  (%d) : Loading failure! The configuration in force is unchanged.\n", os.Getpid())
}

// Reloads counts the reloads that were put in force and that were refused.
func (e *Engine) Reloads() (done, refused int) {
	e.told.Lock()
	defer e.told.Unlock()
	return e.reloads.done, e.reloads.refused
}

// StartupLogs is what the last start or reload said.
func (e *Engine) StartupLogs() string {
	e.told.Lock()
	defer e.told.Unlock()
	if e.reloads.at.IsZero() {
		return e.opt.Startup
	}
	return e.reloads.log
}

// removed are the servers that reloads have taken out and that have sessions left.
func (e *Engine) removed() (list []*backend.Server) {
	for _, b := range e.order.Load().backends {
		list = append(list, b.Removed()...)
	}
	if gone := e.departed.Load(); gone != nil {
		for _, b := range *gone {
			list = append(list, b.Removed()...)
		}
	}
	return list
}

// depart publishes which backends are gone. It is called with mu held.
func (e *Engine) depart() {
	list := make([]*backend.Backend, 0, len(e.gone))
	for r := range e.gone {
		list = append(list, r.Backend)
	}
	e.departed.Store(&list)
}

// reloadFacts adds what is known of reloads.
func (e *Engine) reloadFacts(p *stats.Process) {
	e.told.Lock()
	r := e.reloads
	e.told.Unlock()
	p.Reloads, p.ReloadsRefused, p.LastReload, p.LastReloadOK = int64(r.done), int64(r.refused), r.at, r.ok
	for _, srv := range e.removed() {
		p.RemovedServers++
		p.RemovedSessions += srv.Cur.Cur()
	}
}

// tell sends a text, line by line, to the log targets of `global`.
func (e *Engine) tell(level int, text string) {
	for _, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) != "" {
			e.hub.Log(e.Config().Global.Logs, level, line)
		}
	}
}
