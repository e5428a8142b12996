package stats

import (
	"fmt"
	"net/netip"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/stream"
)

func (r *Row) http() bool { return r.Proxy.Mode == config.ModeHTTP }

// counters are those of the row's object.
func (r *Row) counters() *backend.Counters {
	switch r.Kind {
	case Frontend:
		return r.fe.Counters
	case Backend:
		return r.be.Counters
	case Listener:
		return r.bound.Counters
	}
	return r.srv.Counters
}

// count makes a field of a running total.
func count(k backend.Counter) func(*Row) Value {
	return func(r *Row) Value { return number(r.counters().Sum(k)) }
}

// never is a total of what does not happen here, such as compression.
func never(*Row) Value { return number(0) }

func (r *Row) cur() *backend.Gauge {
	switch r.Kind {
	case Frontend:
		return &r.fe.Cur
	case Backend:
		return &r.be.Cur
	case Listener:
		return &r.bound.Cur
	}
	return &r.srv.Cur
}

func (r *Row) queue() *backend.Gauge {
	if r.Kind == Backend {
		return &r.be.Queue
	}
	return &r.srv.Queue
}

func (r *Row) times() *backend.Times {
	if r.Kind == Backend {
		return r.be.Times
	}
	return r.srv.Times
}

// average and longest make fields of one phase of requests, in milliseconds.
func average(phase func(backend.Average) int64) func(*Row) Value {
	return func(r *Row) Value { return number(phase(r.times().Average())) }
}

func longest(phase func(backend.Average) int64) func(*Row) Value {
	return func(r *Row) Value { return number(phase(r.times().Max())) }
}

func queueTime(a backend.Average) int64    { return a.Queue }
func connectTime(a backend.Average) int64  { return a.Connect }
func responseTime(a backend.Average) int64 { return a.Response }
func totalTime(a backend.Average) int64    { return a.Total }

func seconds(d time.Duration) Value { return number(int64(max(d, 0) / time.Second)) }

func boolean(b bool) Value {
	if b {
		return number(1)
	}
	return number(0)
}

// positive is a limit: nothing stands for none.
func positive(n int64) Value {
	if n <= 0 {
		return Value{}
	}
	return number(n)
}

func rowName(r *Row) Value {
	switch r.Kind {
	case Frontend:
		return text("FRONTEND")
	case Backend:
		return text("BACKEND")
	case Listener:
		if name := r.bound.Bind.Name; name != "" {
			return text(name)
		}
		return text(fmt.Sprintf("sock-%d", r.bound.Bind.ID))
	}
	return text(r.srv.Name)
}

func sessionLimit(r *Row) Value {
	if r.Kind == Server {
		return positive(int64(r.state.MaxConn))
	}
	return number(r.maxconn)
}

func status(r *Row) Value {
	switch {
	case r.Kind == Server:
		return text(r.srv.Status())
	case r.Kind == Backend && r.up():
		return text("UP")
	case r.Kind == Backend:
		return text("DOWN")
	case r.stopping || r.Kind == Frontend && r.fe.Stage() == stream.Shut:
		return text("STOP")
	case r.Kind == Frontend && r.fe.Stage() == stream.Paused:
		return text("PAUSED")
	case r.maxconn > 0 && r.cur().Cur() >= r.maxconn:
		return text("FULL")
	}
	return text("OPEN")
}

// up says that a backend has a server in use, or none at all.
func (r *Row) up() bool { return r.snap.Weight > 0 || len(r.snap.Servers) == 0 }

func weight(r *Row) Value {
	if r.Kind == Backend {
		return number(int64(r.snap.Weight))
	}
	return number(int64(r.state.Weight()))
}

func userWeight(r *Row) Value {
	if r.Kind == Backend {
		return number(int64(r.snap.UWeight))
	}
	return number(int64(r.state.UWeight))
}

func active(r *Row) Value {
	if r.Kind == Backend {
		return number(int64(r.snap.Act))
	}
	return boolean(!r.srv.Config().Backup)
}

func backup(r *Row) Value {
	if r.Kind == Backend {
		return number(int64(r.snap.Bck))
	}
	return boolean(r.srv.Config().Backup)
}

// checked limits a field to servers that are checked; in maintenance they
// keep what was counted.
func checked(get func(*Row) Value) func(*Row) Value {
	return func(r *Row) Value {
		if !r.state.Check.Enabled {
			return Value{}
		}
		return get(r)
	}
}

// checking limits a field to servers that are being checked now.
func checking(get func(*Row) Value) func(*Row) Value {
	return checked(func(r *Row) Value {
		if r.state.Check.Paused {
			return Value{}
		}
		return get(r)
	})
}

