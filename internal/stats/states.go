package stats

import "bascule/internal/backend"

// States of the metrics, in HAProxy's order.
var (
	proxyStates  = []string{"DOWN", "UP"}
	socketStates = []string{"WAITING", "OPEN", "FULL"}
	serverStates = []string{"DOWN", "UP", "MAINT", "DRAIN", "NOLB"}
	checkStates  = []string{"HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP",
		"L7TOUT", "L7RSP", "L7OK", "L7OKC", "L7STS", "PROCERR", "PROCTOUT", "PROCOK"}
	replyFields = []struct{ code, field string }{
		{"1xx", "hrsp_1xx"}, {"2xx", "hrsp_2xx"}, {"3xx", "hrsp_3xx"},
		{"4xx", "hrsp_4xx"}, {"5xx", "hrsp_5xx"}, {"other", "hrsp_other"},
	}
)

// serverState is the one of serverStates that a server is in.
func serverState(st *backend.State) string {
	switch {
	case st.Admin.Maint():
		return "MAINT"
	case st.Op == backend.Stopped:
		return "DOWN"
	case st.Admin.Drain():
		return "DRAIN"
	case st.Op == backend.Stopping:
		return "NOLB"
	}
	return "UP"
}

// oneOf makes a series of each state: 1 for the present one.
func oneOf(states []string, present string) []sample {
	list := make([]sample, len(states))
	for i, s := range states {
		list[i].state = s
		if s == present {
			list[i].n = 1
		}
	}
	return list
}

func statusSamples(r *Row) []sample {
	switch {
	case r.Kind == Server:
		return oneOf(serverStates, serverState(r.state))
	case r.Kind == Listener:
		return oneOf(socketStates, status(r).text)
	case r.Kind == Backend && !r.up(), r.Kind == Frontend && r.stopping:
		return oneOf(proxyStates, "DOWN")
	}
	return oneOf(proxyStates, "UP")
}

// checkSamples are none for a server that is not checked now.
func checkSamples(r *Row) []sample {
	if c := &r.state.Check; !c.Enabled || c.Paused {
		return nil
	}
	return oneOf(checkStates, r.state.Check.Status.String())
}

func replySamples(r *Row) []sample {
	var list []sample
	for _, f := range replyFields {
		list = append(list, sample{f.code, fieldByName(f.field).Value(r).num})
	}
	return list
}

// tally counts servers by a state; none for a backend without servers.
func tally(r *Row, states []string, of func(*backend.State) string) []sample {
	if len(r.snap.Servers) == 0 {
		return nil
	}
	list := oneOf(states, "")
	for _, s := range r.snap.Servers {
		state := of(s.State())
		for i := range list {
			if list[i].state == state {
				list[i].n++
			}
		}
	}
	return list
}

func serversByState(r *Row) []sample { return tally(r, serverStates, serverState) }

func serversByCheck(r *Row) []sample {
	return tally(r, checkStates, func(st *backend.State) string {
		if !st.Check.Enabled {
			return ""
		}
		return st.Check.Status.String()
	})
}
