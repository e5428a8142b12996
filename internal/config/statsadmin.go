package config

import "bascule/internal/rule"

// parseStatsAdmin reads `stats admin {if|unless} CONDITION`.
func parseStatsAdmin(x *line) {
	if t := x.arg(0); t != "if" && t != "unless" {
		x.alert(x.at(0), "'stats admin' requires either 'if' or 'unless' followed by a condition.")
		return
	}
	if cond := rule.ParseCondOf("error detected while parsing a 'stats admin' rule", x.args, x.px.acls, x.problems); cond != nil {
		s := x.stats()
		s.Admin = append(s.Admin, cond)
	}
}

// statsAdmin is the keyword that lets the page change servers.
var statsAdmin = []Keyword{
	{Name: "stats admin", In: InFrontend | InBackend, Usage: "{if|unless} <condition>", Text: "Lets the statistics page change servers where the condition is true: state, weight to zero by drain, health, checks. Ask for a password too.",
		Differs: "a request that a browser says comes from another site is denied.", Example: "stats enable\nstats admin if { src 127.0.0.0/8 }", parse: parseStatsAdmin},
}
