package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
	"time"
)

// Sizes of a time line, in the units of its view box.
const (
	chartWidth  = 960.0
	chartLeft   = 84.0 // for what stands beside the scales
	chartRight  = 8.0
	chartTop    = 20.0 // for the marks' words
	rateHeight  = 84.0
	timesHeight = 84.0
	laneHeight  = 16.0
	chartGap    = 12.0
	axisHeight  = 18.0
)

// Scale of the latencies: from 1 ms to 20 s, by powers of ten.
const (
	leastTime = time.Millisecond
	mostTime  = 20 * time.Second
)

// drawing is a time line while it is drawn.
type drawing struct {
	strings.Builder
	r      *Result
	length time.Duration
	peak   int // requests in the fullest slot
	height float64
}

// chart draws the time line of a result: answered and lost requests, their latency, and
// what the balancer took the servers for.
func chart(r Result) template.HTML {
	if len(r.Slots) == 0 {
		return ""
	}
	d := &drawing{r: &r, length: time.Duration(len(r.Slots)) * slotWidth}
	for _, s := range r.Slots {
		d.peak = max(d.peak, s.OK+s.Lost)
	}
	d.peak = max(d.peak, 1)
	names := serverNames(r.States)
	d.height = chartTop + rateHeight + chartGap + timesHeight + chartGap + laneHeight*float64(len(names)+d.backLanes()) + axisHeight
	fmt.Fprintf(d, `<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="Time line of the fault %s: %d requests, %d lost or cut, p99 %s">`,
		chartWidth, d.height, html.EscapeString(r.Name), r.Total.Sent, r.Total.Lost+r.Total.Cut, ms(r.Outage.P99))
	d.outage()
	d.rates(chartTop)
	d.times(chartTop + rateHeight + chartGap)
	d.lanes(chartTop+rateHeight+chartGap+timesHeight+chartGap, names)
	d.back(d.height - axisHeight - laneHeight)
	d.axis()
	d.marks()
	d.WriteString("</svg>")
	return template.HTML(d.String()) // made here, and names are escaped
}

func (d *drawing) x(at time.Duration) float64 {
	at = min(max(at, 0), d.length)
	return chartLeft + (chartWidth-chartLeft-chartRight)*float64(at)/float64(d.length)
}

// outage shades the time from the fault to its mending.
func (d *drawing) outage() {
	from, to := d.r.Marks["fault"], d.r.Marks["mended"]
	if to <= from {
		to = from
	}
	fmt.Fprintf(d, `<rect class="outage" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`,
		d.x(from), chartTop, max(1, d.x(to)-d.x(from)), d.height-chartTop-axisHeight)
}

// rates draws two steps on each other: answered requests, and lost ones above them.
func (d *drawing) rates(top float64) {
	bottom := top + rateHeight
	y := func(n int) float64 { return bottom - rateHeight*float64(n)/float64(d.peak) }
	var ok, lost strings.Builder
	fmt.Fprintf(&ok, "M%.1f %.1f", d.x(0), bottom)
	for i, s := range d.r.Slots {
		from, to := d.x(time.Duration(i)*slotWidth), d.x(time.Duration(i+1)*slotWidth)
		fmt.Fprintf(&ok, "L%.1f %.1fL%.1f %.1f", from, y(s.OK), to, y(s.OK))
		if s.Lost > 0 {
			// At least visible: one of two hundred matters.
			high := min(y(s.OK+s.Lost), y(s.OK)-3)
			fmt.Fprintf(&lost, "M%.1f %.1fV%.1fH%.1fV%.1fZ", from, y(s.OK), high, max(to, from+3), y(s.OK))
		}
	}
	fmt.Fprintf(&ok, "L%.1f %.1fZ", d.x(d.length), bottom)
	fmt.Fprintf(d, `<path class="ok" d="%s"/><path class="lost" d="%s"/>`, ok.String(), lost.String())
	d.label(top+8, fmt.Sprintf("%.0f/s", float64(d.peak)/slotWidth.Seconds()))
	d.label(top+rateHeight/2+4, "requests")
	d.label(bottom, "0")
	d.rule(bottom, "")
}

// times draws the p99 of each slot, and the longest as a thin line above it.
func (d *drawing) times(top float64) {
	y := func(t time.Duration) float64 {
		t = min(max(t, leastTime), mostTime)
		return top + timesHeight*(1-math.Log(float64(t)/float64(leastTime))/math.Log(float64(mostTime)/float64(leastTime)))
	}
	for _, at := range []time.Duration{leastTime, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second} {
		d.rule(y(at), "grid")
		d.label(y(at)+4, map[bool]string{true: fmt.Sprintf("%d ms", at.Milliseconds()), false: fmt.Sprintf("%.0f s", at.Seconds())}[at < time.Second])
	}
	var p99, longest strings.Builder
	word := "M"
	for i, s := range d.r.Slots {
		if s.OK+s.Lost == 0 {
			word = "M"
			continue
		}
		x := d.x(time.Duration(i)*slotWidth + slotWidth/2)
		fmt.Fprintf(&p99, "%s%.1f %.1f", word, x, y(s.P99))
		fmt.Fprintf(&longest, "%s%.1f %.1f", word, x, y(s.Max))
		word = "L"
	}
	fmt.Fprintf(d, `<path class="longest" d="%s"/><path class="p99" d="%s"/>`, longest.String(), p99.String())
}

