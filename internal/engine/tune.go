package engine

import (
	"bascule/internal/config"
	"bascule/internal/loop"
)

// tune gives the loops what the global section says about pipes: each has its
// part of maxpipes.
func (e *Engine) tune(t *config.Tuning) {
	most := loop.DefaultPipes
	switch {
	case t.NoSplice:
		most = 0
	case t.MaxPipes >= 0:
		most = t.MaxPipes / len(e.loops)
		if t.MaxPipes%len(e.loops) > 0 {
			most++
		}
	}
	for _, l := range e.loops {
		l.Post(func() { l.SetPipes(most, t.PipeSize) })
	}
}

// pipes are the most that all loops may open, those that hold bytes, and those
// that are kept for the next use.
func (e *Engine) pipes() (most, used, free int64) {
	t := &e.Config().Global.Tuning
	switch {
	case t.NoSplice:
	case t.MaxPipes >= 0:
		most = int64(t.MaxPipes)
	default:
		most = int64(loop.DefaultPipes * len(e.loops))
	}
	for _, l := range e.loops {
		n := l.Stats.FreePipes.Load()
		free += n
		used += l.Stats.Pipes.Load() - n
	}
	return most, max(used, 0), free
}

// keepTotal is the most memory for bodies that can be sent again, as stream.Env
// wants it: below 0 for none.
func keepTotal(t *config.Tuning) int64 {
	if n := t.ReplayMemory(); n > 0 {
		return int64(n)
	}
	return -1
}
