package report

import "time"

// Counts are numbers of requests.
type Counts struct {
	Sent int `json:"sent"`
	OK   int `json:"ok"`
	Lost int `json:"lost"` // an error, or nothing
	Cut  int `json:"cut"`  // broken off after it had begun
	// Short ended as if complete and was not: the worst.
	Short int `json:"ended_as_if_complete"`
	// Twice were executed more than once, Late after they had been answered, Vanished
	// never although they were acknowledged.
	Twice    int `json:"executed_twice"`
	Late     int `json:"executed_late"`
	Vanished int `json:"acknowledged_not_executed"`
	// Forbidden are those of Lost, Cut, Short, Twice and Vanished that the fault does
	// not excuse.
	Forbidden int `json:"forbidden"`
}

func (c *Counts) add(o Counts) {
	c.Sent += o.Sent
	c.OK += o.OK
	c.Lost += o.Lost
	c.Cut += o.Cut
	c.Short += o.Short
	c.Twice += o.Twice
	c.Late += o.Late
	c.Vanished += o.Vanished
	c.Forbidden += o.Forbidden
}

// KindCounts are the numbers of one kind of request.
type KindCounts struct {
	Kind string `json:"kind"`
	Counts
}

// Times are quantiles of latencies from when requests were due, of those that were
// answered as they should be and of those that were not alike.
type Times struct {
	N   int           `json:"n"`
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
	// Answered99 is the p99 when a request that was lost or cut counts as one that is
	// never answered; Never when those are more than one of a hundred.
	Answered99 time.Duration `json:"answered_p99_ns"`
}

// Sockets is what became of the WebSockets.
type Sockets struct {
	Connected int `json:"connected"`  // when the fault began
	OnVictims int `json:"on_victims"` // of them
	Told      int `json:"told"`       // ended with a Close frame 1012 or 1001
	ToldLate  int `json:"told_late"`  // of them later than toldWithin after detection
	Cut       int `json:"cut"`        // ended without a Close frame
	// LastTold is how long after detection, or after the fault without one, the last
	// Close frame came; Never without any.
	LastTold   time.Duration `json:"last_told_ns"`
	Reconnects int           `json:"reconnects"`
	Chat
}

// toldWithin is how soon after detection a WebSocket shall have its Close frame.
const toldWithin = time.Second

// Slot is a tenth of a second of the time line, by when requests were due.
type Slot struct {
	OK         int           `json:"ok"`
	Lost       int           `json:"lost"` // and cut
	P99        time.Duration `json:"p99_ns"`
	Max        time.Duration `json:"max_ns"`
	Reconnects int           `json:"reconnects,omitempty"`
}

// slotWidth is the resolution of the time line.
const slotWidth = 100 * time.Millisecond

// Verdicts of a result.
const (
	Passed  = "passed"
	Failed  = "FAILED"
	NotRun  = "not run"
	Skipped = "skipped"
)

// Result is what one fault cost behind one balancer.
type Result struct {
	Name     string   `json:"fault"`
	Text     string   `json:"text"`
	Allowed  string   `json:"allowed,omitempty"` // what the fault excuses, in words
	Verdict  string   `json:"verdict"`
	Failures []string `json:"failures,omitempty"`
	Notes    []string `json:"notes,omitempty"`

	Total Counts       `json:"total"`
	Kinds []KindCounts `json:"kinds,omitempty"`
	// Calm are the times before the fault, Outage from the fault until it was mended,
	// StickyOutage those of sticky users.
	Calm         Times `json:"calm"`
	Outage       Times `json:"outage"`
	StickyOutage Times `json:"sticky_outage"`
	// Detect is from the fault to DOWN, Back from the mending to UP, Never when it was
	// not seen; Silence is the longest time without an answer of the API since the fault.
	Detects bool          `json:"detects"`
	Detect  time.Duration `json:"detect_ns"`
	Back    time.Duration `json:"back_ns"`
	Silence time.Duration `json:"silence_ns"`
	// Everybody says that all servers failed at once.
	Everybody bool    `json:"everybody,omitempty"`
	Sockets   Sockets `json:"websockets"`
	// Tracks is how many tracks were heard, TracksMoved those that changed servers.
	Tracks      int `json:"tracks"`
	TracksMoved int `json:"tracks_moved"`
	// LoadLate is the p99 of how late the load itself was, Busy the machine's share.
	LoadLate time.Duration `json:"load_late_ns"`
	Busy     float64       `json:"busy"`
	Examples []string      `json:"examples,omitempty"`

	// The time line, from its start on; Marks are in its time.
	Slots  []Slot          `json:"slots,omitempty"`
	States []State         `json:"states,omitempty"`
	Marks  map[string]Mark `json:"marks,omitempty"`
}

// Mark is a moment of the time line.
type Mark = time.Duration

// A Side is one balancer and its results.
type Side struct {
	Name    string   `json:"name"`
	Results []Result `json:"results"`
}

// A Report is a whole drill.
type Report struct {
	Drill   string        `json:"drill"`
	Passed  bool          `json:"passed"`
	Started time.Time     `json:"started"`
	Took    time.Duration `json:"took_ns"`
	Rate    int           `json:"rate"`
	Mix     string        `json:"mix"`
	Sockets int           `json:"websockets"`
	Seed    uint64        `json:"seed"`
	Machine string        `json:"machine"`
	Sides   []Side        `json:"sides"`
	// Compared says, for each fault, how the first side did against each other one.
	Compared []Comparison `json:"compared,omitempty"`
}
