package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing/fstest"
	"time"

	"bascule/internal/config"
)

// mostServers is how many servers a file has at most.
const mostServers = 5

// A setup is the configuration of a simulation, as far as it is drawn.
type setup struct {
	lines   []string // of the listen section, servers apart
	servers []line
	retries int
	// What the judge has to know.
	redispatch bool
	sticky     bool
	keyed      bool          // option replay-idempotency-key
	onSilence  bool          // option replay-on-silence
	never      bool          // no option safe-replay
	passErrors bool          // no option replay-on-error
	keep       int           // replay-body-size
	queue      time.Duration // timeout queue
}

// A line is that of a server.
type line struct {
	n    int
	rest string
}

func (l line) String() string {
	return fmt.Sprintf("server s%d 127.0.0.1:%d cookie c%d %s", l.n, port(l.n-1), l.n, l.rest)
}

func port(i int) int { return 8001 + i }

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func drawSetup(r *rand.Rand) (s setup) {
	say := func(format string, args ...any) { s.lines = append(s.lines, fmt.Sprintf(format, args...)) }
	say("mode http")
	say("balance %s", pick(r, "roundrobin", "roundrobin", "leastconn", "static-rr", "random", "first", "source", "uri"))
	say("timeout connect %dms", pick(r, 50, 200, 1000))
	say("timeout server %dms", pick(r, 300, 800, 2000))
	say("timeout client %dms", pick(r, 1000, 5000))
	s.queue = time.Duration(pick(r, 100, 1000, 5000)) * time.Millisecond
	say("timeout queue %dms", s.queue.Milliseconds())
	if r.IntN(3) == 0 {
		say("timeout check %dms", pick(r, 100, 500))
	}
	if s.retries = pick(r, 3, 3, 3, 1, 0, 2, 10); s.retries != 3 {
		say("retries %d", s.retries)
	}
	switch pick(r, 0, 1, 2, 3) {
	case 1, 2:
		s.redispatch = true
		say("option redispatch")
	case 3:
		s.redispatch = true
		say("option redispatch %d", pick(r, 1, 2, -1))
	}
	if s.sticky = r.IntN(2) == 0; s.sticky {
		say("cookie SRV insert indirect nocache")
	}
	if r.IntN(4) > 0 {
		say("option httpchk GET /health")
	}
	for _, o := range []string{"option abortonclose", "http-reuse always", "http-reuse never", "option allbackups", "option http-buffer-request"} {
		if r.IntN(6) == 0 {
			say("%s", o)
		}
	}
	s.drawOwn(r, say)
	n := 1 + r.IntN(mostServers)
	for i := range n {
		s.servers = append(s.servers, drawLine(r, i+1))
	}
	return s
}

// drawLater draws what the simulation has learnt since: by a source of its own, so
// that the seeds of before play as they did.
func (s *setup) drawLater(r *rand.Rand) {
	if s.passErrors = s.never; r.IntN(8) == 0 {
		s.passErrors = true
		s.lines = append(s.lines, "no option replay-on-error")
	}
}

// drawOwn draws what only bascule knows.
func (s *setup) drawOwn(r *rand.Rand, say func(string, ...any)) {
	option := func(one int, text string) bool {
		if r.IntN(one) > 0 {
			return false
		}
		say("%s", text)
		return true
	}
	s.onSilence = option(5, "option replay-on-silence")
	s.keyed = option(3, "option replay-idempotency-key")
	s.never = option(10, "no option safe-replay")
	option(8, "no option redispatch-at-once")
	option(4, "no option fast-detect")
	if s.keep = 256 << 10; r.IntN(4) == 0 {
		s.keep = pick(r, 0, 1000, 30000)
		say("replay-body-size %d", s.keep)
	}
}

func drawLine(r *rand.Rand, n int) line {
	words := []string{fmt.Sprintf("check inter %dms fall %d rise %d", pick(r, 100, 300, 1000), 1+r.IntN(3), 1+r.IntN(3))}
	maybe := func(one int, format string, args ...any) {
		if r.IntN(one) == 0 {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	maybe(4, "fastinter %dms", pick(r, 50, 100))
	maybe(5, "downinter %dms", pick(r, 200, 2000))
	maybe(3, "maxconn %d", 1+r.IntN(4))
	maybe(4, "maxqueue %d", 1+r.IntN(3))
	maybe(3, "on-marked-down shutdown-sessions")
	maybe(6, "on-marked-up shutdown-backup-sessions")
	maybe(5, "slowstart %ds", 1+r.IntN(2))
	maybe(6, "weight %d", 1+r.IntN(20))
	maybe(8, "observe %s error-limit %d on-error %s", pick(r, "layer4", "layer7"), 1+r.IntN(5),
		pick(r, "fastinter", "fail-check", "sudden-death", "mark-down"))
	if n > 1 {
		maybe(8, "backup")
	}
	return line{n, strings.Join(words, " ")}
}

// again draws what a reload brings: servers that go and come, other limits.
func (s setup) again(r *rand.Rand) setup {
	var list []line
	for _, l := range s.servers {
		switch r.IntN(4) {
		case 0:
			if len(s.servers) > 1 {
				continue
			}
		case 1:
			l = drawLine(r, l.n)
		}
		list = append(list, l)
	}
	if n := 1 + r.IntN(mostServers); len(list) == 0 || !has(list, n) {
		list = append(list, drawLine(r, n))
	}
	s.servers = list
	return s
}

func has(list []line, n int) bool {
	for _, l := range list {
		if l.n == n {
			return true
		}
	}
	return false
}

func (s setup) text() string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "listen site\n\tbind 127.0.0.1:8000\n")
	for _, l := range s.lines {
		fmt.Fprintf(b, "\t%s\n", l)
	}
	for _, l := range s.servers {
		fmt.Fprintf(b, "\t%s\n", l)
	}
	return b.String()
}

// load reads the file as any is read.
func (s setup) load() *config.Proxy {
	files := fstest.MapFS{"sim.cfg": &fstest.MapFile{Data: []byte(s.text())}}
	env := config.Env{ReadFile: files.ReadFile, Stat: files.Stat, Hostname: "sim"}
	cfg, problems := config.Load([]string{"sim.cfg"}, env)
	if cfg == nil {
		panic(fmt.Sprintf("%s\n%v", s.text(), problems.List))
	}
	return cfg.Proxies[0]
}
