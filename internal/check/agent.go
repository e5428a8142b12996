package check

import (
	"bytes"
	"context"
	"strings"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// askAgent asks a server's agent once: it connects, sends agent-send, and reads
// one line.
func (c *Checker) askAgent(ctx context.Context, s *backend.Server) (e backend.AgentResult, fault error) {
	at, px := s.ProbeAt(), s.Backend().Config()
	r := &run{c: c, ctx: ctx, srv: s, kind: config.CheckProtocol,
		target: target{addr: at.AgentAddr, port: at.AgentPort}, timing: timingOf(agentInterval(s), px)}
	e.Srv = s
	line, over := (*backend.AgentLine)(nil), false
	steps := []config.CheckStep{{Connect: &config.CheckDial{}}, {Number: agentStep}}
	r.start()
	r.step = &steps[0]
	if over = r.connect(steps[0].Connect); !over && at.AgentSend != "" {
		over = r.send([]byte(at.AgentSend))
	}
	if !over {
		r.step = &steps[1]
		line = r.agentLine()
	}
	e.Result, fault = r.finish()
	e.Line = line
	return e, fault
}

// agentStep is the number of the step that reads, in HAProxy's messages.
const agentStep = 2

// agentLine reads the agent's line; nil after a failure.
func (r *run) agentLine() *backend.AgentLine {
	for {
		if i := bytes.IndexAny(r.buf, "\r\n\x00"); i >= 0 {
			return parseAgentLine(string(r.buf[:i]))
		}
		if r.ended && len(r.buf) == 0 {
			r.end(backend.CheckL7RSP, "TCPCHK got an empty response at step 2")
			return nil
		}
		if r.ended {
			return &backend.AgentLine{Incomplete: true}
		}
		if err := r.read(); err != nil {
			r.broken(err)
			return nil
		}
	}
}

// agentOrders are the words about the administrative state.
var agentOrders = map[string]backend.Order{"ready": backend.Ready, "drain": backend.Drain, "maint": backend.Maint}

// parseAgentLine reads words in any order, between blanks and commas; of words
// of one kind the last one counts, of those that mean nothing the first.
func parseAgentLine(text string) *backend.AgentLine {
	l := &backend.AgentLine{}
	words, reason, _ := strings.Cut(text, "#")
	l.Reason = strings.TrimLeft(reason, " \t")
	for _, w := range strings.FieldsFunc(words, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' }) {
		low := strings.ToLower(w)
		order, isOrder := agentOrders[low]
		limit, isLimit := strings.CutPrefix(low, "maxconn:")
		switch {
		case low == "up":
			l.Health, l.Word = backend.AgentUp, w
		case low == "down" || low == "stopped" || low == "fail":
			l.Health, l.Word = backend.AgentDown, w
		case isOrder:
			l.Order = &order
		case w[0] >= '0' && w[0] <= '9' && strings.Contains(w, "%"):
			l.Weight = w
		case isLimit:
			if l.MaxConn = limit; limit == "" {
				l.MaxConn = " " // is refused, with a reason
			}
		case l.Unknown == "":
			l.Unknown = w
		}
	}
	return l
}

// agentInterval is the time between two questions to an agent.
func agentInterval(s *backend.Server) time.Duration {
	cfg := s.Config()
	if cfg.Agent.Inter > 0 {
		return max(cfg.Agent.Inter, minInterval)
	}
	return max(cfg.Inter, minInterval)
}