// lanes draws what the balancer took each server for.
func (d *drawing) lanes(top float64, names []string) {
	for i, name := range names {
		y := top + float64(i)*laneHeight
		d.label(y+laneHeight-5, short(name))
		var last *State
		for n := range d.r.States {
			s := &d.r.States[n]
			if s.Server != name {
				continue
			}
			if last != nil {
				d.lane(y, last, s.At)
			}
			last = s
		}
		if last != nil {
			d.lane(y, last, d.length)
		}
	}
}

func (d *drawing) lane(y float64, s *State, to time.Duration) {
	width := d.x(to) - d.x(s.At)
	if width <= 0 {
		return
	}
	fmt.Fprintf(d, `<rect class="state %s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s %s from %.2f s</title></rect>`,
		stateClass(s.Status), d.x(s.At), y, max(1, width), laneHeight-3, html.EscapeString(s.Server), html.EscapeString(s.Status), s.At.Seconds())
	if room := 7 * float64(len(s.Status)); width > room+8 {
		fmt.Fprintf(d, `<text class="status" x="%.1f" y="%.1f">%s</text>`, d.x(s.At)+4, y+laneHeight-6, html.EscapeString(s.Status))
	}
}

// backLanes is how many lanes the WebSockets that come back need.
func (d *drawing) backLanes() int {
	if d.r.Sockets.Reconnects == 0 {
		return 0
	}
	return 1
}

// back draws how many WebSockets came back when.
func (d *drawing) back(y float64) {
	if d.backLanes() == 0 {
		return
	}
	most := 1
	for _, s := range d.r.Slots {
		most = max(most, s.Reconnects)
	}
	d.label(y+laneHeight-5, "WebSockets")
	var path strings.Builder
	for i, s := range d.r.Slots {
		if s.Reconnects > 0 {
			from := d.x(time.Duration(i) * slotWidth)
			high := max(3, (laneHeight-3)*float64(s.Reconnects)/float64(most))
			fmt.Fprintf(&path, "M%.1f %.1fV%.1fH%.1fV%.1fZ", from, y+laneHeight-3, y+laneHeight-3-high,
				max(d.x(time.Duration(i+1)*slotWidth), from+2), y+laneHeight-3)
		}
	}
	fmt.Fprintf(d, `<path class="back" d="%s"><title>%d WebSockets came back, %d at most in a tenth of a second</title></path>`,
		path.String(), d.r.Sockets.Reconnects, most)
}

// stateClass sorts a status as `show stat` has it: a server on its way is neither.
func stateClass(status string) string {
	switch {
	case status == "UP" || status == "no check":
		return "up"
	case status == "DOWN":
		return "down"
	}
	return "between"
}

// axis counts the seconds from the fault.
func (d *drawing) axis() {
	fault := d.r.Marks["fault"]
	every := time.Second
	for d.length/every > 14 {
		every *= 2
	}
	for n := -int(fault / every); ; n++ {
		at := fault + time.Duration(n)*every
		if at > d.length {
			return
		}
		fmt.Fprintf(d, `<text class="axis" x="%.1f" y="%.1f">%+d s</text>`, d.x(at), d.height-4, n*int(every/time.Second))
	}
}

// marks draws the moments that count, each with its word; words that would stand on
// each other share a place.
func (d *drawing) marks() {
	right := 0.0
	for _, name := range []string{"fault", "down", "mended", "up"} {
		at, ok := d.r.Marks[name]
		if !ok {
			continue
		}
		word := map[string]string{"down": "DOWN", "up": "UP"}[name]
		if word == "" {
			word = name
		}
		x := d.x(at)
		fmt.Fprintf(d, `<line class="mark" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, x, x, chartTop-4, d.height-axisHeight)
		at0 := max(x, right)
		fmt.Fprintf(d, `<text class="word" x="%.1f" y="12">%s</text>`, at0, word)
		right = at0 + 9*float64(len(word)) + 10
	}
}

func (d *drawing) label(y float64, text string) {
	fmt.Fprintf(d, `<text class="label" x="%.1f" y="%.1f">%s</text>`, chartLeft-6, y, html.EscapeString(text))
}

func (d *drawing) rule(y float64, class string) {
	fmt.Fprintf(d, `<line class="rule %s" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, class, chartLeft, chartWidth-chartRight, y, y)
}

func serverNames(states []State) []string {
	var names []string
	seen := map[string]bool{}
	for _, s := range states {
		if !seen[s.Server] {
			seen[s.Server] = true
			names = append(names, s.Server)
		}
	}
	return names
}

// short keeps a server's name within the margin.
func short(name string) string {
	const room = 13
	if len(name) > room {
		return "…" + name[len(name)-room+1:]
	}
	return name
}
