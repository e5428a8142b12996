package keywords

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// socketRows are the runtime socket.
var socketRows = []row{
	{name: "the socket tells", covers: "cli show stat; cli help; cli show servers state; global stats socket; bind level; bind level admin",
		cfg: one, steps: []step{
			get("/"), ask("show stat", "# pxname,svname,", "\nf,FRONTEND,", "\nb,s1,"), ask("help", "show stat", "show servers state"),
			ask("show servers state", "1\n# be_id be_name srv_id srv_name", " b 1 s1 127.0.0.1 "), ask("set weight b/s1 0"), state("b/s1", "weight", "0"),
		}},
	{name: "a level forbids", covers: "bind level; global stats socket",
		global: "    stats socket $DIR/user.sock mode 600 level user\n", cfg: one,
		steps: []step{send2("$DIR/user.sock", "show stat", "# pxname"), send2("$DIR/user.sock", "disable server b/s1", "ermission denied"), state("b/s1", "status", "no check")}},
	{name: "counters begin anew", covers: "cli clear counters",
		cfg: one, steps: []step{get("/"), state("f/FRONTEND", "req_tot", "1"), ask("clear counters all"), state("f/FRONTEND", "req_tot", "0")}},
	{name: "servers are disabled and enabled", covers: "cli disable server; cli enable server",
		cfg: one, steps: []step{ask("disable server b/s1"), get("/", "503"), ask("enable server b/s1"), eventually(get("/", "\ns1\n"))}},
	{name: "descriptors are shown to a successor", covers: "bind expose-fd",
		global: "    stats socket $DIR/fds.sock mode 600 level admin expose-fd listeners\n", cfg: one,
		steps: []step{get("/"), send2("$DIR/fds.sock", "show stat", "f,FRONTEND")}},
	{name: "a reload is a command", covers: "cli reload", alone: "haproxy has it on the master's socket only", cfg: one,
		steps: []step{get("/", "\ns1\n"), rewrite("server s1 $S1", "server s1 $S2"), ask("reload", "Success=1"), eventually(get("/", "\ns2\n"))}},
}

// rewrite changes the file that the program was started with.
func rewrite(old, changed string) step {
	return func(w *world) error {
		path := w.vars["DIR"] + "/t.cfg"
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !strings.Contains(string(text), w.fill(old)) {
			return fmt.Errorf("the file has no %q", w.fill(old))
		}
		return os.WriteFile(path, []byte(strings.ReplaceAll(string(text), w.fill(old), w.fill(changed))), 0o600)
	}
}

// steadyFor is how long something must stay as it is, three times the interval
// of the checks in the rows.
const steadyFor = 3 * time.Second

// steady watches that something stays true.
func steady(_ *world, holds func() bool) error {
	for end := time.Now().Add(steadyFor); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if !holds() {
			return fmt.Errorf("it changed")
		}
	}
	return nil
}
