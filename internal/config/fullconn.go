package config

// FullConns is each backend's fullconn by its name: what the file says, else a
// tenth of the connections that the frontends which lead there may have, at
// least 1. maxconn is the process's, which stands for that of a frontend that
// has none.
func (c *Config) FullConns(maxconn int64) map[string]int64 {
	full := map[string]int64{}
	for _, px := range c.Proxies {
		if !px.Frontend {
			continue
		}
		leads := map[string]bool{px.Name: px.Backend}
		if px.DefaultBackend != nil {
			leads[px.DefaultBackend.Name] = true
		}
		for _, s := range px.UseBackend {
			if s.Backend != nil {
				leads[s.Backend.Name] = true
			}
		}
		own := int64(px.MaxConn)
		if own == 0 {
			own = maxconn
		}
		for name, does := range leads {
			if does {
				full[name] += own
			}
		}
	}
	for _, px := range c.Proxies {
		switch {
		case !px.Backend:
		case px.FullConn > 0:
			full[px.Name] = int64(px.FullConn)
		default:
			full[px.Name] = max(1, (full[px.Name]+9)/10)
		}
	}
	return full
}
