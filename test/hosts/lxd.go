package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// lxdDir is LXD's state: in memory, and gone with the run.
	lxdDir = runDir + "/lxd"
	// lxdImage is how the playbook knows the image that is built here.
	lxdImage = "debian12"
	// lxdLimit is for LXD to be ready.
	lxdLimit = 60 * time.Second
)

// lxdSteps are `make hosts-lxd`.
var lxdSteps = []step{
	{"lxd", "Debian's LXD, with an image of the hosts' Debian", startLXD},
	{"create", "playbooks/haproxy.yml makes the balancer's container and provisions it", createByLXD},
	{"again", "playbooks/haproxy.yml again: changed=0", againByLXD},
}

// lxdSetup gives containers a network that nobody else is in: Ansible reaches them
// through lxc.
const lxdSetup = `storage_pools: [{name: default, driver: dir}]
profiles:
- name: default
  devices:
    root: {type: disk, pool: default, path: /}
    host0: {type: nic, nictype: bridged, parent: ` + bridge + `, name: host0}
`

// lxdMetadata is what an image is described by.
const lxdMetadata = `architecture: x86_64
creation_date: 1
properties: {description: Debian 12 of the hosts, os: debian, release: bookworm}
`

// startLXD runs Debian's LXD here and gives it the image. The cgroups and the
// bridge are the lab's; no unit and no socket of the machine is touched.
func startLXD(ctx context.Context, l *lab) error {
	if err := os.Setenv("LXD_DIR", lxdDir); err != nil {
		return err
	}
	began := time.Now()
	if err := l.lxdDaemon(ctx); err != nil {
		return err
	}
	dir := filepath.Join(runDir, "lxd-image")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "metadata.yaml"), []byte(lxdMetadata), 0o600); err != nil {
		return err
	}
	meta, root := filepath.Join(dir, "meta.tar"), filepath.Join(dir, "root.tar")
	for _, words := range [][]string{
		{"tar", "-C", dir, "-cf", meta, "metadata.yaml"},
		{"tar", "-C", l.image, "-cf", root, "."},
		{"lxc", "image", "import", meta, root, "--alias", lxdImage},
	} {
		if _, err := call(ctx, "", words...); err != nil {
			return err
		}
	}
	var v verdicts
	version, err := call(ctx, "", "lxd", "--version")
	v.say(err == nil, "LXD %s is ready after %.1f s, with the image %s", version, time.Since(began).Seconds(), lxdImage)
	return v.err()
}

// lxdDaemon starts it and tells it its storage and network.
func (l *lab) lxdDaemon(ctx context.Context) error {
	group := filepath.Join(l.group, "lxd")
	for _, dir := range []string{group, lxdDir, "/run/lock"} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return err
		}
	}
	// LXD mounts below it, and wants those mounts to stay its own.
	if err := syscall.Mount("tmpfs", lxdDir, "tmpfs", 0, "mode=711"); err != nil {
		return err
	}
	fd, err := os.Open(group)
	if err != nil {
		return err
	}
	defer fd.Close()
	log, err := os.Create(filepath.Join(runDir, "lxd.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("lxd", "--group", "root") // ends with the namespaces
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(fd.Fd()), Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := call(ctx, "", "lxd", "waitready", fmt.Sprintf("--timeout=%.0f", lxdLimit.Seconds())); err != nil {
		return fmt.Errorf("%w\n%s", err, end(read(log.Name())))
	}
	_, err = call(ctx, lxdSetup, "lxd", "init", "--preseed")
	return err
}

// call runs a program here and returns what it said, without the end of the line.
func call(ctx context.Context, in string, words ...string) (string, error) {
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &complaint
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, end(complaint.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

func createByLXD(ctx context.Context, l *lab) error {
	return l.byLXD(ctx, func(r recap) bool { return r.changed > 0 })
}

func againByLXD(ctx context.Context, l *lab) error {
	return l.byLXD(ctx, func(r recap) bool { return r.changed == 0 })
}

func (l *lab) byLXD(ctx context.Context, right func(recap) bool) error {
	r, err := l.play(ctx, "haproxy.yml", "front_door_container=lxd", "front_door_container_image="+lxdImage)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, end(read(filepath.Join(runDir, "lxd.log"))))
	}
	var v verdicts
	v.say(r.failed == 0 && r.ok > 0 && right(r), "haproxy.yml, %s", r)
	state, err := call(ctx, "", "lxc", "exec", "haproxy", "--", "systemctl", "is-active", "haproxy")
	v.say(err == nil, "haproxy.service in the container is %s", state)
	// Its servers do not run here: the balancer's own answer says that it serves.
	code, err := call(ctx, "", "lxc", "exec", "haproxy", "--", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1/")
	v.say(err == nil && code == "503", "port 80 of the container answers %s, without a server behind it", code)
	return v.err()
}
