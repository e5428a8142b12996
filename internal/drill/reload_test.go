package drill

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// bascule builds the binary, with the race detector if this test has it.
func bascule(t *testing.T) string {
	t.Helper()
	args := []string{"build", "-o", filepath.Join(t.TempDir(), "bascule")}
	info, _ := debug.ReadBuildInfo()
	if info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		args = append(args, "-race")
		t.Setenv("GORACE", "halt_on_error=1") // the balancer ends, and so the drill fails
	}
	if out, err := exec.Command("go", append(args, "bascule/cmd/bascule")...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return args[2]
}

func TestReloadsLoseNothing(t *testing.T) {
	exe := bascule(t)
	for _, test := range []struct {
		name string
		args []string
	}{
		{"in one process", []string{"--sockets", "100", "--reloads", "10", "--every", "100ms", "--quiet", "200ms"}},
		{"with a master", []string{"--sockets", "40", "--reloads", "7", "--every", "100ms", "--quiet", "200ms", "--master"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command(exe, append([]string{"drill", "reload", "--json"}, test.args...)...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
			}
			lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
			var got ReloadReport
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil {
				t.Fatal(err)
			}
			if !got.Passed || got.Refused != 1 || got.Cut != 0 || got.Reloads == 9 && got.Gone == 0 || got.Draining < got.Sockets/3 || got.Chat.Said == 0 || len(got.Watch.Workers) != 1 {
				t.Errorf("%+v; want passed, 1 refused, none cut, some told to go where ten reloads remove their server, a good part on a removed server, one worker", got)
			}
		})
	}
}

func TestReloadDrillSeesHAProxysNewWorkers(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := Main([]string{"reload", "--balancer", haproxy(t), "--sockets", "12", "--reloads", "2", "--every", "100ms", "--quiet", "200ms"}, &stdout, &stderr)
	if code != 1 {
		t.Errorf("exit %d, want 1: HAProxy reloads by another worker\n%s%s", code, stdout.String(), stderr.String())
	}
	for _, want := range []string{"2 in force", "counters went back", "worker processes", "workers seen", "FAILED in"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, stdout.String())
		}
	}
}

func TestReloadRefusesWrongUsage(t *testing.T) {
	for _, test := range []struct {
		name, want string
		args       []string
	}{
		{"no WebSockets", "at least 1", []string{"--sockets", "0"}},
		{"no reloads", "at least 1", []string{"--reloads", "0"}},
		{"no pace", "more than 0", []string{"--pace", "0s"}},
		{"two ways to compare", "exclude", []string{"--balancer", "a", "--against", "b"}},
		{"an argument too many", "unexpected argument now", []string{"now"}},
		{"a balancer that is not there", "no-such-balancer", []string{"--balancer", "no-such-balancer"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := Main(append([]string{"reload"}, test.args...), io.Discard, &stderr); code != 2 || !strings.Contains(stderr.String(), test.want) {
				t.Errorf("exit %d, %q; want 2 with %q", code, stderr.String(), test.want)
			}
		})
	}
}

const smallFile = `frontend f
    bind 127.0.0.1:7
backend api_pool
    server a 127.0.0.1:1 cookie a weight 3 check
    server b 127.0.0.1:2 cookie b

backend stream_pool
    server c 127.0.0.1:3
listen stats
`

