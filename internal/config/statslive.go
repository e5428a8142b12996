package config

// statsLive is the keyword that chooses what browsers get at `stats uri`.
var statsLive = []Keyword{
	{Name: "stats live", In: inProxy, Usage: "{ on | off }", Text: "on, where not given: a browser that asks for the statistics page gets the live page, which follows what happens, and `;classic` behind the URI is HAProxy's page. off: HAProxy's page alone; no history of the servers is kept.",
		Example: ownExample("stats live off"), parse: parseStatsLive},
}

func parseStatsLive(x *line) {
	switch x.arg(0) {
	case "on", "off":
		if x.atMost(1) {
			x.stats().Dead = x.arg(0) == "off"
		}
	default:
		x.alert(x.at(0), "'stats live' expects 'on' or 'off'.")
	}
}