// agent limits a field to servers whose agent is asked.
func agent(get func(*backend.State) Value) func(*Row) Value {
	return func(r *Row) Value {
		if !r.state.Agent.Enabled {
			return Value{}
		}
		return get(r.state)
	}
}

// tracked is the server that this one follows.
func tracked(r *Row) Value {
	to := r.srv.Tracked()
	if to == nil {
		return Value{}
	}
	return text(to.Backend().Name() + "/" + to.Name)
}

func agentCode(st *backend.State) Value {
	if !st.Agent.Status.HasCode() {
		return Value{}
	}
	return number(int64(st.Agent.Code))
}

func agentHealth(st *backend.State) Value {
	if st.AgentUp {
		return number(1)
	}
	return number(0)
}

// agentCounts is rise and fall of every agent.
const agentCounts = 1

func downs(r *Row) Value {
	switch {
	case r.Kind == Backend:
		return number(r.status.Downs)
	case r.state.Check.Enabled:
		return number(r.state.Downs)
	}
	return Value{}
}

func lastChange(r *Row) Value {
	if r.Kind == Backend {
		return seconds(r.now.Sub(r.status.Since))
	}
	return seconds(r.now.Sub(r.state.Since))
}

func downtime(r *Row) Value {
	switch {
	case r.Kind == Backend && len(r.snap.Servers) > 0:
		return seconds(r.status.Downtime(r.now))
	case r.Kind == Server && r.state.Check.Enabled:
		return seconds(r.state.Downtime(r.now))
	}
	return Value{}
}

func serverID(r *Row) Value {
	if r.Kind == Server {
		return number(int64(r.srv.ID()))
	}
	if r.Kind == Listener {
		return number(int64(r.bound.Bind.ID))
	}
	return number(0)
}

func throttle(r *Row) Value {
	if percent, starting := r.state.Throttle(); starting {
		return number(int64(percent))
	}
	return Value{}
}

func sessionRate(r *Row) Value {
	switch r.Kind {
	case Frontend:
		return number(r.rates.Sessions.Per)
	case Backend:
		return number(r.be.Rate.Per())
	}
	return number(r.srv.Rate.Per())
}

func sessionRateMax(r *Row) Value {
	switch r.Kind {
	case Frontend:
		return number(r.rates.Sessions.Max)
	case Backend:
		return number(r.be.Rate.Max())
	}
	return number(r.srv.Rate.Max())
}

func checkCode(r *Row) Value {
	if c := &r.state.Check; c.Status.HasCode() {
		return number(int64(c.Code))
	}
	return Value{}
}

func checkDuration(r *Row) Value {
	if d := r.state.Check.Duration; d >= 0 {
		return number(d.Milliseconds())
	}
	return Value{}
}

// lastSession is how many seconds ago a server got its last session, -1 if
// never.
func lastSession(r *Row) Value {
	var last int64
	if r.Kind == Server {
		last = r.srv.LastSession.Load()
	} else {
		for _, s := range r.snap.Servers {
			last = max(last, s.LastSession.Load())
		}
	}
	if last == 0 {
		return number(-1)
	}
	return number(max(r.now.Unix()-last, 0))
}

func address(r *Row) Value {
	if !r.legends {
		return Value{}
	}
	if r.Kind == Listener {
		return bindAddress(&r.bound.Bind.Addr)
	}
	switch r.srv.Config().Addr.Kind {
	case config.AddrUnix, config.AddrAbns:
		return text("unix")
	}
	if a := r.srv.Addr(); a.IsValid() {
		return text(a.String())
	}
	return Value{}
}

// bindAddress is where a listener is.
func bindAddress(a *config.Address) Value {
	if a.Kind != config.AddrTCP || !a.IP.IsValid() {
		return text("unix")
	}
	return text(netip.AddrPortFrom(a.IP, uint16(a.Port)).String())
}

func cookie(r *Row) Value {
	value := ""
	if r.Kind == Server {
		value = r.srv.Config().Cookie
	} else if c := r.Proxy.Cookie; c != nil {
		value = c.Name
	}
	if value == "" || !r.legends {
		return Value{}
	}
	return text(value)
}

func algorithm(r *Row) Value {
	if !r.legends {
		return Value{}
	}
	return text(r.Proxy.Balance.Algorithm.String())
}

// idleLimit is pool-max-conn, nothing if there is none.
func idleLimit(r *Row) Value {
	if n := r.srv.Config().PoolMaxConn; n >= 0 {
		return number(int64(n))
	}
	return Value{}
}

func idle(r *Row) Value { return number(max(r.srv.IdleConns.Load(), 0)) }

// analyzed is hanafail, of servers that are observed.
func analyzed(r *Row) Value {
	if r.srv.Config().Observe == config.ObserveNone {
		return Value{}
	}
	return number(r.state.Analyzed)
}
