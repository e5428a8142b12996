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
	if len(x.args) == 1 && x.arg(0) == "global" {
		x.alert(x.args[0], "log : 'global' is not supported for a global syslog server")
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
		f := logFormat{kind: kind, at: x.name}
		switch {
		case kind == "http" && x.arg(0) == "clf" && len(x.args) == 1:
			f.kind = "clf"
		case len(x.args) > 0 && kind == "http":
			x.alert(x.args[0], "keyword 'httplog' only supports option 'clf'.")
			return
		case kind != "https" && !x.atMost(0): // HAProxy reads over what follows httpslog
			return
		}
		if !x.px.isDefaults && !x.px.Frontend {
			x.warn(x.name, "backend '%s' : 'option %slog' directive is ignored in backends.", x.px.Name, kind)
		}
		x.setFormat(&x.px.format, f)
	}
}

// setFormat replaces a format. In a defaults section HAProxy says so, because
// both lines were most likely meant.
func (x *line) setFormat(old *logFormat, f logFormat) {
	if old.kind != "" && x.px.isDefaults && x.px.owns(old.at) && x.kw.Name != "log-format-sd" {
		x.warn(x.name, "'%s' overrides previous '%s' in 'defaults' section.", keywordOf(f, x), keywordOf(*old, x))
	}
	*old = f
}

// keywordOf is the line that a format came from.
func keywordOf(f logFormat, x *line) string {
	if f.kind == "text" && x.kw.Name == "error-log-format" {
		return x.kw.Name
	}
	return map[string]string{"http": "option httplog", "clf": "option httplog clf", "https": "option httpslog", "tcp": "option tcplog", "text": "log-format"}[f.kind]
}

// parseFormat reads log-format, log-format-sd and error-log-format.
func parseFormat(field func(*draft) *logFormat) func(*line) {
	return func(x *line) {
		if x.arg(0) == "" {
			x.alert(x.name, "'%s' expects an argument.", x.kw.Name)
			return
		}
		if x.atMost(1) {
			x.setFormat(field(x.px), logFormat{kind: "text", text: x.arg(0), at: x.args[0]})
		}
	}
}

func parseLogFormat(x *line)   { parseFormat(func(d *draft) *logFormat { return &d.format })(x) }
func parseDataFormat(x *line)  { parseFormat(func(d *draft) *logFormat { return &d.dataFormat })(x) }
func parseErrorFormat(x *line) { parseFormat(func(d *draft) *logFormat { return &d.failFormat })(x) }

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
	if kind := d.format.kind; d.Mode == ModeTCP && (kind == "http" || kind == "clf" || kind == "https") {
		d.format.kind = "tcp"
		if !d.Disabled && (d.Frontend || d.owns(d.format.at)) {
			l.about(lang.Warning, d.format.at, "parsing [%s] : 'option %s' not usable with %s '%s' (needs 'mode http'). Falling back to 'option tcplog'.",
				place(d.format.at.Pos), map[bool]string{true: "httpslog", false: "httplog"}[kind == "https"], d.noun(), d.Name)
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
	case "clf":
		d.LogFormat = logs.CLFLog()
	case "https":
		d.LogFormat = logs.HTTPSLog()
	case "tcp":
		d.LogFormat = logs.TCPLog()
	case "text":
		d.LogFormat = l.logFormat(d, d.format, "log-format")
	default:
		d.LogFormat = logs.DefaultLog()
	}
	d.LogData = l.logFormat(d, d.dataFormat, "log-format-sd")
	d.LogErrors = l.logFormat(d, d.failFormat, "error-log-format")
	if len(d.Logs) == 0 {
		d.LogFormat = nil
	}
}

// logFormat compiles a line's format; nil: there is no such line.
func (l *loader) logFormat(d *draft, f logFormat, keyword string) *logs.Format {
	if f.text == "" {
		return nil
	}
	l.library.Proxy, l.library.At = d.Name, f.at
	return logs.ParseFormat(f.text, logs.Place{Keyword: keyword, HTTP: d.Mode == ModeHTTP, Library: l.library}, f.at, l.problems)
}
