package rule

// A Cond is an `if` or `unless` with its ACLs. A nil Cond always matches.
type Cond struct{}

// An Action is one compiled http-request, http-response … line.
type Action struct{}
