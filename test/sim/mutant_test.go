//go:build mutants

package sim

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutants are bugs written into the decisions themselves, and what the judge
// says of each. They are compiled over the source, so that no switch for them
// is in the product. It takes minutes, and so a tag: make nightly.
var mutants = []struct{ name, file, was, now, verdict string }{
	{"replay a POST", "stream/replay.go", "case r.Off || !l.repeats:", "case r.Off:", "is sent again after"},
	{"replay a write after silence", "stream/replay.go", "if safe(l.asMethod) || r.OnSilence {", "if true {", "is sent again after"},
	{"replay without a proof", "stream/replay.go", "case e.Unsent && e.Why == Reset && !r.Off:", "case e.Why == Reset && !r.Off:", "is sent again after"},
	{"replay nothing", "stream/replay.go", "if p != forbidden {", "if false {", "is lost with"},
	{"ask a server again that failed", "stream/replay.go", "	l.args.Avoid.Add(before)\n	if l.failedAll() {", "	if l.failedAll() {", "which has failed it"},
	{"have no budget", "stream/replay.go", "if p == unsent || p == wished || l.probe || l.be.MayReplay() {", "if true {", "were sent again of"},
	{"ask elsewhere for the error of a POST", "stream/error.go", "		return l.repeats\n", "		return true\n", "is sent again after"},
	{"ask elsewhere for one error", "backend/errors.go", "return n >= fewErrors", "return true", "is asked elsewhere"},
	{"take users from their server for an error", "stream/error.go", "l.bound() || !l.srv.Errs(l.direct)", "!l.srv.Errs(false)", "is asked elsewhere"},
	{"forget a slot", "stream/reply.go", "		l.srv.Release(int(l.loop))\n", "", "slots taken"},
	{"forget a place in a queue", "stream/queue.go", "was, _ := s.be.Dequeue(t)", "var was backend.Position", " wait"},
	{"forget what a body took", "stream/carried.go", "		s.giveBack(p)\n		k.pieces[i] = nil", "		k.pieces[i], _ = nil, p", "bytes of bodies"},
	{"forget what was sent of a body", "stream/stream.go", "k.next, k.ended, k.most = 0,", "k.next, k.ended, k.most = len(k.pieces),", "comes to"},
	{"answer twice", "stream/end.go", "	s.back = nil\n	if s.begun {\n		s.run(s.Life.Broke(why))", "	s.back = nil\n	if s.begun && why == Garbage {\n		s.run(s.Life.Broke(why))", "is answered twice"},
	{"end what was cut", "stream/reply.go", "	return Order{Kind: Cut}\n}\n\n// Gone", "	return Order{Kind: Finish}\n}\n\n// Gone", "ends as if complete"},
	{"fell the last server", "backend/suspect.go", "case usable <= 1:", "case usable < 0:", "the last usable server"},
	{"fell more than half", "backend/suspect.go", "case out+1 > max(1, (usable+out-back)/2):", "case false:", "servers within 10 s"},
	{"use servers in maintenance", "backend/state.go", "!st.Removed && !st.Admin.Maint() && !st.Admin.Drain() &&\n		(st.Op == Running || st.Op == Starting)", "!st.Removed", "which is in maintenance"},
}

// mutantSeeds are enough for each of them.
const mutantSeeds = "4000"

func TestBugsInTheDecisionsAreFound(t *testing.T) {
	for _, m := range mutants {
		t.Run(strings.ReplaceAll(m.name, " ", "_"), func(t *testing.T) {
			dir := t.TempDir()
			file, err := filepath.Abs("../../internal/" + m.file)
			if err != nil {
				t.Fatal(err)
			}
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(src), m.was); n != 1 {
				t.Fatalf("%q is %d times in %s: let this test follow", m.was, n, m.file)
			}
			write := func(name, text string) string {
				name = filepath.Join(dir, name)
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return name
			}
			mutant := write("mutant.go", strings.Replace(string(src), m.was, m.now, 1))
			overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{file: mutant}})
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-overlay", write("overlay.json", string(overlay)),
				"-run", "TestSeeds", ".", "-seeds", mutantSeeds).CombinedOutput()
			if err == nil || !strings.Contains(string(out), m.verdict) {
				t.Errorf("not found: %v\n%s", err, out[max(0, len(out)-3000):])
			}
		})
	}
}
