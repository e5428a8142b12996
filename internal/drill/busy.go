package drill

import (
	"os"
	"strconv"
	"strings"
)

// busy is how much of its time the machine has worked, from a moment on.
type busy struct{ idle, all int64 }

func startBusy() busy {
	idle, all := machineTime()
	return busy{idle, all}
}

// share is from 0 to 1; 0 also where the kernel does not say.
func (b busy) share() float64 {
	idle, all := machineTime()
	if all <= b.all {
		return 0
	}
	return 1 - float64(idle-b.idle)/float64(all-b.all)
}

// machineTime reads the first line of /proc/stat (proc(5)): user, nice, system, idle,
// iowait and more, of all cores, in ticks.
func machineTime() (idle, all int64) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, word := range strings.Fields(line) {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			continue // the word "cpu"
		}
		// Guest time (the last two) is in user and nice already.
		if i <= 8 {
			all += n
		}
		if i == 4 || i == 5 {
			idle += n
		}
	}
	return idle, all
}
