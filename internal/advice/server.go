package advice

import (
	"time"

	"bascule/internal/config"
)

// several says that another server could take over.
func several(p *config.Proxy) bool { return len(p.Servers) > 1 }

func redispatchLast(f *finder) {
	for p := range f.backends {
		if several(p) && p.Redispatch == -1 && p.Retries > 1 {
			f.at(p, "option redispatch", "where a connection times out, the first %d of %d retries go to the same server", p.Retries-1, p.Retries)
		}
	}
}

func redispatchOff(f *finder) {
	for p := range f.backends {
		held := p.Cookie != nil || p.Replay.Off || p.Replay.Scheduled
		if several(p) && p.Redispatch == 0 && held {
			f.at(p, "option redispatch", "all %d retries go to the server that did not answer", p.Retries)
		}
	}
}

func retriesZero(f *finder) {
	for p := range f.backends {
		if p.Retries == 0 {
			f.at(p, "retries", "a connection that does not come about is never tried again")
		}
	}
}

func checkMissing(f *finder) {
	for p := range f.backends {
		for _, s := range p.Servers {
			if !s.Check && !s.Disabled && several(p) {
				f.server(p, s, "server %s is never found down", s.Name)
			}
		}
	}
}

// tolerableDetection is how long a dead server may stay in rotation before it is
// worth a word: users wait about ten seconds before they give up.
const tolerableDetection = 10 * time.Second

func checkSlow(f *finder) {
	for p := range f.backends {
		for _, s := range p.Servers {
			inter := s.Inter
			if s.FastInter > 0 {
				inter = s.FastInter // from the first failure on
			}
			if d := s.Inter + time.Duration(s.Fall-1)*inter; s.Check && d > tolerableDetection {
				f.server(p, s, "up to %s pass before server %s is taken for dead", d, s.Name)
				break
			}
		}
	}
}

func tunnelOutlives(f *finder) {
	for p := range f.backends {
		for _, s := range p.Servers {
			if s.Check && !s.ShutdownOnDown && several(p) {
				f.server(p, s, "sessions stay on server %s when it is marked down", s.Name)
				break
			}
		}
	}
}

func minconnHalf(f *finder) {
	for p := range f.backends {
		shrinks := false
		for _, s := range p.Servers {
			shrinks = shrinks || s.MinConn > 0
			switch {
			case s.MinConnAlone:
				f.server(p, s, "minconn %d without maxconn is maxconn %d", s.MaxConn, s.MaxConn)
			case s.MinConn > 0 && p.FullConn == 0:
				f.server(p, s, "minconn %d without fullconn in the backend", s.MinConn)
			}
		}
		if p.FullConn > 0 && !shrinks {
			f.at(p, "fullconn", "fullconn %d, and no server has a minconn", p.FullConn)
		}
	}
}

func queueWithoutMaxconn(f *finder) {
	for p := range f.backends {
		if p.Timeouts.Queue > 0 && !limited(p) {
			f.at(p, "timeout queue", "timeout queue %s, and no server of %s has a maxconn", p.Timeouts.Queue, p.Name)
		}
	}
}

// limited says that a server of p has a maxconn.
func limited(p *config.Proxy) bool {
	for _, s := range p.Servers {
		if s.MaxConn > 0 {
			return true
		}
	}
	return false
}

func timeoutQueue(f *finder) {
	for p := range f.backends {
		switch {
		case !limited(p) || p.Timeouts.Queue > 0:
		case p.Timeouts.Connect > 0:
			f.at(p, "timeout queue", "requests wait for a slot as long as for a connection, %s", p.Timeouts.Connect)
		default:
			f.at(p, "timeout queue", "requests wait for a slot without limit")
		}
	}
}
