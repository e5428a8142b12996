package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// stateCases are servers, with what a state file says of them: op_state,
// admin_state, uweight, iweight, seconds, check_status, check_result,
// check_health, check_state, agent_state, and from the port on.
var stateCases = []struct{ options, line string }{
	{"", "2 0 1 1 100 6 3 4 6 0"},
	{"", "2 0 1 1 100 6 3 2 6 0"},
	{"", "0 0 1 1 100 8 2 0 6 0"},
	{"", "0 0 1 1 100 6 3 1 6 0"},
	{"rise 1", "1 0 1 1 50 6 3 3 6 0"},
	{"", "1 0 1 1 50 6 3 4 6 0"},
	{"rise 4", "1 0 1 1 50 6 3 3 6 0"},
	{"", "3 0 1 1 50 16 4 4 6 0"},
	{"", "3 0 1 1 50 16 4 3 6 0"},
	{"fall 1", "3 0 1 1 50 16 4 4 6 0"},
	{"", "0 1 1 1 50 6 3 0 14 0"},
	{"", "2 1 1 1 50 6 3 4 6 0"},
	{"", "2 8 1 1 50 6 3 4 6 0"},
	{"", "0 8 1 1 50 6 3 0 6 0"},
	{"disabled", "2 8 1 1 50 6 3 4 6 0"},
	{"", "0 5 1 1 50 6 3 0 14 0"},
	{"disabled", "2 0 1 1 50 6 3 4 6 0"},
	{"disabled", "0 5 1 1 50 6 3 0 14 0"},
	{"disabled", "2 4 1 1 50 6 3 4 6 0"},
	{"", "2 12 1 1 50 6 3 4 6 0"},
	{"", "2 16 1 1 50 6 3 4 6 0"},
	{"", "0 2 1 1 50 6 3 0 14 0"},
	{"", "0 32 1 1 50 6 3 0 14 0"},
	{"weight 10", "2 0 50 10 50 6 3 4 6 0"},
	{"weight 20", "2 0 50 10 50 6 3 4 6 0"},
	{"weight 10", "2 0 0 10 50 6 3 4 6 0"},
	{"", "2 0 1 1 50 6 3 4 2 0"},
	{"no-check", "0 0 1 1 50 1 0 0 0 0"},
	{"no-check", "2 0 1 1 50 1 0 1 0 0"},
	{"backup", "0 0 1 1 50 8 2 0 6 0"},
	// Refused for one column: nothing is taken over.
	{"", "7 0 50 1 50 6 3 4 6 0"},
	{"", "2 9 50 1 50 6 3 4 6 0"},
	{"", "2 0 300 1 50 6 3 4 6 0"},
	{"", "0 0 1 1 50 99 3 4 6 0"},
	{"", "0 0 1 1 50 6 9 4 6 0"},
	{"", "x x x x x x x x x x"},
	{"", "0 0 1 1 50 6 3 -1 6 0"},
	{"", "0 0 1 1 50 6 3 4 32 0"},
}

// TestAStateFileIsTakenOverAsByHAProxy starts both with the same state file and
// compares what they make of it. Of the checks only the first is made, and fails.
func TestAStateFileIsTakenOverAsByHAProxy(t *testing.T) {
	file := filepath.Join(shortDir(t), "state")
	var state, cfg strings.Builder
	state.WriteString("1\n# a comment\n\n")
	fmt.Fprintf(&cfg, "global\n stats socket $DIR/sock mode 600 level admin\n server-state-file %s\ndefaults\n mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s\n load-server-state-from-file global\nfrontend fe\n bind unix@$DIR/fe\n", file)
	addr := freeAddr(t)
	ip, port, _ := strings.Cut(addr, ":")
	for i, c := range stateCases {
		check := "check inter 1h slowstart 1h "
		if c.options == "no-check" {
			check, c.options = "", ""
		}
		fmt.Fprintf(&cfg, "backend b%d\n server s %s %s%s\n server o %s\n", i, addr, check, c.options, addr)
		fmt.Fprintf(&state, "9 b%d 9 s %s %s 0 0 - %s - 0 0 - - 0\n", i, ip, c.line, port)
	}
	fmt.Fprintf(&cfg, "backend none\n load-server-state-from-file none\n server s %s check inter 1h\nbackend moved\n server s %s\n", addr, addr)
	state.WriteString("9 none 9 s " + ip + " 2 0 1 1 50 6 3 4 6 0 0 0 - 9 - 0 0 - - 0\n9 moved 9 s 127.0.0.9 2 0 1 1 50 6 3 4 6 0 0 0 - 77 - 0 0 - - 0\n")
	state.WriteString("9 b0 9 s " + ip + " 0 0 1 1 100 8 2 0 6 0 0 0 - 9 - 0 0 - - 0\n")
	if err := os.WriteFile(file, []byte(state.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	theirs, ours := startOracle(t, cfg.String()), run(t, cfg.String())
	apart := 2 + int(time.Since(began)/time.Second) // seconds between the starts of the two at most
	columns := []string{"status", "weight", "chkfail", "chkdown", "check_status", "check_health", "act", "bck", "uweight"}
	told := func(socket string) map[string]map[string]string {
		all := rows(ask(t, socket, "show stat\n"))
		for _, s := range strings.Split(ask(t, socket, "show servers state\n"), "\n") {
			if f := strings.Fields(s); len(f) == 25 && f[0] != "#" {
				row := all[f[1]+"/"+f[3]]
				row["mask"], row["port"], row["checks"] = f[6], f[18], f[13]
			}
		}
		return all
	}
	columns = append(columns, "mask", "port", "checks")
	differ := func() (list []string) {
		want, got := told(theirs+"/sock"), told(ours.socket)
		for name, w := range want {
			if !strings.HasSuffix(name, "/s") {
				continue
			}
			for _, c := range columns {
				if got[name][c] != w[c] {
					list = append(list, fmt.Sprintf("%s: %s is %q, with haproxy %q", name, c, got[name][c], w[c]))
				}
			}
			a, _ := strconv.Atoi(w["lastchg"])
			b, _ := strconv.Atoi(got[name]["lastchg"])
			if a-b > apart || b-a > apart {
				list = append(list, fmt.Sprintf("%s: lastchg is %d, with haproxy %d", name, b, a))
			}
		}
		return list
	}
	defer func() {
		if t.Failed() {
			for _, s := range differ() {
				var i int
				fmt.Sscanf(s, "b%d/", &i)
				t.Log(stateCases[min(i, len(stateCases)-1)], s)
			}
		}
	}()
	eventually(t, "both say the same", func() bool { return len(differ()) == 0 })
}
