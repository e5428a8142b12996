package config

import (
	"bascule/internal/lang"
	"bascule/internal/logs"
)

// parseLog reads `log global` and `log ADDRESS … FACILITY …` of a proxy.
func parseLog(x *line) {
	if x.no {
		x.px.logs = nil
		return
	}
	if x.arg(0) == "global" && len(x.args) == 1 {
		x.px.logs = append(x.px.logs, logLine{global: true})
		return
	}
	if t := x.logTarget(); t != nil {
		x.px.logs = append(x.px.logs, logLine{target: t})
	}
}

// parseGlobalLog reads `log` of the global section.
func parseGlobalLog(x *line) {
	if x.no {
		x.cfg.Global.Logs = nil
		return
	}
	if t := x.logTarget(); t != nil {
		x.cfg.Global.Logs = append(x.cfg.Global.Logs, t)
	}
}

func (x *line) logTarget() *logs.Target {
	if len(x.args) < 2 {
		x.alert(x.at(0), "log : expects <address> and <facility> or global as arguments")
		return nil
	}
	return logs.ParseTarget(x.args, x.problems)
}

// setFormat notes the traffic log's format; the last line wins.
func setFormat(kind string) func(*line) {
	return func(x *line) {
		if kind == "http" && x.arg(0) == "clf" {
			x.alert(x.args[0], "keyword 'option httplog clf' is known but not supported yet: use log-format.")
			return
		}
		if len(x.args) > 0 && kind == "http" {
			x.alert(x.args[0], "keyword 'httplog' only supports option 'clf'.")
			return
		}
		if !x.atMost(0) {
			return
		}
		if !x.px.isDefaults && !x.px.Frontend {
			x.warn(x.name, "backend '%s' : 'option %slog' directive is ignored in backends.", x.px.Name, kind)
		}
		x.setFormat(logFormat{kind: kind, at: x.name})
	}
}

// setFormat replaces the format. In a defaults section HAProxy says so, because
// both lines were most likely meant.
func (x *line) setFormat(f logFormat) {
	if old := x.px.format.kind; x.px.isDefaults && old != "" && x.px.owns(x.px.format.at) {
		x.warn(x.name, "'%s' overrides previous '%s' in 'defaults' section.", x.kw.Name, formatKeywords[old])
	}
	x.px.format = f
}

// formatKeywords are the keywords of the kinds of logFormat.
var formatKeywords = map[string]string{"http": "option httplog", "tcp": "option tcplog", "text": "log-format"}

func parseLogFormat(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'log-format' expects an argument.")
		return
	}
	if x.atMost(1) {
		x.setFormat(logFormat{kind: "text", text: x.arg(0), at: x.args[0]})
	}
}

// tagged are the targets with the proxy's own log-tag, if it has one. They are
// copies: the global targets serve other proxies too.
func tagged(targets []*logs.Target, tag string) []*logs.Target {
	if tag == "" {
		return targets
	}
	list := make([]*logs.Target, len(targets))
	for i, t := range targets {
		own := *t
		own.Tag = tag
		list[i] = &own
	}
	return list
}

// settleLogs compiles the traffic log of a frontend once its mode is known.
func (l *loader) settleLogs(d *draft) {
	if d.format.kind == "http" && d.Mode == ModeTCP {
		d.format.kind = "tcp"
		if !d.Disabled && (d.Frontend || d.owns(d.format.at)) {
			l.about(lang.Warning, d.format.at, "parsing [%s] : 'option httplog' not usable with %s '%s' (needs 'mode http'). Falling back to 'option tcplog'.",
				place(d.format.at.Pos), d.noun(), d.Name)
		}
	}
	for _, line := range d.logs {
		if line.global {
			d.Logs = append(d.Logs, l.cfg.Global.Logs...)
		} else {
			d.Logs = append(d.Logs, line.target)
		}
	}
	d.Logs = tagged(d.Logs, d.LogTag)
	if d.LogTag == "" {
		d.LogTag = l.cfg.Global.LogTag
	}
	if !d.Frontend {
		return
	}
	switch d.format.kind {
	case "http":
		d.LogFormat = logs.HTTPLog()
	case "tcp":
		d.LogFormat = logs.TCPLog()
	case "text":
		d.LogFormat = logs.ParseFormat(d.format.text, d.format.at, l.problems)
	default:
		d.LogFormat = logs.DefaultLog()
	}
	if len(d.Logs) == 0 {
		d.LogFormat = nil
	}
}
