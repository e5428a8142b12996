package h1

import "time"

// Patiently shares as Share does, with requests that wait for another loop however
// busy the machine is: what is asked for comes.
func Patiently(planes []*Plane) {
	Share(planes)
	for _, p := range planes {
		p.askFor = time.Minute
	}
}
