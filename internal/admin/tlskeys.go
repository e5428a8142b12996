package admin

import (
	"encoding/base64"
	"errors"
	"fmt"

	"bascule/internal/cert"
)

// showTicketKeys is "show tls-keys [#ID|FILE|*]". Who knows a key can read the
// sessions of its tickets, so keys are for admins alone.
func (w worker) showTicketKeys(c *Call) {
	store, ref, out := w.p.Certificates(), c.Arg(0), c.Out()
	switch _, _, err := store.TicketFile(ref); {
	case ref == "":
		fmt.Fprintln(out, "# id (file)")
		for i, k := range store.TicketKeys() {
			fmt.Fprintf(out, "%d (%s)\n", i, k.Path)
		}
		return
	case c.level < Admin:
		c.Fail("Permission denied")
		return
	case ref != "*" && err != nil:
		c.Fail("'show tls-keys' unable to locate referenced filename")
		return
	}
	fmt.Fprintln(out, "# id secret")
	for i, k := range store.TicketKeys() {
		if number, of, err := store.TicketFile(ref); err == nil && (number != i || of != k) {
			continue
		}
		fmt.Fprintf(out, "# %d (%s)\n", i, k.Path)
		for n, secret := range k.Secrets() {
			fmt.Fprintf(out, "%d.%d %s\n", i, n, secret)
		}
	}
}

// setTicketKey is "set ssl tls-key #ID|FILE KEY".
func (w worker) setTicketKey(c *Call) {
	ref, text := c.Arg(0), c.Arg(1)
	if ref == "" || text == "" {
		c.Fail("'set ssl tls-key' expects a filename and the new TLS key in base64 encoding.")
		return
	}
	store := w.p.Certificates()
	_, keys, err := store.TicketFile(ref)
	if err != nil {
		c.Fail("'set ssl tls-key' unable to locate referenced filename")
		return
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		c.Fail("'set ssl tls-key' received invalid base64 encoded TLS key.")
		return
	}
	if err := store.PushTicketKey(keys, raw); errors.Is(err, cert.ErrKeySize) {
		c.Fail("'set ssl tls-key' received a key of wrong size.")
		return
	}
	c.Say("TLS ticket key updated!")
	w.p.Audit(fmt.Sprintf("Runtime socket: set ssl tls-key %s, ordered by %s", keys.Path, c.Who()))
}
