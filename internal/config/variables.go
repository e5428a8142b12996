package config

import "bascule/internal/rule"

// parseSetVar reads `set-var proc.NAME EXPRESSION` and `set-var-fmt proc.NAME
// FORMAT` of global.
func parseSetVar(fmtKind bool, value string) func(*line) {
	return func(x *line) {
		if x.arg(1) == "" {
			x.alert(x.name, "'%s' requires a process-wide variable name ('proc.<name>') and a %s.", x.kw.Name, value)
			return
		}
		if fmtKind && !x.atMost(2) {
			return
		}
		v, bad, err := rule.ParseProcessVar(x.args, fmtKind)
		if err != nil {
			x.alert(bad, "'%s': %s.", x.kw.Name, err)
			return
		}
		x.cfg.Global.Vars = append(x.cfg.Global.Vars, v)
	}
}

// parseResetenv reads `resetenv [NAME…]`.
func parseResetenv(x *line) {
	kept := map[string]bool{}
	for _, w := range x.args {
		kept[w.Text] = x.kept == nil || x.kept[w.Text]
	}
	x.kept = kept
	for name := range x.vars {
		if !kept[name] {
			delete(x.vars, name)
		}
	}
	for _, w := range x.args { // one that was only set in the file stays by vars
		if _, set := x.vars[w.Text]; set {
			kept[w.Text] = true
		}
	}
}

// variableKeywords are the variables of the process and of its environment.
var variableKeywords = []Keyword{
	{Name: "resetenv", In: InGlobal, Usage: "[<name>…]", Text: "Removes all environment variables but those named, for the lines below.", Example: "resetenv PATH HOME", parse: parseResetenv},
	{Name: "set-var", In: InGlobal, Usage: "proc.<name> <expression>", Text: "Gives the process a variable that every rule can read and change; a reload sets it anew.", Example: "set-var proc.site str(lab)", parse: parseSetVar(false, "sample expression")},
	{Name: "set-var-fmt", In: InGlobal, Usage: "proc.<name> <format>", Text: "set-var with a log format.", Example: "set-var-fmt proc.site \"%[str(lab)]-1\"", parse: parseSetVar(true, "format string")},
}
