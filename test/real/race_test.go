//go:build race

package real

// raceEnabled says that the binary under test is built with the race detector,
// as this test is.
const raceEnabled = true
