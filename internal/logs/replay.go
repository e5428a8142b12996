package logs

// A Replay is a set of marks: what was done for a request whose server failed
// after it was sent, or why nothing was.
type Replay uint8

// The marks, each with its letter in %rp.
const (
	ReplayRace     Replay = 1 << iota // R: a kept connection ended as it was used; a fresh one took the request
	ReplayUnsent                      // U: sent again, the server provably had not taken it
	ReplaySent                        // S: sent again, the server may have taken it
	ReplayError                       // E: sent again, the server answered with an error as it did before
	ReplayRefused                     // b: not sent again, the budget was used up
	ReplayTooLarge                    // k: not sent again, the body was not kept
	ReplayNowhere                     // n: not sent again, no server was left
)

const replayLetters = "RUSEbkn"

// appendReplay writes %rp, which is bascule's own.
func appendReplay(dst []byte, r *Record) []byte {
	if r.Replay == 0 {
		return append(dst, '-')
	}
	for i, c := range []byte(replayLetters) {
		if r.Replay&(1<<i) != 0 {
			dst = append(dst, c)
		}
	}
	return dst
}
