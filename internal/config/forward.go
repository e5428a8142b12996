package config

import "fmt"

func parseForwardFor(x *line) {
	if f := parseForward(x, "X-Forwarded-For", true); f != nil {
		x.px.ForwardFor = f
	}
}

// parseForward reads an option that tells servers an address in a field; nil: it is
// wrong.
func parseForward(x *line, header string, ifNone bool) *ForwardFor {
	words, only := []string{"except", "header"}, "'except' and 'header'"
	if ifNone {
		words, only = append(words, "if-none"), "'except', 'header' and 'if-none'"
	}
	f := &ForwardFor{Header: header}
	for i := 0; i < len(x.args); i++ {
		switch word := x.args[i].Text; {
		case word == "if-none" && ifNone:
			f.IfNone = true
		case word == "except":
			i++
			net, err := parseNetwork(x.arg(i))
			if err != nil {
				x.alert(x.at(i), "'%s except' expects <address>[/mask] as argument (got '%s').", x.kw.Name, x.arg(i))
				return nil
			}
			f.Except = append(f.Except, net)
		case word == "header":
			i++
			if x.arg(i) == "" {
				x.alert(x.name, "'%s header' expects <header_name> as argument.", x.kw.Name)
				return nil
			}
			f.Header = x.arg(i)
		default:
			x.choose(i, fmt.Sprintf("'%s' only supports optional values: %s.", x.kw.Name, only), words...)
			return nil
		}
	}
	return f
}

func parseOriginalTo(x *line) {
	if x.no || x.dflt {
		x.px.OriginalTo = nil
		return
	}
	if f := parseForward(x, "X-Original-To", false); f != nil {
		x.px.OriginalTo = f
	}
}