func TestFileIsChangedServerByServer(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(f *file) error
		want [2]string // what is replaced by what
	}{
		{"a new API server has a cookie", func(f *file) error { return f.add(APIPool, "d", "127.0.0.1:4") },
			[2]string{"cookie b\n", "cookie b\n    server d 127.0.0.1:4 cookie d\n"}},
		{"a new stream server has none", func(f *file) error { return f.add(StreamPool, "d", "127.0.0.1:4") },
			[2]string{":3\n", ":3\n    server d 127.0.0.1:4\n"}},
		{"a removed server comes back as it was, behind the others", func(f *file) error {
			if err := f.remove("a"); err != nil {
				return err
			}
			return f.add(APIPool, "a", "ignored")
		}, [2]string{"    server a 127.0.0.1:1 cookie a weight 3 check\n    server b 127.0.0.1:2 cookie b\n",
			"    server b 127.0.0.1:2 cookie b\n    server a 127.0.0.1:1 cookie a weight 3 check\n"}},
		{"a time for those who have to go", func(f *file) error {
			return errors.Join(f.deadline(APIPool, time.Minute), f.deadline(APIPool, 2*time.Second))
		},
			[2]string{"backend api_pool\n", "backend api_pool\n    .if feature(BASCULE)\n    drain-removed 2s\n    .endif\n"}},
		{"and its end", func(f *file) error { return errors.Join(f.deadline(APIPool, time.Minute), f.deadline(APIPool, 0)) }, [2]string{"", ""}},
		{"a first weight", func(f *file) error { return f.weigh("c", 7) }, [2]string{":3", ":3 weight 7"}},
		{"another weight", func(f *file) error { return f.weigh("a", 7) }, [2]string{" weight 3 check", " check weight 7"}},
		{"a bind that comes and goes, and a rule that changes", func(f *file) error {
			err := errors.Join(f.bind("127.0.0.1:8"), f.rule(1), f.rule(2), f.unbind("127.0.0.1:8"))
			if f.unbind("127.0.0.1:8") == nil {
				err = errors.New("a bind was removed twice")
			}
			return err
		}, [2]string{"    bind 127.0.0.1:7\n", "    bind 127.0.0.1:7\n    http-response set-header X-Drill 2\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "haproxy.cfg")
			if err := os.WriteFile(path, []byte(smallFile), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := readFile(path)
			if err == nil {
				err = test.edit(f)
			}
			if err == nil {
				err = f.write()
			}
			got, err2 := os.ReadFile(path)
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			if want := strings.Replace(smallFile, test.want[0], test.want[1], 1); string(got) != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestFileRefusesServersThatItDoesNotHave(t *testing.T) {
	f := &file{lines: strings.Split(smallFile, "\n"), taken: map[string]string{}}
	if f.remove("z") == nil || f.weigh("z", 2) == nil || f.add("stats", "z", "127.0.0.1:9") == nil {
		t.Error("a server was removed, weighed or added where there is none")
	}
}

func TestEveryReloadHasAChangeThatTheFileCanTake(t *testing.T) {
	weights, here := map[string]int64{}, map[string]bool{"backend-api-1": true, "backend-api-2": true, "stream-server-1": true, "stream-server-2": true}
	for n := range 1000 {
		c := changeAt(n)
		if c.what == "weight" && (c.weight == weights[c.server] || c.weight < 2 || c.weight > 256 || !here[c.server]) {
			t.Fatalf("reload %d: %v, which has %d", n, c, weights[c.server])
		}
		switch c.what {
		case "add", "remove", "expel":
			if c.what == "add" == here[c.server] {
				t.Fatalf("reload %d: %v, there: %v", n, c, here[c.server])
			}
			here[c.server] = c.what == "add"
		case "bind", "unbind":
			if c.what == "bind" == here["bind"] {
				t.Fatalf("reload %d: %v, there: %v", n, c, here["bind"])
			}
			here["bind"] = c.what == "bind"
		}
		weights[c.server] = c.weight
	}
}

func TestWatchSeesCountersThatGoBack(t *testing.T) {
	row := func(server, stot string) Row { return Row{"pxname": "api", "svname": server, "stot": stot} }
	for _, test := range []struct {
		name  string
		looks [][]Row
		want  int
	}{
		{"growing is right", [][]Row{{row("a", "1")}, {row("a", "1")}, {row("a", "2")}}, 0},
		{"falling is wrong", [][]Row{{row("a", "10")}, {row("a", "9")}}, 1},
		{"each server by itself", [][]Row{{row("a", "10"), row("b", "1")}, {row("b", "2"), row("a", "11")}}, 0},
		{"one that was removed begins anew", [][]Row{{row("a", "10")}, {row("b", "1")}, {row("a", "0")}}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &watch{}
			for _, rows := range test.looks {
				w.compare(rows)
			}
			if got := w.report(); got.Back != test.want || len(got.Examples) != test.want || got.Samples != len(test.looks) {
				t.Errorf("got %+v, want %d that went back", got, test.want)
			}
		})
	}
}

func TestEveryLossIsJudged(t *testing.T) {
	clean := ReloadReport{Sockets: 2, Reloads: 3, Chat: ChatReport{Clients: 2, Said: 5}, Load: LoadReport{Requests: 9},
		Watch: WatchReport{Workers: []int{7}, Compared: 100}}
	for _, test := range []struct {
		name  string
		spoil func(r *ReloadReport)
		want  string
	}{
		{"nothing", func(*ReloadReport) {}, ""},
		{"a cut WebSocket", func(r *ReloadReport) { r.Cut = 1 }, "1 WebSockets were cut"},
		{"a WebSocket that was not told", func(r *ReloadReport) { r.Had, r.Gone = 2, 1 }, "1 of 2 WebSockets that had to go were told"},
		{"a lost message", func(r *ReloadReport) { r.Chat.Lost = 1 }, "1 lost"},
		{"an unread message", func(r *ReloadReport) { r.Chat.Unread = 1 }, "chat:"},
		{"silent WebSockets", func(r *ReloadReport) { r.Chat.Clients = 1 }, "not all WebSockets have talked"},
		{"a lost request", func(r *ReloadReport) { r.Load.Lost = 1 }, "1 requests were lost"},
		{"an unserved request", func(r *ReloadReport) { r.Load.Unserved = 1 }, "1 requests were lost"},
		{"a doubled POST", func(r *ReloadReport) { r.Posts[1] = 1 }, "1 doubled"},
		{"another worker", func(r *ReloadReport) { r.Watch.Workers = []int{7, 8} }, "2 worker processes"},
		{"a counter that went back", func(r *ReloadReport) { r.Watch.Back = 1 }, "went back 1 times"},
		{"a socket that did not answer", func(r *ReloadReport) { r.Watch.Errors = []string{"late"} }, "late"},
		{"no comparison", func(r *ReloadReport) { r.Watch.Compared = 0 }, "no counters"},
		{"a reload too few", func(r *ReloadReport) { r.Reloads = 2 }, "2 of 3 reloads"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &reloading{opt: ReloadOptions{Reloads: 3}, result: clean}
			test.spoil(&r.result)
			r.judge()
			if got := strings.Join(r.result.Failures, "\n"); r.result.Passed != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("passed %v, %q; want %q", r.result.Passed, got, test.want)
			}
		})
	}
}

func TestALabGrowsByRealServers(t *testing.T) {
	lab := startLab(t, quick(t))
	addr, err := lab.AddServer(t.Context(), "backend-api-3", APIPool)
	if err != nil || !accepts(addr) {
		t.Fatalf("%s, %v; want a server that listens", addr, err)
	}
	if again, err := lab.AddServer(t.Context(), "backend-api-3", APIPool); err != nil || again != addr {
		t.Errorf("again: %s, %v; want the one that runs", again, err)
	}
	gone, err := lab.Kill("backend-api-3")
	if err != nil || gone.After(time.Now()) {
		t.Fatal(gone, err)
	}
	if _, err := lab.AddServer(t.Context(), "backend-api-3", APIPool); err == nil {
		t.Error("a server that was killed is taken for one that runs")
	}
}
