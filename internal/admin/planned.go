package admin

import "strings"

// A Planned is a command of HAProxy's socket that is not there yet. The table
// is a page of docs/runtime-socket.md.
type Planned struct {
	Words string // a command that begins so is meant
	Why   string // what it waits for, or what to use instead
}

// planned is what HAProxy has and Commands has not.
var planned = []Planned{
	{"show ssl providers", insides},
	{"add acl", patterns}, {"clear acl", patterns}, {"commit acl", patterns}, {"del acl", patterns}, {"get acl", patterns}, {"prepare acl", patterns}, {"show acl", patterns},
	{"add map", patterns}, {"clear map", patterns}, {"commit map", patterns}, {"del map", patterns}, {"get map", patterns}, {"prepare map", patterns}, {"set map", patterns}, {"show map", patterns},
	{"clear table", tables}, {"set table", tables}, {"show table", tables}, {"show peers", tables},
	{"disable dynamic-cookie", cookies}, {"enable dynamic-cookie", cookies}, {"set dynamic-cookie-key", cookies},
	{"show cache", "there is no cache"}, {"show resolvers", "names are resolved at start"},
	{"show fd", insides}, {"show libs", insides}, {"show pools", insides}, {"show profiling", insides}, {"set profiling", insides},
	{"show tasks", insides}, {"show threads", insides}, {"show trace", insides}, {"trace", insides}, {"debug dev", insides},
	{"httpclient", "use curl"},
}

// The reasons that several commands share.
const (
	patterns = "change the file of patterns and reload"
	tables   = "there are no stick tables yet"
	cookies  = "there are no dynamic cookies yet"
	insides  = "it shows HAProxy's insides; show activity tells what the loops do"
)

// isPlanned finds the entry that a command begins with; nil: there is none.
func isPlanned(args []string) *Planned {
	for i := range planned {
		if hasPrefix(args, strings.Fields(planned[i].Words)) {
			return &planned[i]
		}
	}
	return nil
}
