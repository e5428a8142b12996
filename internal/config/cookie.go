package config

import (
	"net/netip"
	"strings"
	"time"

	"bascule/internal/lang"
)

// parseCookie reads `cookie NAME OPTIONS` of a backend.
func parseCookie(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'cookie' expects <cookie_name> as argument.")
		return
	}
	c := &Cookie{Name: x.arg(0)}
	for i := 1; i < len(x.args); i++ {
		n, ok := x.cookieOption(c, i)
		if !ok {
			return
		}
		i += n
	}
	modes := 0
	for _, m := range []bool{c.Insert, c.Rewrite, c.Prefix} {
		if m {
			modes++
		}
	}
	switch {
	case modes > 1:
		x.alert(x.name, "cookie 'rewrite', 'insert' and 'prefix' modes are incompatible.")
	case c.Rewrite && c.Indirect:
		x.alert(x.name, "cookie 'rewrite' and 'indirect' modes are incompatible.")
	case c.Preserve && !c.Insert && !c.Indirect:
		x.alert(x.name, "cookie 'preserve' requires at least 'insert' or 'indirect'.")
	default:
		x.px.Cookie = c
	}
}

// cookieOption reads option i and says how many words after it are its values.
func (x *line) cookieOption(c *Cookie, i int) (values int, ok bool) {
	switch x.args[i].Text {
	case "rewrite":
		c.Rewrite = true
	case "insert":
		c.Insert = true
	case "prefix":
		c.Prefix = true
	case "indirect":
		c.Indirect = true
	case "nocache":
		c.NoCache = true
	case "postonly":
		c.PostOnly = true
	case "preserve":
		c.Preserve = true
	case "httponly":
		c.HTTPOnly = true
	case "secure":
		c.Secure = true
	case "domain":
		return 1, x.cookieDomain(c, i+1)
	case "maxidle":
		return 1, x.cookieTime(&c.MaxIdle, i)
	case "maxlife":
		return 1, x.cookieTime(&c.MaxLife, i)
	case "attr":
		return 1, x.cookieAttr(c, i+1)
	case "dynamic":
		c.Dynamic = true
	default:
		x.choose(i, "'cookie' supports 'rewrite', 'insert', 'prefix', 'indirect', 'nocache', 'postonly', 'domain', 'maxidle', 'dynamic', 'maxlife' and 'attr' options.",
			"rewrite", "insert", "prefix", "indirect", "nocache", "postonly", "preserve", "httponly", "secure", "domain", "maxidle", "maxlife", "attr", "dynamic")
		return 0, false
	}
	return 0, true
}

func (x *line) cookieDomain(c *Cookie, i int) bool {
	d := x.arg(i)
	if d == "" {
		x.alert(x.name, "'%s' expects <domain> as argument.", "domain")
		return false
	}
	if strings.ContainsAny(d, "; \t") {
		x.alert(x.args[i], "character is not permitted in attribute value '%s'.", d)
		return false
	}
	if !strings.Contains(d, ".") {
		x.warn(x.args[i], "domain '%s' contains no embedded dot, this configuration may not work properly (see RFC6265#5.2.3).", d)
	}
	c.Domains = append(c.Domains, d)
	return true
}

// cookieTime reads the time behind option i: seconds where it has no unit.
func (x *line) cookieTime(to *time.Duration, i int) bool {
	name := x.args[i].Text
	if x.arg(i+1) == "" {
		x.alert(x.args[i], "'%s' expects <idletime> in seconds as argument.", name)
		return false
	}
	d, ok := x.timeOf(x.args[i+1], name, time.Second)
	*to = d
	return ok
}

func (x *line) cookieAttr(c *Cookie, i int) bool {
	v := x.arg(i)
	if v == "" {
		x.alert(x.name, "'attr' expects <value> as argument.")
		return false
	}
	for _, b := range []byte(v) {
		if b < ' ' || b == 0x7f || b == ';' {
			x.alert(x.args[i], "character '%%x%02X' is not permitted in attribute value '%s'.", b, v)
			return false
		}
	}
	c.Attrs = append(c.Attrs, v)
	return true
}

func parseCookieKey(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'dynamic-cookie-key' expects <secret_key> as argument.")
		return
	}
	if x.atMost(1) {
		x.px.CookieKey = x.arg(0)
	}
}

// sameCookies warns about servers of one address that would get the same
// dynamic cookie.
func (l *loader) sameCookies(d *draft) {
	if d.Cookie == nil || !d.Cookie.Dynamic || d.CookieKey == "" {
		return
	}
	seen := map[netip.AddrPort]string{}
	for i, s := range d.Servers {
		at := netip.AddrPortFrom(s.Addr.IP, uint16(s.Addr.Port))
		if s.Cookie != "" || s.Disabled || !at.Addr().IsValid() {
			continue
		}
		if first := seen[at]; first != "" {
			l.about(lang.Warning, d.serverAt[i], "We generated two equal cookies for two different servers, '%s' and '%s' of '%s': they have one address.", first, s.Name, d.Name)
			continue
		}
		seen[at] = s.Name
	}
}
