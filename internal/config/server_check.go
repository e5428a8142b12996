package config

import (
	"slices"
	"strings"
	"time"

	"bascule/internal/lang"
)

// serverAgentAddr reads `agent-addr`.
func serverAgentAddr(o *options) {
	w := o.take()
	if w.Text == "" {
		o.bad(o.opt, "'agent-addr' expects an address as argument.")
		return
	}
	a, err := parseAddress(w.Text, o.lookup)
	if err == nil && a.Kind == AddrTCP && !a.IP.IsValid() {
		a.IP, err = o.lookupHost(a.Address)
	}
	if err != nil || a.Kind != AddrTCP || a.Port != 0 {
		o.bad(w, "parsing agent-addr failed. Check if '%s' is correct address.", w.Text)
		return
	}
	o.srv.Agent.Addr = a.Address
}

func serverAgentPort(o *options) {
	w := o.take()
	if w.Text == "" {
		o.bad(o.opt, "'agent-port' expects a port number as argument.")
		return
	}
	n, err := atoi(w.Text)
	if err != nil || n < 0 || n > 65535 {
		o.bad(w, "'agent-port' has to be within 0 and 65535 (got '%s').", w.Text)
		return
	}
	o.srv.Agent.Port = n
}

// initStates are the values of init-state.
var initStates = []string{"fully-up", "up", "down", "fully-down"}

func serverInitState(o *options) {
	w := o.take()
	if !slices.Contains(initStates, w.Text) {
		o.problem(w, "'init-state' expects one of 'fully-up', 'up', 'down', or 'fully-down' but got '"+w.Text+"'.", initStates)
		return
	}
	o.srv.InitState = w.Text
}

// serverTrack reads `track [PROXY/]SERVER`; it is looked up when all is read.
func serverTrack(o *options) {
	w := o.take()
	if w.Text == "" {
		o.bad(o.opt, "'track' expects [<proxy>/]<server> as argument.")
		return
	}
	o.srv.track = w
}

// finishChecks looks at what the options of a server say about checks together.
func (o *options) finishChecks(srv *Server) {
	if srv.Check && srv.track.Text != "" {
		o.bad(o.opt, "unable to enable checks and tracking at the same time!")
	}
	if srv.Agent.Check && srv.Agent.Port == 0 {
		o.bad(o.opt, "server %s does not have agent port. Agent check has been disabled.", srv.Name)
	}
}

// observes and onErrors are the values of observe and on-error, in the order of
// their types.
var (
	observes = []string{"none", "layer4", "layer7"}
	onErrors = []string{"fail-check", "fastinter", "sudden-death", "mark-down"}
)

func serverObserve(o *options) {
	w := o.take()
	i := slices.Index(observes, w.Text)
	switch {
	case w.Text == "":
		o.bad(o.opt, "'observe' expects <mode> as argument.")
	case i < 0:
		o.problem(w, "'observe' expects one of 'none', 'layer4', 'layer7' but got '"+w.Text+"'.", observes)
	case Observe(i) == ObserveLayer7 && o.px.Mode != ModeHTTP:
		o.warn(w, "'layer7' can only be used in http proxies.") // HAProxy calls it an alert and starts
	default:
		o.srv.Observe = Observe(i)
	}
}

func serverErrorLimit(o *options) {
	w := o.take()
	digits := len(w.Text) - len(strings.TrimLeft(w.Text, "0123456789"))
	n, err := atoi(w.Text[:digits]) // as HAProxy reads it: what follows the digits does not count
	switch {
	case w.Text == "":
		o.bad(o.opt, "'error-limit' expects an integer argument.")
	case err != nil || n <= 0 || n > maxInt32:
		o.bad(w, "error-limit has to be > 0.")
	default:
		o.srv.ErrorLimit = n
	}
}

func serverOnError(o *options) {
	w := o.take()
	i := slices.Index(onErrors, w.Text)
	if i < 0 {
		o.problem(w, "'on-error' expects one of 'fastinter', 'fail-check', 'sudden-death' or 'mark-down' but got '"+w.Text+"'.", onErrors)
		return
	}
	o.srv.OnError = OnError(i)
}

