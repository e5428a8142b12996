package engine

import (
	"cmp"
	"sync/atomic"

	"bascule/internal/config"
)

// asked are limits of the process that were set at run time; they last until a
// reload changes the line of the file that they stand for, or forgets them.
type asked struct {
	maxConn  atomic.Int64 // 0: as the file says
	connects atomic.Int64 // maxconnrate plus 1, 0: as the file says
	sessions atomic.Int64 // maxsessrate likewise
	ssl      atomic.Int64 // maxsslrate likewise
	rate     atomic.Int64 // what follows from the first two and the file: connections a second, 0: any
}

// most is the limit on connections that is in force under a larger one.
func (a *asked) most(hard int64) int64 { return min(cmp.Or(a.maxConn.Load(), hard), hard) }

func (a *asked) connRate(t *config.Tuning) int64 { return set(&a.connects, t.ConnRate) }
func (a *asked) sessRate(t *config.Tuning) int64 { return set(&a.sessions, t.SessRate) }

func (a *asked) sslRate(t *config.Tuning) int64 { return set(&a.ssl, t.SSLRate) }

func set(at *atomic.Int64, file int) int64 {
	if n := at.Load(); n > 0 {
		return n - 1
	}
	return int64(file)
}

// settle makes what accepting looks at.
func (a *asked) settle(t *config.Tuning) {
	conns, sessions := a.connRate(t), a.sessRate(t)
	if conns == 0 || sessions > 0 && sessions < conns {
		conns = sessions
	}
	a.rate.Store(conns)
}

// changed drops what a reload says otherwise.
func (a *asked) changed(was, now *config.Global) {
	if was.MaxConn != now.MaxConn {
		a.maxConn.Store(0)
	}
	if was.Tuning.ConnRate != now.Tuning.ConnRate {
		a.connects.Store(0)
	}
	if was.Tuning.SessRate != now.Tuning.SessRate {
		a.sessions.Store(0)
	}
	if was.Tuning.SSLRate != now.Tuning.SSLRate {
		a.ssl.Store(0)
	}
}

func (a *asked) forget() {
	a.maxConn.Store(0)
	a.connects.Store(0)
	a.sessions.Store(0)
	a.ssl.Store(0)
}

// SetMaxConn limits the client connections of the process, 0: to what it began
// with. It says no to more than that.
func (e *Engine) SetMaxConn(n int) bool {
	hard := int64(e.limits.Load().MaxConn)
	if n < 0 || int64(n) > hard {
		return false
	}
	e.asked.maxConn.Store(int64(n))
	e.env.MaxConn.Store(e.asked.most(hard))
	return true
}

// SetConnRate and SetSessRate limit the connections and the sessions that begin
// in a second, 0: any number.
func (e *Engine) SetConnRate(n int) { e.setRate(&e.asked.connects, n) }

// SetSessRate see SetConnRate.
func (e *Engine) SetSessRate(n int) { e.setRate(&e.asked.sessions, n) }

// SetSSLRate limits the clients with TLS that are accepted in a second, 0: any number.
func (e *Engine) SetSSLRate(n int) { e.setRate(&e.asked.ssl, n) }

func (e *Engine) setRate(at *atomic.Int64, n int) {
	at.Store(int64(n) + 1)
	e.asked.settle(&e.Config().Global.Tuning)
}
