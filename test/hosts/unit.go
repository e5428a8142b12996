package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

const (
	// maxExposure is systemd's figure, from 0 (locked up) to 10.
	maxExposure = 1.5
	// bindService is CAP_NET_BIND_SERVICE alone, as /proc shows sets of capabilities.
	bindService = "0000000000000400"
	noneAtAll   = "0000000000000000"
)

// checkUnit looks at the unit where it runs.
func checkUnit(ctx context.Context, l *lab) error {
	var v verdicts
	for _, check := range []func(context.Context, *lab, *verdicts) error{exposure, privileges, ports, directories, badFile} {
		if err := check(ctx, l, &v); err != nil {
			return err
		}
	}
	return v.err()
}

func exposure(ctx context.Context, l *lab, v *verdicts) error {
	said, err := l.hosts["haproxy"].run(ctx, "systemd-analyze security --no-pager haproxy.service | tail -n 1")
	if err != nil {
		return err
	}
	_, after, _ := strings.Cut(said, ": ")
	word, _, _ := strings.Cut(after, " ")
	figure, err := strconv.ParseFloat(word, 64)
	if err != nil {
		return fmt.Errorf("systemd-analyze security: %q", said)
	}
	v.say(figure <= maxExposure, "systemd-analyze security: %.1f of at most %.1f", figure, maxExposure)
	return nil
}

// privileges are those of master and worker, as the kernel has them.
func privileges(ctx context.Context, l *lab, v *verdicts) error {
	said, err := l.hosts["haproxy"].run(ctx, `id -u haproxy
master=$(systemctl show -P MainPID haproxy)
for pid in $master $(pgrep -P $master); do grep -E '^(Uid|Cap...|NoNewPrivs):' /proc/$pid/status; done`)
	if err != nil {
		return err
	}
	user, status, _ := strings.Cut(said, "\n")
	wrong := ""
	processes := 0
	for line := range strings.Lines(status) {
		word := strings.Fields(line)
		right := false
		switch word[0] {
		case "Uid:":
			processes++
			right = strings.Join(word[1:], " ") == strings.Join([]string{user, user, user, user}, " ")
		case "NoNewPrivs:":
			right = word[1] == "1"
		default:
			right = word[1] == bindService || word[1] == noneAtAll
		}
		if !right {
			wrong += strings.Join(word, " ") + "; "
		}
	}
	v.say(processes == 2 && wrong == "", "%d processes run as haproxy, CAP_NET_BIND_SERVICE at most and no way to more %s", processes, wrong)
	return nil
}

// ports are those of the site, asked from the client's host.
func ports(ctx context.Context, l *lab, v *verdicts) error {
	for _, port := range []string{"80", "443"} {
		said, err := l.hosts["client"].run(ctx, "python3 -c 'import urllib.request as u; print(u.urlopen(\"http://haproxy:"+port+"/api/v1/health\", timeout=5).status)'")
		v.say(err == nil && strings.TrimSpace(said) == "200", "port %s answers %s (plain)", port, strings.TrimSpace(said))
	}
	return nil
}

// directories are what the unit's ${RUNTIME_DIRECTORY} and its like become, and who owns
// what lies in them.
func directories(ctx context.Context, l *lab, v *verdicts) error {
	said, err := l.hosts["haproxy"].run(ctx, `master=$(systemctl show -P MainPID haproxy)
tr '\0' '\n' </proc/$master/environ | grep -E '^(RUNTIME|STATE)_DIRECTORY=' | sort
stat -c '%n %U %a' /run/haproxy /run/haproxy/admin.sock /run/haproxy/master.sock /var/lib/bascule
[ "$(cat /run/haproxy/bascule.pid)" = "$master" ] && echo the pid file names the master`)
	if err != nil {
		return err
	}
	want := `RUNTIME_DIRECTORY=/run/haproxy
STATE_DIRECTORY=/var/lib/bascule
/run/haproxy haproxy 770
/run/haproxy/admin.sock haproxy 660
/run/haproxy/master.sock haproxy 600
/var/lib/bascule haproxy 750
the pid file names the master
`
	v.say(said == want, "the unit's directories: %s", strings.Join(strings.Split(strings.TrimSpace(said), "\n"), "; "))
	return nil
}

// badFile is a reload of a wrong file: it is refused with its line, and what was in
// force stays.
func badFile(ctx context.Context, l *lab, v *verdicts) error {
	before, err := l.running(ctx)
	if err != nil {
		return err
	}
	said, err := l.hosts["haproxy"].run(ctx, `cd /etc/haproxy && cp -p haproxy.cfg right.cfg && echo '    oops here' >>haproxy.cfg
systemctl reload haproxy; echo "the reload ended with $?, the unit is $(systemctl is-active haproxy)"
mv right.cfg haproxy.cfg
journalctl -u haproxy -n 40 --no-pager -o cat | grep -m 1 oops
systemctl reload haproxy && echo and the right file is taken`)
	if err != nil {
		return err
	}
	after, err := l.running(ctx)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(said), "\n")
	v.say(len(lines) == 3 && lines[0] == "the reload ended with 1, the unit is active" && strings.Contains(lines[1], "oops") &&
		before.Master == after.Master && strings.Join(before.Workers, " ") == strings.Join(after.Workers, " "),
		"a bad file: %s", strings.Join(lines, "; "))
	return nil
}
