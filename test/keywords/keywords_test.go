// Package keywords runs every keyword of the first tier: a small configuration,
// what is sent, and what must be seen of it, with bascule and, where it knows
// the keyword, with Debian's haproxy as well.
package keywords

import (
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"bascule/internal/cli"
)

// asBascule makes this test program the product, for the processes that the
// tests start.
const asBascule = "BASCULE_KEYWORDS_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(asBascule) != "" {
		os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr))
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // rows wait far more than they compute
		panic(err)
	}
	os.Exit(m.Run())
}

// A row is one small configuration and what is seen of it.
type row struct {
	name   string
	covers string // names of tier 1, between semicolons
	// alone says why haproxy does not run the row: it is older than the keyword,
	// or differs on purpose.
	alone  string
	lacks  string // why bascule does not run the row yet: haproxy alone does
	global string // lines of global
	cfg    string // what follows the common defaults
	bare   bool   // cfg is the whole file
	flags  string // further flags
	steps  []step
}

func (r *row) names() []string {
	var names []string
	for _, n := range strings.Split(r.covers, ";") {
		names = append(names, strings.TrimSpace(n))
	}
	return names
}

func rows() []row {
	return slices.Concat(processRows, frontRows, serverRows, ruleRows, checkRows, socketRows)
}

func TestEveryKeywordOfTierOneIsRun(t *testing.T) {
	covered := map[string]bool{}
	for _, r := range rows() {
		for _, n := range r.names() {
			if !slices.Contains(tierOne, n) {
				t.Errorf("%s covers '%s', which is not of tier 1", r.name, n)
			}
			covered[n] = true
		}
	}
	for _, n := range tierOne {
		if !covered[n] {
			t.Errorf("no row runs '%s'", n)
		}
	}
}

func TestKeywords(t *testing.T) {
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Fatalf("haproxy is needed as the oracle: %v", err)
	}
	for _, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if r.lacks == "" {
				t.Run("bascule", func(t *testing.T) { r.run(t, "bascule") })
			}
			if r.alone == "" {
				t.Run("haproxy", func(t *testing.T) { r.run(t, "haproxy") })
			}
		})
	}
}

func (r *row) run(t *testing.T, program string) {
	w := newWorld(t, program)
	w.start(r)
	for i, s := range r.steps {
		if err := s(w); err != nil {
			t.Errorf("step %d: %v\n%s", i+1, err, w.output())
			return
		}
	}
}
