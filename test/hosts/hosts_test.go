package main

import (
	"io"
	"strings"
	"testing"
)

func TestReadRecapAddsUpAllHosts(t *testing.T) {
	said := `TASK [haproxy : Start the balancer] ****
ok: [balancer]

PLAY RECAP *********************************************************************
backend-api-1              : ok=23   changed=10   unreachable=0    failed=0    skipped=1    rescued=0    ignored=0
balancer                   : ok=30   changed=0    unreachable=1    failed=2    skipped=9    rescued=0    ignored=0
`
	got := readRecap(said)
	if want := (recap{hosts: 2, ok: 53, changed: 10, failed: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseKnowsTheSteps(t *testing.T) {
	opt, err := parse([]string{"--steps", "site,reload"}, io.Discard)
	if err != nil || strings.Join(opt.steps, " ") != "site reload" {
		t.Errorf("got %q, %v", opt.steps, err)
	}
	run, out := opt.chosen()
	if len(run) != 3 || len(out) != len(steps)-3 {
		t.Errorf("got %d steps and %d left out, want boot, site and reload", len(run), len(out))
	}
	opt.times = 3
	if run, _ = opt.chosen(); len(run) != 5 || run[4].name != "reload" {
		t.Errorf("three times: got %d steps, want boot, site and three reloads", len(run))
	}
	if _, err := parse([]string{"--steps", "site,relaod"}, io.Discard); err == nil || !strings.Contains(err.Error(), `"relaod"`) {
		t.Errorf("a step that is not there: got %v", err)
	}
}

// TestThePlanFitsTheNetwork: systemd-nspawn shortens interface names above 15
// bytes, and kill would wait for the wrong one.
func TestThePlanFitsTheNetwork(t *testing.T) {
	seen := map[string]bool{}
	for _, h := range plan {
		for _, own := range []string{"name " + h.Name, "short name " + h.short, "address " + h.Addr} {
			if seen[own] {
				t.Errorf("%s is there twice", own)
			}
			seen[own] = true
		}
		if link := "vb-" + h.short; len(link) > 15 {
			t.Errorf("%s: %s has %d bytes", h.Name, link, len(link))
		}
	}
}

func TestAMissedFigureFailsItsStep(t *testing.T) {
	var v verdicts
	v.say(true, "as it should be")
	if err := v.err(); err != nil {
		t.Errorf("got %v", err)
	}
	v.say(false, "not as it should be")
	v.say(true, "as it should be")
	if v.err() == nil {
		t.Error("a missed figure was forgotten")
	}
}

func TestGroupDirsAreWhereCgroup2IsMounted(t *testing.T) {
	mounts := `32 30 0:27 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices
37 30 0:32 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
40 22 0:35 / /sys/kernel/tracing rw shared:1 - tracefs none rw
`
	got := strings.Join(groupDirs(mounts, "bascule-hosts-7"), " ")
	if want := "/sys/fs/cgroup/unified/bascule-hosts-7"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestThePageHasCommandsForTheBalancer(t *testing.T) {
	list := commands(read("../../docs/from-haproxy.md"))
	if len(list) < 8 {
		t.Fatalf("the page has %d commands for the balancer", len(list))
	}
	for i, c := range list {
		said := strings.ReplaceAll(c.want, "…", "one line\nand another")
		if !c.prints(said) || c.prints(said+"and more") && !strings.HasSuffix(strings.TrimSpace(c.want), "…") {
			t.Errorf("command %d, %s: what it shall print does not hold it: %q", i, c.line, c.want)
		}
	}
}
