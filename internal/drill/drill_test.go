package drill

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bascule/internal/fleet"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "fleet" { // started as a server by a lab
		os.Exit(fleet.Main(os.Args[2:], os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// haproxy is the oracle: what passes against it is expected of bascule.
func haproxy(t *testing.T) string {
	t.Helper()
	path, err := Executable("haproxy")
	if err != nil {
		t.Fatalf("Debian's haproxy is needed: %v", err)
	}
	return path
}

// quick is a lab whose checks notice a dead server in under a second.
func quick(t *testing.T) LabOptions {
	return LabOptions{Balancer: haproxy(t), Inter: 200 * time.Millisecond, Slowstart: time.Second}
}

func startLab(t *testing.T, opt LabOptions) *Lab {
	t.Helper()
	lab, err := StartLab(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	return lab
}

// within polls until done, a minute at most.
func within(t *testing.T, what string, done func() bool) {
	t.Helper()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for !done() {
		select {
		case <-limit.C:
			t.Fatalf("not within a minute: %s", what)
		case <-poll.C:
		}
	}
}

func TestFailoverPassesBehindHAProxy(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := Main([]string{"failover", "--balancer", haproxy(t), "--inter", "200ms", "--chats", "12", "--json"}, &stdout, &stderr)
	if code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout.String(), stderr.String())
	}
	var numbers []int
	read := json.NewDecoder(&stdout)
	for range 8 {
		var step Step
		if err := read.Decode(&step); err != nil || !step.OK {
			t.Fatalf("%+v, %v", step, err)
		}
		numbers = append(numbers, step.Number)
	}
	if got, want := numbers, []int{0, 1, 2, 3, 4, 4, 5, 5}; !equal(got, want) {
		t.Errorf("steps %v, want %v", got, want)
	}
	var outcome struct{ Passed bool }
	if err := read.Decode(&outcome); err != nil || !outcome.Passed {
		t.Errorf("outcome %+v, %v; want passed", outcome, err)
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestStepFailsWithTheLastStateAtItsLimit(t *testing.T) {
	f := &failover{target: startLab(t, quick(t)).Target(), victim: "backend-api-1", other: "backend-api-2"}
	ctx, cancel := withTimeout(t, 2*time.Second)
	defer cancel()
	if _, err := f.down(ctx); err == nil || !strings.Contains(err.Error(), "backend-api-1 is UP") {
		t.Errorf("a server that nobody killed: got %v, want an error that says it is UP", err)
	}
}

func TestLoadLosesNothingBehindHAProxy(t *testing.T) {
	for name, secure := range map[string]bool{"in clear": false, "over TLS": true} {
		t.Run(name, func(t *testing.T) {
			opt := quick(t)
			opt.TLS = secure
			loseNothing(t, startLab(t, opt))
		})
	}
}

func loseNothing(t *testing.T, lab *Lab) {
	load := StartLoad(lab.Site, LoadOptions{
		Getters: 4, Posters: 2, Users: 2, Listeners: 3, Chats: 6, Rooms: 2, Tracks: 3,
		Pace: 20 * time.Millisecond, ListenPace: 20 * time.Millisecond, ChatPace: 50 * time.Millisecond, Seed: 7,
	})
	within(t, "each kind has answers and all chats are connected", func() bool {
		kinds := load.Live().Kinds
		return kinds[KindGet] > 20 && kinds[KindPost] > 20 && kinds[KindUser] > 20 && kinds[KindTrack] > 40 &&
			load.Chatting().Connected == 6
	})
	ctx, cancel := withTimeout(t, time.Minute)
	defer cancel()
	report, err := load.Finish(ctx)
	if err != nil || !report.Clean() {
		t.Fatalf("%+v, %v; want nothing lost", report, err)
	}
	if report.Load.InFlight+report.Load.Unserved != 0 || report.Chat.Said == 0 || report.Chat.Stored != report.Chat.Said {
		t.Errorf("%+v; want no failure, and all that was said stored", report)
	}
	if load.Moved() != 0 {
		t.Errorf("sticky users moved %d times, want 0", load.Moved())
	}
}

func TestServerIsKilledAndStartedOnItsAddress(t *testing.T) {
	lab := startLab(t, quick(t))
	if _, err := lab.Kill("backend-api-1"); err != nil {
		t.Fatal(err)
	}
	if _, ok := lab.Servers()[0].Running(); ok {
		t.Error("a killed server runs")
	}
	if _, err := lab.Kill("backend-api-1"); err == nil {
		t.Error("a dead server was killed again")
	}
	if text := <-lab.Notices(); !strings.Contains(text, "backend-api-1 is DOWN") {
		t.Errorf("notice %q, want that the server is DOWN", text)
	}
	if err := lab.StartServer(t.Context(), "backend-api-1"); err != nil {
		t.Fatal(err)
	}
	if err := lab.StartServer(t.Context(), "backend-api-1"); err == nil {
		t.Error("a running server was started again")
	}
	within(t, "the server is UP", func() bool {
		rows, err := lab.Runtime.Stat(t.Context())
		return err == nil && find(rows, APIPool, "backend-api-1")["status"] == "UP"
	})
	if _, err := lab.Kill("nobody"); err == nil {
		t.Error("an unknown server was killed")
	}
}

func TestSetStateDrainsAndReadies(t *testing.T) {
	lab := startLab(t, quick(t))
	for _, test := range []struct{ state, want string }{{"drain", "DRAIN"}, {"ready", "UP"}, {"maint", "MAINT"}} {
		if err := lab.SetState(t.Context(), "stream-server-2", test.state); err != nil {
			t.Fatal(err)
		}
		rows, err := lab.Runtime.Stat(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := find(rows, StreamPool, "stream-server-2")["status"]; !strings.HasPrefix(got, test.want) {
			t.Errorf("after %s: %s, want %s", test.state, got, test.want)
		}
	}
	if err := lab.SetState(t.Context(), "stream-server-2", "asleep"); err == nil {
		t.Error("an unknown state was taken")
	}
}

func TestReloadReadsTheEditedConfiguration(t *testing.T) {
	lab := startLab(t, quick(t))
	text, err := os.ReadFile(lab.Config)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(text), "cookie backend-api-2 ", "cookie backend-api-2 weight 7 ", 1)
	if err := os.WriteFile(lab.Config, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := lab.Reload(); err != nil {
		t.Fatal(err)
	}
	within(t, "the new weight is in force", func() bool {
		rows, err := lab.Runtime.Stat(t.Context())
		return err == nil && find(rows, APIPool, "backend-api-2").Int("weight") == 7
	})
}

func TestLabUsesARealRedis(t *testing.T) {
	opt := quick(t)
	opt.Redis = realRedis(t)
	lab := startLab(t, opt)
	client := NewClient(lab.Site)
	defer client.Close()
	if err := client.Login(t.Context(), "ann"); err != nil {
		t.Error(err)
	}
}

func TestBalancerThatCannotStartIsReportedWithItsWords(t *testing.T) {
	script := filepath.Join(t.TempDir(), "balancer")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho the configuration is wrong >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := StartLab(t.Context(), LabOptions{Balancer: script})
	if err == nil || !strings.Contains(err.Error(), "the configuration is wrong") {
		t.Errorf("got %v, want the balancer's own words", err)
	}
}

func TestLabLeavesNothingBehind(t *testing.T) {
	lab, err := StartLab(t.Context(), quick(t))
	if err != nil {
		t.Fatal(err)
	}
	servers := lab.Servers()
	if err := lab.Close(); err != nil {
		t.Fatal(err)
	}
	for _, srv := range servers {
		if _, ok := srv.Running(); ok || accepts(srv.Addr) {
			t.Errorf("%s still runs", srv.Name)
		}
	}
	if accepts(lab.Site.Addr()) {
		t.Error("the balancer still runs")
	}
	if _, err := os.Stat(filepath.Dir(lab.Config)); !os.IsNotExist(err) {
		t.Errorf("the lab's directory is still there: %v", err)
	}
}

func TestServersDieWithTheProcessThatStartedThem(t *testing.T) {
	if os.Getenv("DRILL_TEST_PARENT") != "" {
		lab, err := StartLab(t.Context(), quick(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, srv := range lab.Servers() {
			os.Stdout.WriteString("server " + srv.Addr + "\n")
		}
		os.Stdout.WriteString("server " + lab.Site.Addr() + "\ndir " + filepath.Dir(lab.Config) + "\nready\n")
		<-t.Context().Done() // killed before
		return
	}
	parent := exec.Command(os.Args[0], "-test.run", "^TestServersDieWithTheProcessThatStartedThem$")
	parent.Env = append(os.Environ(), "DRILL_TEST_PARENT=1")
	var out lockedBuffer
	parent.Stdout = &out
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	within(t, "the lab is up", func() bool { return strings.Contains(out.String(), "ready\n") })
	parent.Process.Kill()
	parent.Wait()
	for line := range strings.Lines(out.String()) {
		what, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch what {
		case "server":
			within(t, value+" is gone", func() bool { return !accepts(value) })
		case "dir":
			os.RemoveAll(value)
		}
	}
}

func TestMainRefusesWrongUsage(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"an unknown drill", []string{"fire"}, "unexpected argument fire"},
		{"an unknown fault", []string{"--faults", "kill,fire"}, `no fault is named "fire"`},
		{"an unknown fault to skip", []string{"--skip", "fire"}, `no fault is named "fire"`},
		{"no rate", []string{"--rate", "0"}, "--rate must be at least 1"},
		{"no repetition", []string{"--repeat", "0"}, "--repeat must be at least 1"},
		{"a fleet and a balancer of the drill's own", []string{"--fleet", "f", "--against", "haproxy"}, "do not go with it"},
		{"no such balancer to compare with", []string{"--against", "no-such-balancer"}, "--against:"},
		{"a control run without a load", []string{"control", "--rate", "0"}, "must be at least 1"},
		{"a time before now", []string{"--calm", "-1s"}, "must not be negative"},
		{"an unknown flag", []string{"failover", "--chat", "1"}, "chat"},
		{"an argument too many", []string{"failover", "now"}, "unexpected argument now"},
		{"a scale without servers", []string{"scale", "--size", "500x"}, "not backends x servers"},
		{"a scale of three numbers", []string{"scale", "--size", "5x4x3"}, "not backends x servers"},
		{"a scale without reloads", []string{"scale", "--reloads", "0"}, "at least 1"},
		{"no chat clients", []string{"failover", "--chats", "0"}, "at least 1"},
		{"a deployment without its commands", []string{"failover", "--site", "http://h:80", "--stop", "true"}, "needs all of"},
		{"a deployment and a Redis of the lab", []string{"failover", "--redis", "h:1", "--site", "http://h:80"}, "do not go together"},
		{"a site that is a page", []string{"failover", "--site", "http://h/a", "--runtime", "s", "--stop", "t", "--start", "t"}, "want http://HOST:PORT or https://HOST:PORT"},
		{"a balancer that is not there", []string{"failover", "--balancer", "no-such-balancer"}, "no-such-balancer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := Main(test.args, &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), test.want) {
				t.Errorf("exit %d, %q; want 2 with %q", code, stderr.String(), test.want)
			}
		})
	}
}
