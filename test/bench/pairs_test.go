package main

import (
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestVerdictsFollowTheWholeInterval(t *testing.T) {
	for _, x := range []struct {
		ratio, spread float64
		want          string
	}{{1.00, 0.02, withinLimit}, {1.02, 0.5, undecided}, {1.04, 0.5, undecided}, {1.10, 0.02, aboveLimit}, {1.03, 0, withinLimit}} {
		var before, after []float64
		for i := range leastTurns {
			before = append(before, 10)
			after = append(after, 10*(x.ratio+x.spread*(float64(i)/(leastTurns-1)-0.5)))
		}
		c := comparePairs(before, after, 1.03)
		if c.Verdict != x.want || math.Abs(c.Ratio-x.ratio) > 1e-9 {
			t.Errorf("%v: want %s", c, x.want)
		}
		if word := map[string]string{withinLimit: "within the limit", aboveLimit: "ABOVE", undecided: "more --turns"}[x.want]; !strings.Contains(c.String(), word) {
			t.Errorf("%q does not say %q", c, word)
		}
	}
}

func TestOneOutlierDecidesNothing(t *testing.T) {
	before, after := slices.Repeat([]float64{10}, leastTurns), slices.Repeat([]float64{10}, leastTurns)
	after[3], before[4] = 1000, 1000
	if c := comparePairs(before, after, limitOfPairs); c.Verdict != withinLimit || c.Ratio != 1 || c.Before != 10 || c.After != 10 {
		t.Errorf("got %v", c)
	}
}

func TestBinaryOfTakesAProgramOrARevision(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := binaryOf(context.Background(), program, t.TempDir(), io.Discard); got != program || err != nil {
		t.Errorf("got %q, %v; want the program itself", got, err)
	}
	if _, err := binaryOf(context.Background(), "no-such-revision", t.TempDir(), io.Discard); err == nil || !strings.Contains(err.Error(), "neither") {
		t.Errorf("got %v, want an error that names both", err)
	}
}

func TestPairsAskForFlagsThatDecide(t *testing.T) {
	for args, want := range map[string]string{
		"--before x --rows ws-idle":    "no row for --before",
		"--before x --proxies haproxy": "--before compares bascule with itself",
	} {
		if _, err := parseFlags(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", args, err, want)
		}
	}
	o, err := parseFlags([]string{"--before", "x"}, io.Discard)
	if err != nil || o.rows != "h1-64" || o.turns != pairTurns || o.limit != limitOfPairs {
		t.Errorf("got %+v, %v", o, err)
	}
}
