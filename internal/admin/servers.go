package admin

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"bascule/internal/backend"
)

// onServer runs f with the server that the first argument names, and the
// arguments after it.
func (w worker) onServer(f func(c *Call, b *backend.Backend, srv *backend.Server)) func(*Call) {
	return func(c *Call) {
		b, name := w.backendAndName(c)
		if b == nil {
			return
		}
		srv := serverOf(b, name)
		if srv == nil {
			c.Fail("No such server.")
			return
		}
		c.Args = c.Args[1:]
		f(c, b, srv)
	}
}

// backendAndName reads the first word, "backend/server", where the backend is known; nil:
// it is not, or the word is another, and the caller was told.
func (w worker) backendAndName(c *Call) (*backend.Backend, string) {
	be, name, ok := strings.Cut(c.Arg(0), "/")
	if !ok || name == "" {
		c.Fail("Require 'backend/server'.")
		return nil, ""
	}
	b := w.backend(be)
	if b == nil {
		c.Fail("No such backend.")
	}
	return b, name
}

// backend finds a backend by name or by "#id".
func (w worker) backend(word string) *backend.Backend {
	id := number(word)
	for _, b := range w.p.Stats().Backends() {
		if b.Name() == word || id >= 0 && b.ID() == id {
			return b
		}
	}
	return nil
}

func serverOf(b *backend.Backend, word string) *backend.Server {
	if srv := b.Server(word); srv != nil {
		return srv
	}
	id := number(word)
	for _, srv := range b.Servers() {
		if id >= 0 && srv.ID() == id {
			return srv
		}
	}
	return nil
}

// number reads "#12", else -1.
func number(word string) int {
	text, ok := strings.CutPrefix(word, "#")
	if !ok {
		return -1
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

// ask posts an event and answers with its error, if any.
func ask(c *Call, b *backend.Backend, e backend.Event) {
	if err := b.Ask(e); err != nil {
		c.Fail("%s", err)
	}
}

func setState(o backend.Order) func(*Call, *backend.Backend, *backend.Server) {
	return func(c *Call, b *backend.Backend, srv *backend.Server) {
		ask(c, b, backend.SetState{Srv: srv, Order: o})
	}
}

func setChecks(on bool) func(*Call, *backend.Backend, *backend.Server) {
	return func(c *Call, b *backend.Backend, srv *backend.Server) {
		if on && !srv.State().Check.Configured {
			c.Fail("Health check was not configured on this server, cannot enable.")
			return
		}
		ask(c, b, backend.SetChecks{Srv: srv, On: on})
	}
}

func getWeight(c *Call, _ *backend.Backend, srv *backend.Server) {
	st := srv.State()
	fmt.Fprintf(c.Out(), "%d (initial %d)\n", st.UWeight, st.IWeight)
}

func setWeight(c *Call, b *backend.Backend, srv *backend.Server) {
	text := c.Arg(0)
	if text == "" {
		c.Fail("Require <weight> or <weight%%>.")
		return
	}
	ask(c, b, backend.SetWeight{Srv: srv, Text: text})
}

// setMaxConn is "set maxconn server b/s N".
func setMaxConn(c *Call, b *backend.Backend, srv *backend.Server) {
	if c.Arg(0) == "" {
		c.Fail("Require <maxconn>.")
		return
	}
	ask(c, b, backend.SetMaxConn{Srv: srv, Text: c.Arg(0)})
}

// setServer is "set server b/s WHAT VALUE".
func (w worker) setServer(c *Call, b *backend.Backend, srv *backend.Server) {
	what := c.Arg(0)
	if len(c.Args) > 0 {
		c.Args = c.Args[1:]
	}
	switch what {
	case "weight":
		setWeight(c, b, srv)
	case "state":
		order, ok := map[string]backend.Order{"ready": backend.Ready, "drain": backend.Drain, "maint": backend.Maint}[c.Arg(0)]
		if !ok {
			c.Fail("'set server <srv> state' expects 'ready', 'drain' and 'maint'.")
			return
		}
		if order == backend.Drain {
			c.Args = c.Args[1:]
			setStateDrain(c, b, srv)
			return
		}
		ask(c, b, backend.SetState{Srv: srv, Order: order})
	case "health":
		op, ok := map[string]backend.Op{"up": backend.Running, "stopping": backend.Stopping, "down": backend.Stopped}[c.Arg(0)]
		if !ok {
			c.Fail("'set server <srv> health' expects 'up', 'stopping', or 'down'.")
			return
		}
		if srv.Tracked() != nil {
			c.Fail("cannot change health on a tracking server.")
			return
		}
		ask(c, b, backend.SetHealth{Srv: srv, Op: op})
	case "agent":
		setAgentHealth(c, b, srv)
	case "addr":
		setAddr(c, b, srv)
	case "fqdn":
		if c.Arg(0) == "" {
			c.Fail("set server <b>/<s> fqdn requires a FQDN.")
			return
		}
		c.Fail("set server <b>/<s> fqdn failed because no resolution is configured.")
	case "ssl":
		w.setSSL(c, b, srv)
	case "check-addr", "check-port", "agent-addr", "agent-port", "agent-send":
		setProbeAt(c, b, srv, what)
	default:
		c.Fail("usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | check-port | fqdn | health | ssl | state | weight")
	}
}

func (w worker) shutdownSessions(_ *Call, _ *backend.Backend, srv *backend.Server) {
	w.p.ShutdownSessions(srv)
}

// stateHeader names the 25 columns of "show servers state", format 1.
const stateHeader = "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight " +
	"srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state " +
	"bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port"

// named are the backends that a command asks for: the one it names, or all. It
// has answered itself if there is none of that name.
func (w worker) named(c *Call) ([]*backend.Backend, bool) {
	name := c.Arg(0)
	if name == "" {
		return w.p.Stats().Backends(), true
	}
	b := w.backend(name)
	if b == nil {
		c.Fail("Can't find backend.")
		return nil, false
	}
	return []*backend.Backend{b}, true
}

func (w worker) showServersState(c *Call) {
	backends, ok := w.named(c)
	if !ok {
		return
	}
	_ = WriteStates(c.Out(), backends, time.Now()) // a reader that is gone ends the session
}
