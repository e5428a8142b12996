package admin

import (
	"net/netip"
	"strconv"

	"bascule/internal/backend"
)

// maxPort is the greatest port.
const maxPort = 65535

// setAgentHealth is "set server b/s agent up|down".
func setAgentHealth(c *Call, b *backend.Backend, srv *backend.Server) {
	up, down := c.Arg(0) == "up", c.Arg(0) == "down"
	switch {
	case !srv.State().Agent.Enabled:
		c.Fail("agent checks are not enabled on this server.")
	case !up && !down:
		c.Fail("'set server <srv> agent' expects 'up' or 'down'.")
	default:
		ask(c, b, backend.SetAgentHealth{Srv: srv, Up: up})
	}
}

// setAgent is "enable agent" and "disable agent".
func setAgent(on bool) func(*Call, *backend.Backend, *backend.Server) {
	return func(c *Call, b *backend.Backend, srv *backend.Server) {
		if on && !srv.State().Agent.Configured {
			c.Fail("Agent was not configured on this server, cannot enable.")
			return
		}
		ask(c, b, backend.SetAgent{Srv: srv, On: on})
	}
}

// setProbeAt is "set server b/s check-addr ADDR [port PORT]", check-port,
// agent-addr, agent-port and agent-send.
func setProbeAt(c *Call, b *backend.Backend, srv *backend.Server, what string) {
	st := srv.State()
	agent := what[:5] == "agent"
	switch {
	case agent && !st.Agent.Enabled:
		c.Fail("agent checks are not enabled on this server")
		return
	case !agent && !st.Check.Enabled:
		c.Fail("health checks are not enabled on this server")
		return
	case c.Arg(0) == "" && what != "agent-send":
		c.Fail("set server <b>/<s> %s requires %s.", what, needs[what])
		return
	}
	var change func(*backend.ProbeAt)
	value := c.Arg(0)
	switch what {
	case "agent-send":
		change = func(at *backend.ProbeAt) { at.AgentSend = value }
	case "check-port", "agent-port":
		port, ok := portOf(c, value)
		if !ok {
			return
		}
		change = setPort(agent, port)
	default:
		ip, err := netip.ParseAddr(value)
		if err != nil {
			c.Fail("invalid addr '%s'.", value)
			return
		}
		port := 0
		if c.Arg(1) == "port" {
			var ok bool
			if port, ok = portOf(c, c.Arg(2)); !ok {
				return
			}
		}
		change = func(at *backend.ProbeAt) {
			if agent {
				at.AgentAddr = ip
			} else {
				at.CheckAddr = ip
			}
			if port != 0 {
				setPort(agent, port)(at)
			}
		}
	}
	ask(c, b, backend.SetProbeAt{Srv: srv, Change: change})
}

// needs is what the words of "set server" about checks are followed by.
var needs = map[string]string{
	"check-addr": "an address and optionally a port", "agent-addr": "an address and optionally a port",
	"check-port": "a port", "agent-port": "a port",
}

func setPort(agent bool, port int) func(*backend.ProbeAt) {
	return func(at *backend.ProbeAt) {
		if agent {
			at.AgentPort = port
		} else {
			at.CheckPort = port
		}
	}
}

func portOf(c *Call, text string) (int, bool) {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		c.Fail("provided port is not an integer")
	case n < 0 || n > maxPort:
		c.Fail("provided port is invalid")
	default:
		return n, true
	}
	return 0, false
}
