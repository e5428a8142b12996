package config

// A Descriptors is what the global section says about the limit of descriptors.
type Descriptors struct {
	UlimitN        int  // ulimit-n; 0: not given
	FDHardLimit    int  // fd-hard-limit; 0: not given
	NoStrictLimits bool // no strict-limits: start with what there is
}

// descriptorKeywords are the lines of the global section about descriptors.
var descriptorKeywords = []Keyword{
	{Name: "fd-hard-limit", In: InGlobal, Usage: "<number>", Text: "Most descriptors from which maxconn is derived where neither it nor ulimit-n is given: some systems allow a billion.", Example: "fd-hard-limit 50000", parse: once(func(g *Global) *int { return &g.FDHardLimit })},
	{Name: "strict-limits", In: InGlobal, Text: "Refuses to start where the limit of descriptors cannot be raised as far as maxconn or ulimit-n needs it. With no in front, it starts, warns, and maxconn is what the descriptors allow.", Differs: "HAProxy keeps maxconn then, and runs out of descriptors.", Example: "no strict-limits", No: true, parse: func(x *line) {
		if x.atMost(0) {
			x.cfg.Global.NoStrictLimits = x.no
		}
	}},
	{Name: "ulimit-n", In: InGlobal, Usage: "<number>", Text: "The limit of descriptors; from maxconn where it is not given, which is better.", Example: "ulimit-n 20000", parse: once(func(g *Global) *int { return &g.UlimitN })},
}

// once reads a number that counts only the first time it is given.
func once(field func(*Global) *int) func(*line) {
	return func(x *line) {
		if *field(&x.cfg.Global) != 0 {
			x.note(x.name, "'%s' already specified. Continuing.", x.kw.Name)
			return
		}
		globalInt(0, maxInt32, field)(x)
	}
}
