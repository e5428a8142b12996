package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// recap is what a playbook did, over all hosts.
type recap struct {
	hosts, ok, changed, failed int
	took                       time.Duration
}

// recapLine is a host's line at the end of ansible-playbook's output.
var recapLine = regexp.MustCompile(`(?m)^\S+\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)`)

// play runs a playbook of deploy/ansible with variables on top of the lab's.
func (l *lab) play(ctx context.Context, book string, vars ...string) (recap, error) {
	dir := filepath.Join(l.opt.tree, "deploy", "ansible")
	args := []string{"-i", "inventory/lab.yml", "playbooks/" + book}
	// No mirror can be reached: what the roles install lies in the image.
	for _, v := range append([]string{
		"common_apt_update=false", `{"haproxy_extra_binds": [":443"]}`, "haproxy_bascule_binary=" + l.opt.bascule,
		"backend_api_binary=" + l.opt.bascule, "stream_server_binary=" + l.opt.bascule,
	}, vars...) {
		args = append(args, "-e", v)
	}
	// Connections are kept for one playbook: a host may be killed before the next.
	control, err := os.MkdirTemp(runDir, "cp")
	if err != nil {
		return recap{}, err
	}
	cmd := exec.CommandContext(ctx, "ansible-playbook", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+filepath.Join(runDir, "home"), "ANSIBLE_CONFIG="+filepath.Join(dir, "ansible.cfg"),
		"ANSIBLE_LOCAL_TEMP="+filepath.Join(runDir, "ansible"), "ANSIBLE_FORCE_COLOR=0",
		// Each host's facts once a run, and those that the roles ask for.
		"ANSIBLE_GATHERING=smart", "ANSIBLE_GATHER_SUBSET=!all,!min,distribution,pkg_mgr,service_mgr",
		"ANSIBLE_SSH_ARGS=-o ControlMaster=auto -o ControlPersist=60 "+strings.Join(sshOptions(), " "),
		"ANSIBLE_SSH_CONTROL_PATH_DIR="+control)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if l.opt.verbose {
		cmd.Stdout = io.MultiWriter(&said, os.Stdout)
	}
	cmd.WaitDelay = time.Second // ssh's masters keep the output open
	began := time.Now()
	err = cmd.Run()
	r := readRecap(said.String())
	r.took = time.Since(began)
	if err != nil {
		return r, fmt.Errorf("%s: %w\n%s", book, err, end(said.String()))
	}
	return r, nil
}

func readRecap(said string) recap {
	var r recap
	for _, m := range recapLine.FindAllStringSubmatch(said, -1) {
		var n [4]int
		for i := range n {
			n[i], _ = strconv.Atoi(m[i+1])
		}
		r.hosts++
		r.ok += n[0]
		r.changed += n[1]
		r.failed += n[2] + n[3]
	}
	return r
}

func (r recap) String() string {
	return fmt.Sprintf("%d hosts: ok=%d changed=%d failed=%d in %.1f s", r.hosts, r.ok, r.changed, r.failed, r.took.Seconds())
}

// playedHosts are those of lab.yml.
const playedHosts = 5

// playSite provisions everything.
func playSite(ctx context.Context, l *lab) error {
	return l.site(ctx, func(r recap) bool { return r.changed > 0 })
}

// playAgain finds nothing left to do.
func playAgain(ctx context.Context, l *lab) error {
	return l.site(ctx, func(r recap) bool { return r.changed == 0 })
}

func (l *lab) site(ctx context.Context, right func(recap) bool) error {
	r, err := l.play(ctx, "site.yml")
	if err != nil {
		return err
	}
	var v verdicts
	v.say(r.hosts == playedHosts && r.failed == 0 && r.ok > 0 && right(r), "site.yml, %s", r)
	return v.err()
}
