package explain

// A Report is what happened to a request, in the order in which it did. Fields
// are only ever added: programs read them.
type Report struct {
	Request  string   `json:"request"` // as it was asked, its first line
	Client   string   `json:"client"`
	Frontend Place    `json:"frontend"`
	Binds    []string `json:"binds"`
	TLS      *TLS     `json:"tls,omitempty"` // of an https URL
	Steps    []Step   `json:"steps"`
	Backend  *Chosen  `json:"backend,omitempty"`
	Server   *Server  `json:"server,omitempty"`
	Sent     []Line   `json:"sent,omitempty"`   // the head that the server sees
	Answer   *Answer  `json:"answer,omitempty"` // when no server is asked
	Reply    []Line   `json:"reply,omitempty"`  // what is changed in a server's plain 200
	Notes    []string `json:"notes,omitempty"`
	TCP      bool     `json:"tcp,omitempty"` // of mode tcp: a connection, no request
}

// A Place is a line of the configuration.
type Place struct {
	Name string `json:"name"`
	At   string `json:"at"` // file:line
}

// A Step is one rule that was looked at.
type Step struct {
	At      string   `json:"at"`
	Rule    string   `json:"rule"`
	Matched bool     `json:"matched"`
	Why     string   `json:"why,omitempty"`     // the condition, as it turned out
	Changed []string `json:"changed,omitempty"` // "+ X-A: b", "- X-C: d", "path /a -> /b"
	Ends    bool     `json:"ends,omitempty"`    // no later rule is looked at
}

// Chosen is the backend and how it chooses.
type Chosen struct {
	Name     string `json:"name"`
	At       string `json:"at"`
	Balance  string `json:"balance"`
	Key      string `json:"key,omitempty"`
	Hash     string `json:"hash,omitempty"` // eight hexadecimal digits
	Cookie   string `json:"cookie,omitempty"`
	Persist  string `json:"persist,omitempty"` // valid, none, unknown, down, expired, old
	ByCookie bool   `json:"by_cookie,omitempty"`
	ByTurn   bool   `json:"by_turn,omitempty"` // the request itself does not decide: turns, load or chance do
}

// Server is who gets the request.
type Server struct {
	Name    string `json:"name"`
	At      string `json:"at"`
	Address string `json:"address"`
	ID      int    `json:"id"`
	IfDown  string `json:"if_down"` // who would get it then; "": nobody, it is a 503
}

// A Line is a line of a head with what became of it: "", "+" or "-".
type Line struct {
	Mark string `json:"mark"`
	Text string `json:"text"`
}

// Answer is what the client gets without a server.
type Answer struct {
	Status  int      `json:"status"` // 0: the connection is closed without a word
	Reason  string   `json:"reason,omitempty"`
	Fields  []string `json:"fields,omitempty"`
	Body    string   `json:"body,omitempty"`
	Service string   `json:"service,omitempty"` // stats, prometheus-exporter
	Term    string   `json:"term"`              // first two letters of the termination code
}
