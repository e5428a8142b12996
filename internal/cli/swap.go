package cli

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"bascule/internal/admin"
	"bascule/internal/config"
	"bascule/internal/engine"
	"bascule/internal/handover"
)

// reloads lets one reload of the process run at a time; with a master it is the
// master's.
var reloads sync.Mutex

// reload reads the configuration again and swaps it in, without a master.
func (p *process) reload(e *engine.Engine, confined string, o admin.ReloadOrder) (ok bool, log string) {
	reloads.Lock()
	defer reloads.Unlock()
	if confined != "" {
		log = fmt.Sprintf("[ALERT]    (%d) : this process is inside the chroot %s and has no master (-W): it cannot read its configuration again\n", os.Getpid(), confined)
		return refuse(e, log, o)
	}
	l := p.load()
	if l.cfg == nil || l.verdict != config.Valid {
		return refuse(e, l.text+unchanged(l), o)
	}
	ok, log = swap(e, &l, nil, o)
	if ok && !o.DryRun {
		e.Release()
	}
	return ok, log
}

// refuse counts a reload that was not tried; that of a dry run is no reload.
func refuse(e *engine.Engine, log string, o admin.ReloadOrder) (bool, string) {
	if o.DryRun {
		return false, log
	}
	e.Refused(log)
	return false, log + engine.Verdict(false)
}

// reloadFrom swaps in what the master has read. The master has told the
// problems already.
func (p *process) reloadFrom(e *engine.Engine, w *handover.World, have engine.Sockets, o admin.ReloadOrder) (ok bool, log string) {
	l := p.loadFrom(w.Env(p.env()))
	if l.cfg == nil || l.verdict != config.Valid {
		have.Close()
		_, log = refuse(e, l.text, o)
		return false, log
	}
	problems := l.text
	ok, log = swap(e, &l, have, o)
	return ok, strings.TrimSuffix(strings.TrimPrefix(log, problems), engine.Verdict(ok))
}

// unchanged is what a file without listeners is told.
func unchanged(l loaded) string {
	if l.verdict == config.NoListener {
		return fmt.Sprintf("[ALERT]    (%d) : config : %s\n", os.Getpid(), l.verdict)
	}
	return ""
}

// swap puts a configuration in force, or for a dry run tells what that would
// change, and tells all that was found.
func swap(e *engine.Engine, l *loaded, have engine.Sockets, o admin.ReloadOrder) (ok bool, log string) {
	if o.DryRun {
		have.Close()
		return true, l.text + e.Difference(l.cfg, o.Forget)
	}
	var b strings.Builder
	b.WriteString(l.text)
	notes, err := e.Swap(l.cfg, have, o.Forget)
	if err != nil {
		engine.Complain(&b, err)
	}
	for _, note := range notes {
		fmt.Fprintf(&b, "[NOTICE]   (%d) : %s\n", os.Getpid(), note)
	}
	b.WriteString(engine.Verdict(err == nil))
	e.Said(b.String())
	return err == nil, b.String()
}
