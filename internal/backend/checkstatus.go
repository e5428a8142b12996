package backend

import "time"

// A CheckStatus is how a check ended, numbered as HAProxy 2.6 prints it in the
// column srv_check_status of "show servers state".
type CheckStatus uint8

// The ends of a check.
const (
	CheckUnknown CheckStatus = 0
	CheckINI     CheckStatus = 1 // none yet
	CheckHANA    CheckStatus = 3 // traffic failed (observe)
	CheckCHECKED CheckStatus = 4 // an agent answered and said nothing about health
	CheckSOCKERR CheckStatus = 5
	CheckL4OK    CheckStatus = 6
	CheckL4TOUT  CheckStatus = 7
	CheckL4CON   CheckStatus = 8
	CheckL6OK    CheckStatus = 9
	CheckL6TOUT  CheckStatus = 10
	CheckL6RSP   CheckStatus = 11
	CheckL7TOUT  CheckStatus = 12
	CheckL7RSP   CheckStatus = 13
	CheckL7OK    CheckStatus = 15
	CheckL7OKC   CheckStatus = 16 // passed, but asks for no more balancing (404)
	CheckL7STS   CheckStatus = 17
)

// A CheckOutcome is what a check says, numbered as srv_check_result.
type CheckOutcome uint8

// The outcomes.
const (
	NoOutcome     CheckOutcome = 0
	Neutral       CheckOutcome = 1 // no change
	Failed        CheckOutcome = 2
	Passed        CheckOutcome = 3
	PassedStopped CheckOutcome = 4 // conditionally: no more balancing
)

var checkTable = [...]struct {
	word, text string
	outcome    CheckOutcome
	code       bool // carries a status code
}{
	CheckUnknown: {"UNK", "Unknown", NoOutcome, false},
	CheckINI:     {"INI", "Initializing", NoOutcome, false},
	2:            {"START", "Starting", NoOutcome, false},
	CheckHANA:    {"HANA", "Health analyze", Failed, false},
	CheckCHECKED: {"CHECKED", "No status change", Neutral, false},
	CheckSOCKERR: {"SOCKERR", "Socket error", Failed, false},
	CheckL4OK:    {"L4OK", "Layer4 check passed", Passed, false},
	CheckL4TOUT:  {"L4TOUT", "Layer4 timeout", Failed, false},
	CheckL4CON:   {"L4CON", "Layer4 connection problem", Failed, false},
	CheckL6OK:    {"L6OK", "Layer6 check passed", Passed, false},
	CheckL6TOUT:  {"L6TOUT", "Layer6 timeout", Failed, false},
	CheckL6RSP:   {"L6RSP", "Layer6 invalid response", Failed, false},
	CheckL7TOUT:  {"L7TOUT", "Layer7 timeout", Failed, false},
	CheckL7RSP:   {"L7RSP", "Layer7 invalid response", Failed, false},
	CheckL7OK:    {"L7OK", "Layer7 check passed", Passed, true},
	CheckL7OKC:   {"L7OKC", "Layer7 check conditionally passed", PassedStopped, true},
	CheckL7STS:   {"L7STS", "Layer7 wrong status", Failed, true},
}

// String is the short word of the column check_status.
func (c CheckStatus) String() string { return checkTable[c].word }

// Text is the sentence of the column check_desc and of messages.
func (c CheckStatus) Text() string { return checkTable[c].text }

// Outcome is what the status says about the server.
func (c CheckStatus) Outcome() CheckOutcome { return checkTable[c].outcome }

// HasCode says that a status code belongs to it.
func (c CheckStatus) HasCode() bool { return checkTable[c].code }

// A Result is one finished check.
type Result struct {
	Status   CheckStatus
	Code     int
	Duration time.Duration
	Info     string
}
