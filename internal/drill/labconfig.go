package drill

import (
	"bytes"
	"fmt"
	"time"
)

// Timeouts of a drill of faults, in place of the deployment's minute: a frozen server
// is to be outlived in a drill's time. The same for every balancer.
const (
	drillConnect = time.Second
	drillServer  = 3 * time.Second
	drillCheck   = 2 * time.Second
)

// An edit replaces all occurrences of a text in the example's configuration.
type edit struct{ from, to string }

// drillTimes are the changes for a drill of faults.
var drillTimes = []edit{
	{"timeout connect 5s", "timeout connect " + drillConnect.String()},
	{"timeout server 60s", "timeout server " + drillServer.String()},
	{"timeout check 3s", "timeout check " + drillCheck.String()},
	undamped,
}

// undamped lets a server that was broken again and again on purpose come back as it
// does the first time, so that each fault begins with a whole fleet.
var undamped = edit{"    option dontlognull\n", "    option dontlognull\n    .if feature(BASCULE)\n    no option flap-damping\n    .endif\n"}

// bestOptions are what HAProxy offers against dying servers. A server's errors bring
// fast checks and not `on-error mark-down`, which takes out both servers of a pool that
// blinks.
var bestOptions = []edit{
	{"    option redispatch\n", "    option redispatch 1\n    retry-on all-retryable-errors\n    http-reuse always\n"},
	{" fall 3 rise 2 ", " fall 3 rise 2 fastinter 200ms observe layer4 error-limit 1 on-error fastinter "},
}

// configure makes the lab's configuration out of the example's. A text that is not
// there is an error: nothing may be drilled that is not what the report says.
func configure(text []byte, opt LabOptions) ([]byte, error) {
	var changes []edit
	if opt.Faults {
		changes = append(changes, drillTimes...)
	}
	if opt.Best {
		changes = append(changes, bestOptions...)
	}
	for _, c := range changes {
		if !bytes.Contains(text, []byte(c.from)) {
			return nil, fmt.Errorf("the example's configuration has no %q", c.from)
		}
		text = bytes.ReplaceAll(text, []byte(c.from), []byte(c.to))
	}
	return text, nil
}
