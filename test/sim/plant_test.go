package sim

import (
	"strings"
	"testing"

	"bascule/internal/backend"
	"bascule/internal/wire"
)

// A plant is a bug put in on purpose, on the sides of the decisions that only a
// simulation has, to see that the judge finds it.
type plant byte

const (
	nothing        plant = iota
	postIsPut            // a POST is taken for a PUT, and so for idempotent
	claimsUnsent         // a reset is called proof that nothing was taken
	silenceIsDeath       // so is a timeout called a reset
	deathIsFate          // a reset is called an operator's shutdown
	sameServer           // a replay goes where the first try went
	ignoresMaint         // servers in maintenance are used like any
	cutIsEnd             // a broken reply is ended as if complete
	answersTwice         // a client gets another head behind its reply
	forgetsSlot          // a slot is not given back
	forgetsPlace         // nor one in a queue
	forgetsBytes         // nor the memory of a body
	losesTimeout         // a server's timeout is not told
	neverUp              // a good check is not believed
	endsEarly            // the end of a request's body is sent before its last bytes
)

// plants are the bugs, what the judge says of each, and in how many seeds it
// must have said so.
var plants = []struct {
	name    string
	plant   plant
	seeds   int
	verdict string
}{
	{"a POST is replayed as if it were idempotent", postIsPut, 300, "is sent again after"},
	{"a POST is executed twice", postIsPut, 600, "is executed by"},
	{"a reset is taken for proof that nothing was taken", claimsUnsent, 300, "is sent again after"},
	{"silence is taken for death", silenceIsDeath, 300, "is sent again after"},
	{"a death is not replayed", deathIsFate, 300, "is lost with"},
	{"a replay goes to the server that failed", sameServer, 300, "again, which has failed it"},
	{"a server in maintenance is used", ignoresMaint, 300, "which is in maintenance"},
	{"a broken reply ends as if complete", cutIsEnd, 300, "ends as if complete"},
	{"a client is answered twice", answersTwice, 300, "is answered twice"},
	{"a slot is forgotten", forgetsSlot, 300, "slots taken"},
	{"a place in a queue is forgotten", forgetsPlace, 300, "wait for"},
	{"the memory of a body is forgotten", forgetsBytes, 300, "bytes of bodies"},
	{"a timeout gets lost", losesTimeout, 300, "has not ended"},
	{"a server never comes back", neverUp, 300, "after all was mended"},
	{"a piece of a replayed body is missing", endsEarly, 300, "comes to"},
}

// Every planted bug is found, so that finding none in the code as it is means
// something.
func TestPlantedBugsAreFound(t *testing.T) {
	for _, p := range plants {
		t.Run(strings.ReplaceAll(p.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(p.seeds) {
				for _, f := range inBubble(t, seed, p.plant, false).faults {
					if strings.Contains(f, p.verdict) {
						t.Logf("seed %d: %s", seed, f)
						return
					}
				}
			}
			t.Errorf("not found in %d seeds", p.seeds)
		})
	}
}

// disguise is what a planted bug makes of a request's method.
func (p plant) disguise(req *wire.Request) {
	if p == postIsPut && req.Method == wire.MethodPost {
		req.Method = wire.MethodPut
	}
}

// divert is where a planted bug sends a request.
func (w *world) divert(r *request, srv *backend.Server) *backend.Server {
	switch w.plant {
	case sameServer:
		if len(r.tries) > 0 {
			return r.tries[0].srv
		}
	case ignoresMaint:
		for _, s := range w.be.Servers() {
			if s.State().Admin.Maint() {
				return s
			}
		}
	}
	return srv
}

// forget is what a planted bug does not give back at the end of a request.
func (w *world) forget(r *request) {
	switch {
	case !w.chance(20) || len(r.tries) == 0:
	case w.plant == forgetsSlot:
		r.tries[0].srv.Cur.Enter()
	case w.plant == forgetsPlace:
		r.tries[0].srv.Queue.Enter()
	case w.plant == forgetsBytes:
		w.car.Env.Kept.Add(int64(r.size))
	}
}
