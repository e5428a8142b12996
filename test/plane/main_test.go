package plane

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets many exchanges run side by side: they wait far more than they
// compute.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
