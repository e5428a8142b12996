package stats

import "bascule/internal/backend"

// killSessions is the action that ends all streams of a server.
const killSessions = "shutdown"

// changes are the actions of the page's form, by the names that HAProxy's form
// sends; nil for a server that has nothing to be changed so.
var changes = map[string]func(*backend.Server) backend.Event{
	"ready":  func(s *backend.Server) backend.Event { return backend.SetState{Srv: s, Order: backend.Ready} },
	"drain":  func(s *backend.Server) backend.Event { return backend.SetState{Srv: s, Order: backend.Drain} },
	"maint":  func(s *backend.Server) backend.Event { return backend.SetState{Srv: s, Order: backend.Maint} },
	"dhlth":  func(s *backend.Server) backend.Event { return setChecks(s, false) },
	"ehlth":  func(s *backend.Server) backend.Event { return setChecks(s, true) },
	"hrunn":  func(s *backend.Server) backend.Event { return setHealth(s, backend.Running) },
	"hnolb":  func(s *backend.Server) backend.Event { return setHealth(s, backend.Stopping) },
	"hdown":  func(s *backend.Server) backend.Event { return setHealth(s, backend.Stopped) },
	"dagent": func(s *backend.Server) backend.Event { return setAgent(s, false) },
	"eagent": func(s *backend.Server) backend.Event { return setAgent(s, true) },
	"arunn":  func(s *backend.Server) backend.Event { return setAgentHealth(s, true) },
	"adown":  func(s *backend.Server) backend.Event { return setAgentHealth(s, false) },
}

func setChecks(s *backend.Server, on bool) backend.Event {
	if !s.State().Check.Configured {
		return nil
	}
	return backend.SetChecks{Srv: s, On: on}
}

// setHealth is not for a server that follows another one.
func setHealth(s *backend.Server, op backend.Op) backend.Event {
	if s.Tracked() != nil {
		return nil
	}
	return backend.SetHealth{Srv: s, Op: op}
}

func setAgent(s *backend.Server, on bool) backend.Event {
	if !s.State().Agent.Configured {
		return nil
	}
	return backend.SetAgent{Srv: s, On: on}
}

func setAgentHealth(s *backend.Server, up bool) backend.Event {
	if !s.State().Agent.Enabled {
		return nil
	}
	return backend.SetAgentHealth{Srv: s, Up: up}
}
