package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"time"

	"bascule/internal/config"
)

// Version is bascule's own; the build sets it.
var Version = "dev"

// answered is the version that programs written for HAProxy are told: the one
// that bascule answers as, and its own behind the dash.
func answered() string { return config.Version + "-bascule-" + Version }

// released is the date of the source, as HAProxy writes it.
func released() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if t, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
				return t.UTC().Format("2006/01/02")
			}
		}
	}
	return firstDate
}

// firstDate stands in where the build does not know the date of its source.
const firstDate = "2026/11/22"

func writeVersion(w io.Writer) {
	fmt.Fprintf(w, "HAProxy version %s %s - compatible, this is bascule %s\n", answered(), released(), Version)
	fmt.Fprintf(w, "Running on: %s %s %s\n", runtime.GOOS, kernel(), runtime.GOARCH)
}

// writeBuild writes what scripts read from -vv: TARGET, the feature list,
// services.
func writeBuild(w io.Writer) {
	writeVersion(w)
	fmt.Fprintf(w, "Build options :\n  TARGET  = linux-go\n  CC      = %s\n  OPTIONS = \n\n", runtime.Version())
	var list []string
	for name, has := range config.Features() {
		sign := "-"
		if has {
			sign = "+"
		}
		list = append(list, sign+name)
	}
	sort.Slice(list, func(i, j int) bool { return list[i][1:] < list[j][1:] })
	fmt.Fprintf(w, "Feature list : %s\n\n", strings.Join(list, " "))
	fmt.Fprintf(w, "Default settings :\n  bufsize = 16384, maxrewrite = 1024, maxpollevents = 256\n\n")
	fmt.Fprintf(w, "Built with multi-threading support (default=%d).\n\n", runtime.NumCPU())
	fmt.Fprintf(w, "Available polling systems :\n      epoll : pref=300,  test result OK\nTotal: 1 (1 usable), will use epoll.\n\n")
	fmt.Fprintf(w, "Available services : prometheus-exporter\n")
	fmt.Fprintf(w, "Available filters :\n")
}
