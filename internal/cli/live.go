package cli

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"bascule/internal/admin"
	"bascule/internal/engine"
)

// live obeys signals until the balancer is to end, and ends it. gone, which
// may be nil, tells that the master has ended. It returns the exit code.
func (p *process) live(e *engine.Engine, signals <-chan os.Signal, gone <-chan struct{}) int {
	var finished <-chan struct{}
	for {
		select {
		case s := <-signals:
			switch s {
			case syscall.SIGUSR1:
				p.log.Warn("stopping: no more connections are accepted, clients may finish")
				finished = e.SoftStop()
			case syscall.SIGUSR2:
				go p.reloadBySignal(e, gone != nil) // ends with the reload
			case syscall.SIGHUP:
				e.DumpServers()
			case syscall.SIGTTOU:
				e.Pause()
			case syscall.SIGTTIN:
				e.Resume()
			case syscall.SIGTERM, syscall.SIGINT:
				e.Stop()
				die(s.(syscall.Signal))
				return 0
			}
		case <-finished:
			e.Stop()
			return 0
		case <-gone:
			p.log.Error("the master has ended; so does its worker")
			e.Stop()
			return 1
		case err := <-e.Failed():
			engine.Complain(p.stderr, err)
			e.Stop()
			return 1
		}
	}
}

// die ends the process by the signal that it was told to end by, as whoever
// waits for it expects.
func die(s syscall.Signal) {
	signal.Reset(s)
	_ = syscall.Kill(os.Getpid(), s) // a process may signal itself
	select {}
}

// reloadBySignal reloads; a master tells by itself what came of it.
func (p *process) reloadBySignal(e *engine.Engine, hasMaster bool) {
	if hasMaster {
		e.Reload(admin.ReloadOrder{})
		return
	}
	p.log.Info("Reloading the configuration")
	ok, log := e.Reload(admin.ReloadOrder{})
	if !ok || !p.quiet {
		fmt.Fprint(p.stderr, log)
	}
}
