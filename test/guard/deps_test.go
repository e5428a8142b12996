package guard

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var asksDeps = regexp.MustCompile(`scripts/deps((?: [a-z]+)+)`)

// Who asks scripts/deps for a group that it does not have gets nothing installed.
func TestEveryGroupThatIsAskedForExists(t *testing.T) {
	usage, _ := exec.Command(filepath.Join(root, "scripts/deps")).CombinedOutput() // without a group it is 2 and says which there are
	_, list, _ := strings.Cut(string(usage), "groups:")
	known := strings.Fields(list)
	asked := 0
	for _, name := range []string{"Makefile", ".ci/run"} {
		for _, m := range asksDeps.FindAllStringSubmatch(read(t, name), -1) {
			for _, group := range strings.Fields(m[1]) {
				asked++
				if !slices.Contains(known, group) {
					t.Errorf("%s asks scripts/deps for %q, which has %q", name, group, known)
				}
			}
		}
	}
	if asked < 10 {
		t.Errorf("only %d groups are asked for: is the pattern still right?", asked)
	}
}
