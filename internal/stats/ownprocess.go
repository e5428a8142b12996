package stats

import "strconv"

const reloadsHelp = "Reloads, by whether they were put in force or refused"

// ownGauges are the process's own: what became of the last reload and of what it
// removed, and who looks on.
var ownGauges = []struct {
	name, help string
	last       bool // only once there was a reload
	get        func(p *Facts) int64
}{
	{"last_reload_success", "1 if the last reload was put in force, 0 if it was refused", true, func(p *Facts) int64 { return boolean(p.LastReloadOK).num }},
	{"last_reload_timestamp_seconds", "When the last reload ended", true, func(p *Facts) int64 { return p.LastReload.Unix() }},
	{"removed_servers", "Servers that a reload has removed and that have sessions left", false, func(p *Facts) int64 { return p.RemovedServers }},
	{"removed_sessions", "Sessions on servers that a reload has removed", false, func(p *Facts) int64 { return p.RemovedSessions }},
	{"followers", "Live pages and show events -w that follow what happens now", false, func(p *Facts) int64 { return p.Followers }},
}

// appendOwn writes the process's own metrics.
func appendOwn(b []byte, p *Facts, sel *Selection) []byte {
	if name := "bascule_reloads_total"; sel.named(name) {
		b = appendHead(b, name, reloadsHelp, true)
		b = strconv.AppendInt(append(b, name+`{result="done"} `...), p.Reloads, 10)
		b = strconv.AppendInt(append(b, "\n"+name+`{result="refused"} `...), p.ReloadsRefused, 10)
		b = append(b, '\n')
	}
	for i := range ownGauges {
		g := &ownGauges[i]
		if name := "bascule_" + g.name; sel.named(name) && !(g.last && p.LastReload.IsZero()) {
			b = append(appendHead(b, name, g.help, false), name+" "...)
			b = append(strconv.AppendInt(b, g.get(p), 10), '\n')
		}
	}
	return b
}
