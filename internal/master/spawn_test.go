package master

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEnvironmentOfAnotherProcess(t *testing.T) {
	t.Setenv("SCRIPT_KEPT", "1")
	t.Setenv("SCRIPT_UNSET", "1")
	t.Setenv("SCRIPT_REPLACED", "old")
	t.Setenv("SCRIPT_FD", "77")
	s := Spawn{Env: []string{"SCRIPT_REPLACED=new=er"}, Unset: []string{"SCRIPT_UNSET"}, FileIn: "SCRIPT_FD"}
	var got []string
	for _, line := range s.environ() {
		if strings.HasPrefix(line, "SCRIPT_") {
			got = append(got, line)
		}
	}
	slices.Sort(got)
	if want := []string{"SCRIPT_KEPT=1", "SCRIPT_REPLACED=new=er"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDescriptorsOfOurOwnAreNotInherited(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if list := Inherited(); slices.Contains(list, int(f.Fd())) {
		t.Errorf("descriptor %d is taken for an inherited one: %v", f.Fd(), list)
	}
}

func TestUptimeIsHAProxys(t *testing.T) {
	if got := uptime(26*time.Hour + 3*time.Minute + 4*time.Second); got != "1d02h03m04s" {
		t.Errorf("got %s", got)
	}
}
