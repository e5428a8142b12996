package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"bascule/internal/drill"
	"bascule/internal/fleet"
)

const (
	// finishLimit is for the last messages of the chat when the demo ends.
	finishLimit = 10 * time.Second
	// maxEvents is more than a screen shows.
	maxEvents = 100
)

// demo is a running demo.
type demo struct {
	lab   *drill.Lab
	load  *drill.Load
	begun time.Time
	quit  context.CancelFunc // ends it
	acts  sync.WaitGroup     // things being done in the background

	mu     sync.Mutex
	events []event           // guarded by mu, as all below; the newest last
	told   int               // events since the start
	state  snapshot          // the last one
	rows   []drill.Row       // of the last `show stat`
	status map[string]string // by server, as last noted
	rates  rates
}

// event is something that happened, at a time after the start.
type event struct {
	at   time.Duration
	text string
}

func (e event) String() string { return fmt.Sprintf("%6.1f s  %s", e.at.Seconds(), e.text) }

func (d *demo) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, event{time.Since(d.begun), fmt.Sprintf(format, args...)})
	d.events = d.events[max(0, len(d.events)-maxEvents):]
	d.told++
}

// start runs the whole demo with show as its face, and prints the balance at the end.
// It says whether something was lost.
func start(ctx context.Context, opt options, stdout io.Writer, show func(context.Context, *demo) error) (lost bool, err error) {
	fmt.Fprintln(stdout, "starting two API servers, two stream servers and the balancer …")
	lab, err := drill.StartLab(ctx, opt.lab)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()

	ctx, quit := context.WithCancel(ctx)
	defer quit()
	if opt.lasts > 0 {
		ctx, quit = context.WithTimeout(ctx, opt.lasts)
		defer quit()
	}
	d := &demo{lab: lab, begun: time.Now(), quit: quit, status: map[string]string{}, rates: rates{}}
	fmt.Fprint(stdout, d.welcome())
	d.load = drill.StartLoad(lab.Site, drill.LightLoad())
	var background sync.WaitGroup
	background.Go(func() { d.watch(ctx) })
	background.Go(func() { d.follow(ctx, opt.schedule) })
	shown := show(ctx, d)
	quit()
	background.Wait()
	d.acts.Wait()
	lost, err = d.finish(stdout)
	return lost, errors.Join(shown, err)
}

// welcome says where everything is and how to try it.
func (d *demo) welcome() string {
	return fmt.Sprintf(`balancer  %s -f %s
site      %s/
          %s/
stats     %s
socket    %s
try       curl -i %s/api/v1/health
          curl -i --cacert %s %s/api/v1/health
          curl -i %s/hls/%s/0.ts -o /dev/null
          echo "show servers state" | socat - %s

`, d.lab.Balancer, d.lab.Config, d.lab.Site.URL, d.lab.Secure.URL, d.lab.Stats, d.lab.Runtime,
		d.lab.Site.URL, d.lab.CA, d.lab.Secure.URL, d.lab.Site.URL, fleet.Track(1), d.lab.Runtime)
}

// finish ends the load and prints what it cost. A signal ends the waiting.
func (d *demo) finish(stdout io.Writer) (lost bool, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, finishLimit)
	defer cancel()
	took := time.Since(d.begun)
	fmt.Fprintln(stdout, "counting what was said, stored and read …")
	report, err := d.load.Finish(ctx)
	if err != nil && d.unserved(drill.APIPool) {
		fmt.Fprintln(stdout, "no API server is left to ask about the chat")
		return report.Load.Lost > 0, nil
	}
	fmt.Fprint(stdout, balance(took, report))
	return !report.Clean(), err
}

// balance prints a final report for people.
func balance(took time.Duration, report drill.FinalReport) string {
	l := report.Load
	text := fmt.Sprintf(`
%s requests in %.1f s: %s
  %d lost, %d failed that were in flight when a server was killed, %d that nobody could answer
POSTs: %d executed twice, %d acknowledged and not executed
chat: %s
`, thousands(l.Requests), took.Seconds(), latencies(l), l.Lost, l.InFlight, l.Unserved,
		report.PostsDoubled, report.PostsLost, report.Chat)
	for _, example := range l.Examples {
		text += "  lost: " + example + "\n"
	}
	return text
}

func latencies(l drill.LoadReport) string {
	return fmt.Sprintf("p50 %s, p99 %s, longest %s", millis(l.P50), millis(l.P99), millis(l.Max))
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// thousands writes 12345 as 12,345.
func thousands(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
