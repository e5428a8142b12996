package config

import "bascule/internal/lang"

// Said is where a keyword of global stands; the last one where it stands twice.
func (c *Config) Said(keyword string) (lang.Pos, bool) {
	at, ok := c.said[keyword]
	return at, ok
}

// Said is where a keyword of the proxy stands, in its section or else in its
// defaults; the last one where it stands twice.
func (p *Proxy) Said(keyword string) (lang.Pos, bool) {
	at, ok := p.said[keyword]
	return at, ok
}
