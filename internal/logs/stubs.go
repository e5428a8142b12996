package logs

// A Format is a compiled log-format.
type Format struct{}
