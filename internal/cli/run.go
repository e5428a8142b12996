package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"bascule/internal/admin"
	"bascule/internal/config"
	"bascule/internal/engine"
	"bascule/internal/handover"
	"bascule/internal/master"
)

// A process is one start of the balancer, in one of its shapes: foreground,
// background, master, worker.
type process struct {
	*flags
	args      []string
	inherited []int
	stderr    io.Writer
	log       *slog.Logger
	null      *os.File // /dev/null, for the background; else nil
}

func (p *process) run() int {
	// A process in the background and a worker were started as /proc/self/exe,
	// which says nothing in a list of processes.
	_ = os.WriteFile("/proc/self/comm", []byte(filepath.Base(p.args[0])), 0)
	if fd := os.Getenv(master.WorkerVariable); fd != "" {
		return p.work(fd)
	}
	l := p.load()
	if !p.quiet {
		fmt.Fprint(p.stderr, l.text)
	}
	if l.cfg == nil {
		return 1
	}
	if l.verdict == config.NoListener {
		engine.Complain(p.stderr, fmt.Errorf("No enabled listener found (check for 'bind' directives) ! Exiting."))
		return 1
	}
	if p.transfer != "" {
		p.log.Warn("-x: sockets are not fetched from another process; this one opens its own beside it")
	}
	g := &l.cfg.Global
	if ready := os.Getenv(master.ReadyVariable); ready == "" && (p.daemon || g.Daemon) && !p.foreground && !p.systemd {
		return p.background()
	}
	if p.pidfile == "" {
		p.pidfile = g.PIDFile
	}
	if p.master || g.MasterWorker {
		return p.runMaster(l)
	}
	return p.runAlone(l)
}

// runMaster is -W and -Ws.
func (p *process) runMaster(l loaded) int {
	socket, err := parseSocket(p.socket)
	if err != nil {
		engine.Complain(p.stderr, err)
		return 1
	}
	return master.Run(master.Options{
		Args: p.args, Cfg: l.cfg, World: l.world, Startup: l.text, Systemd: p.systemd, PIDFile: p.pidfile,
		Socket: socket, Inherited: p.inherited, Offered: engine.OfferedSockets(), Version: answered(), Log: p.log, Stderr: p.stderr,
		Load: func() (*config.Config, *handover.World, string) {
			l := p.load()
			if l.verdict != config.Valid {
				return nil, nil, l.text + unchanged(l)
			}
			return l.cfg, l.world, l.text
		},
		Started: func() { p.started(); p.relieve() },
	})
}

// runAlone is the balancer without a master.
func (p *process) runAlone(l loaded) int {
	var e *engine.Engine
	opt := p.options(l.text)
	confined := l.cfg.Global.Chroot
	opt.Reload = func(o admin.ReloadOrder) (bool, string) { return p.reload(e, confined, o) }
	opt.Offered = engine.OfferedSockets()
	e, err := engine.New(l.cfg, opt)
	if err != nil {
		engine.Complain(p.stderr, err)
		return 1
	}
	if err := p.writePID(); err != nil {
		engine.Complain(p.stderr, err)
		return 1
	}
	signals := caught()
	kept, err := engine.Confine(&l.cfg.Global, true)
	if err != nil {
		engine.Complain(p.stderr, err)
		return 1
	}
	e.Start()
	if !kept {
		p.log.Warn("the right to bind ports below 1024 is given up with the user: reloads cannot add such binds")
	}
	if confined == "" {
		for _, name := range engine.Unreadable(l.cfg) {
			p.log.Warn(fmt.Sprintf("%s cannot be read as the user of this process: a reload is going to fail; start with -W or make it readable", name))
		}
	}
	for _, name := range opt.Offered.Unclaimed(l.cfg) {
		p.log.Warn(engine.UnclaimedText(name))
	}
	p.started()
	p.relieve()
	return p.live(e, signals, nil)
}

func (p *process) options(startup string) engine.Options {
	return engine.Options{Log: p.log, MaxConn: p.maxconn, Version: answered(), Date: released(), Startup: startup}
}

func (p *process) writePID() error {
	if p.pidfile == "" {
		return nil
	}
	if err := os.WriteFile(p.pidfile, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o644); err != nil {
		return fmt.Errorf("Cannot create pidfile: %w", err)
	}
	return nil
}

// relieve tells the processes of -sf and -st that we have taken over.
func (p *process) relieve() {
	for _, pid := range p.finish {
		_ = syscall.Kill(pid, syscall.SIGUSR1) // one that is gone needs no word
	}
	for _, pid := range p.terminate {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
}

// caught are the signals that a balancer obeys.
func caught() <-chan os.Signal {
	c := make(chan os.Signal, 16)
	signal.Notify(c, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGTTOU, syscall.SIGTTIN)
	signal.Ignore(syscall.SIGPIPE)
	return c
}
