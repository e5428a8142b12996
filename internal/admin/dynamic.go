package admin

import (
	"fmt"
	"net/netip"
	"strconv"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// addServer is "add server b/s ADDRESS [options]".
func (w worker) addServer(c *Call) {
	b, name := w.backendAndName(c)
	if b == nil {
		return
	}
	if c.Arg(1) == "" {
		c.Fail("'server' expects <name> and <addr>[:<port>] as arguments.")
		return
	}
	for _, word := range c.Args[2:] {
		if word == "track" || word == "disabled" {
			c.Fail("'%s' option is not accepted for dynamic server", word)
			return
		}
	}
	line, err := config.ServerLine(config.System(), b.Config(), name, c.Args[1:])
	if err == nil {
		err = w.p.AddServer(b, backend.AddServer{Cfg: line})
	}
	if err != nil {
		c.Fail("%s", err)
		return
	}
	c.Say("New server registered.")
}

// delServer is "del server b/s".
func (w worker) delServer(c *Call, b *backend.Backend, srv *backend.Server) {
	if err := w.p.DelServer(b, backend.DelServer{Srv: srv}); err != nil {
		c.Fail("%s", err)
		return
	}
	c.Say("Server deleted.")
}

const (
	noAddr = "no need to change the addr"
	noPort = "no need to change the port"
	byCLI  = " by 'stats socket command'"
)

// setAddr is "set server b/s addr IP [port PORT]".
func setAddr(c *Call, b *backend.Backend, srv *backend.Server) {
	if c.Arg(0) == "" {
		c.Fail("set server <b>/<s> addr requires an address and optionally a port.")
		return
	}
	ip, err := netip.ParseAddr(c.Arg(0))
	if err != nil {
		c.Fail("Invalid addr '%s'"+byCLI, c.Arg(0))
		return
	}
	if k := srv.Config().Addr.Kind; k == config.AddrUnix || k == config.AddrAbns {
		c.Fail("the address of a server at a unix socket cannot be changed" + byCLI)
		return
	}
	was, e, said := srv.Addr(), backend.SetAddr{Srv: srv, Addr: ip.Unmap()}, noAddr
	if e.Addr != was.Addr() {
		said = fmt.Sprintf("IP changed from '%s' to '%s'", was.Addr(), e.Addr)
	}
	if c.Arg(1) == "port" {
		port, err := strconv.ParseUint(c.Arg(2), 10, 16)
		switch {
		case err != nil || port == 0:
			c.Fail("%s, problem converting port '%s' to an int"+byCLI, noAddr, c.Arg(2))
			return
		case uint16(port) == was.Port():
			said += ", " + noPort
		default:
			said += fmt.Sprintf(", port changed from '%d' to '%d'", was.Port(), port)
			e.Port = uint16(port)
		}
	}
	if err := b.Ask(e); err != nil {
		c.Fail("%s", err)
		return
	}
	c.Say("%s"+byCLI, said)
}

// setSSL is "set server b/s ssl on|off".
func (w worker) setSSL(c *Call, b *backend.Backend, srv *backend.Server) {
	word := c.Arg(0)
	switch on := word == "on"; {
	case srv.Config().AnyTLS != nil && !on && word != "off":
		c.Fail("'set server <srv> ssl' expects 'on' or 'off'.")
	default:
		if err := b.Ask(backend.SetSSL{Srv: srv, On: on}); err != nil {
			c.Fail("%s", err)
			return
		}
		c.Note("server ssl setting updated.")
		w.p.Audit(fmt.Sprintf("Runtime socket: set server %s/%s ssl %s, ordered by %s", b.Name(), srv.Name, word, c.Who()))
	}
}

// connHeader names the columns of "show servers conn".
const connHeader = "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[%d]\n"

// showServersConn tells of the connections to servers. Those that wait are all
// in idle_cur and, by loop, behind it; whether they were used before is not kept.
func (w worker) showServersConn(c *Call) {
	backends, ok := w.named(c)
	if !ok {
		return
	}
	out, loops := c.Out(), w.p.Stats().Process().Threads
	fmt.Fprintf(out, connHeader, loops)
	for _, b := range backends {
		for _, srv := range b.Servers() {
			cfg, at := srv.Config(), srv.Addr()
			addr := "-"
			if at.Addr().IsValid() {
				addr = at.Addr().String()
			}
			idle := max(srv.IdleConns.Load(), 0)
			fmt.Fprintf(out, "%s/%s %d/%d %s %d - %d %d %d %d %d 0 %d %d", b.Name(), srv.Name, b.ID(), srv.ID(), addr, at.Port(),
				cfg.PoolPurgeDelay.Milliseconds(), srv.Cur.Cur(), srv.Cur.Max(), srv.Cur.Max(), idle, cfg.PoolMaxConn, idle)
			for i := range loops {
				fmt.Fprintf(out, " %d", max(srv.IdleConns.Of(i), 0))
			}
			out.WriteByte('\n')
		}
	}
}
