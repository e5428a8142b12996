// Package activeactive holds the configuration of the active/active example, so that
// the demo and the drill run it from any directory. It imports nothing of bascule.
package activeactive

import _ "embed"

// Config is haproxy.cfg: the deployment on loopback. Every address and path in it is a
// variable of the environment with a default.
//
//go:embed haproxy.cfg
var Config []byte

// Error503 is the answer that Config's errorfile line names: a whole HTTP response.
//
//go:embed 503.http
var Error503 []byte