// serverCheckOptions are the options about checks, agents and tracking.
var serverCheckOptions = []Keyword{
	{Name: "agent-addr", In: OnServer, Usage: "<address>", Text: "Asks the agent at another address than the server's.", Example: "server s1 127.0.0.1:8080 agent-check agent-port 9001 agent-addr 127.0.0.2", option: serverAgentAddr},
	{Name: "agent-check", In: OnServer, Text: "Asks an agent beside the server for one line: up, down, stopped, fail, ready, drain, maint, a weight in percent, maxconn:N. Needs agent-port.", Example: "server s1 127.0.0.1:8080 weight 100 check agent-check agent-port 9001", option: serverFlag(func(s *Server) { s.Agent.Check = true })},
	{Name: "agent-inter", In: OnServer, Usage: "<delay>", Text: "Time between questions to the agent; inter where not given.", Example: "server s1 127.0.0.1:8080 agent-check agent-port 9001 agent-inter 5s", option: serverTime(func(s *Server) *time.Duration { return &s.Agent.Inter }, time.Millisecond)},
	{Name: "agent-port", In: OnServer, Usage: "<port>", Text: "Where the agent listens.", Example: "server s1 127.0.0.1:8080 agent-check agent-port 9001", option: serverAgentPort},
	{Name: "agent-send", In: OnServer, Usage: "<text>", Text: "What the agent is sent before it answers; nothing where not given.", Example: "server s1 127.0.0.1:8080 agent-check agent-port 9001 agent-send \"web\\n\"", option: func(o *options) {
		o.srv.Agent.Send, _ = o.text()
	}},
	{Name: "error-limit", In: OnServer, Usage: "<count>", Text: "Failures in a row of observed traffic that count as on-error says; 10 where not given.", Example: "server s1 127.0.0.1:8080 check observe layer4 error-limit 5", option: serverErrorLimit},
	{Name: "observe", In: OnServer, Usage: "{ none | layer4 | layer7 }", Text: "Lets traffic count beside the checks: refused connections (layer4), or those and what is no good answer (layer7): a status of 500 and more but for 501 and 505, a broken connection, a timeout, what is not HTTP. Needs check.", Example: "server s1 127.0.0.1:8080 check observe layer7", option: serverObserve},
	{Name: "on-error", In: OnServer, Usage: "{ fastinter | fail-check | sudden-death | mark-down }", Text: "What error-limit failures in a row do: the next check comes after fastinter; that, and they count as one failed check, which is the default; as all that are missing but one; as all.", Example: "server s1 127.0.0.1:8080 check observe layer7 on-error mark-down", option: serverOnError},
	{Name: "check-send-proxy", In: OnServer, Text: "Begins the connections of checks with the PROXY protocol, version 1.", Example: "server s1 127.0.0.1:8080 check check-send-proxy", option: serverFlag(func(s *Server) { s.CheckSendProxy = true })},
	{Name: "init-state", In: OnServer, Usage: "fully-up|up|down|fully-down", Text: "How a checked server begins and how it leaves maintenance: up, the default, is one failed check away from DOWN; down one passed check away from UP; the others need fall or rise.", Example: "server s1 127.0.0.1:8080 check init-state down", option: serverInitState},
	{Name: "no-agent-check", In: OnServer, Text: "Takes back `agent-check` of default-server.", Example: "server s1 127.0.0.1:8080 no-agent-check", option: serverFlag(func(s *Server) { s.Agent.Check = false })},
	{Name: "no-check-send-proxy", In: OnServer, Text: "Takes back `check-send-proxy` of default-server.", Example: "server s1 127.0.0.1:8080 check no-check-send-proxy", option: serverFlag(func(s *Server) { s.CheckSendProxy = false })},
	{Name: "track", In: OnServer, Usage: "[<backend>/]<server>", Text: "Follows the state of another server instead of checking: UP and DOWN, drain and maintenance.", Example: "server s1 127.0.0.1:8080 check\nserver s2 127.0.0.1:8081 track s1", option: serverTrack},
}

// resolveTracks looks up the servers that others follow.
func (l *loader) resolveTracks(d *draft) {
	for i, s := range d.Servers {
		if s.track.Text == "" {
			continue
		}
		if to, proxy := l.tracked(d, s, d.serverAt[i]); to != nil {
			s.Track, s.TrackProxy = to, proxy
		}
	}
}

// tracked finds the server that `track` of s names.
func (l *loader) tracked(d *draft, s *Server, at lang.Word) (to *Server, proxy string) {
	bad := func(format string, args ...any) {
		l.about(lang.Alert, at, "'server "+d.Name+"/"+s.Name+"' : "+format, args...)
		l.problems.List[len(l.problems.List)-1].Shape = lang.Placed
	}
	of, to := l.followed(d, s)
	switch {
	case of == nil:
		bad("unable to find required proxy '%s' for tracking.", trackProxy(d, s))
		return nil, ""
	case to == nil:
		_, name := trackWords(s.track.Text)
		bad("unable to find required server '%s' for tracking.", name)
		return nil, ""
	}
	seen := map[*Server]bool{s: true}
	px, end := of, to
	for end.track.Text != "" {
		if seen[end] {
			bad("unable to track %s/%s as it belongs to a tracking chain looping back to %s/%s.", of.Name, to.Name, d.Name, s.Name)
			return nil, ""
		}
		seen[end] = true
		next, nextTo := l.followed(px, end)
		if nextTo == nil {
			return nil, "" // an alert of its own
		}
		px, end = next, nextTo
	}
	switch {
	case !end.Check && !end.Agent.Check:
		bad("unable to use %s/%s for tracking as it does not have any check nor agent enabled.", of.Name, to.Name)
	case d != of && d.Check.DisableOn404 != of.Check.DisableOn404:
		bad("unable to use %s/%s for tracking: disable-on-404 option inconsistency.", of.Name, to.Name)
	default:
		return to, of.Name
	}
	return nil, ""
}

// followed is the proxy and the server that s names, nil where there is none.
func (l *loader) followed(d *draft, s *Server) (*draft, *Server) {
	of := l.byName["b/"+trackProxy(d, s)]
	if of == nil {
		return nil, nil
	}
	_, name := trackWords(s.track.Text)
	for _, o := range of.Servers {
		if o.Name == name {
			return of, o
		}
	}
	return of, nil
}

func trackProxy(d *draft, s *Server) string {
	if proxy, _ := trackWords(s.track.Text); proxy != "" {
		return proxy
	}
	return d.Name
}

// trackWords splits PROXY/SERVER.
func trackWords(text string) (proxy, server string) {
	proxy, server, both := strings.Cut(text, "/")
	if !both {
		return "", proxy
	}
	return proxy, server
}
