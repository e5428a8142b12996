package top

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"bascule/internal/drill"
	"bascule/internal/terminal"
)

// redrawEvery is how often the view is drawn without a sample or a key, so that a
// terminal of another size is filled soon.
const redrawEvery = 500 * time.Millisecond

// answer is what came of a poll or an order.
type answer struct {
	sample *Sample
	err    error
	said   string // of an order
}

// run shows the view until q or ctx ends it.
func run(ctx context.Context, o *options, look Look, in, out *os.File) error {
	scr, err := terminal.Open(in, out)
	if err != nil {
		return err
	}
	defer scr.Close()
	ctx, cancel := context.WithCancel(ctx)
	keys, answers := make(chan terminal.Key), make(chan answer)
	ended := make(chan struct{}, 2)
	// Ends with ctx, or ends it with the terminal; waited for below.
	go func() { terminal.ReadKeys(ctx, in, keys); cancel(); ended <- struct{}{} }()
	// Ends with ctx; waited for below.
	go func() { poll(ctx, o, answers); ended <- struct{}{} }()
	defer func() { cancel(); <-ended; <-ended }()

	u := &UI{socket: o.socket, look: look, model: &Model{}, sort: o.sort, filter: o.filter}
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		width, height := scr.Size()
		scr.Draw(u.compose(width, height), width, height)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case a := <-answers:
			u.take(a)
		case key := <-keys:
			order, quit := u.Press(key)
			if quit {
				return nil
			}
			if order != "" {
				go send(ctx, o, order, answers) // ends with its answer, which is bounded, or ctx
			}
		}
	}
}

// take takes a sample or the outcome of an order in.
func (u *UI) take(a answer) {
	switch {
	case a.said != "":
		u.message = a.said
		u.model.note(time.Now(), a.said)
	case a.err != nil:
		u.model.Fail(a.err, time.Now())
	default:
		u.model.Add(a.sample)
	}
	u.refresh()
}

// poll asks each interval, until ctx ends.
func poll(ctx context.Context, o *options, answers chan<- answer) {
	tick := time.NewTicker(o.every)
	defer tick.Stop()
	for {
		s, err := take(ctx, drill.Runtime(o.socket))
		select {
		case answers <- answer{sample: s, err: err}:
		case <-ctx.Done():
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// send gives an order and tells what came of it.
func send(ctx context.Context, o *options, order string, answers chan<- answer) {
	said, err := drill.Runtime(o.socket).Do(ctx, order)
	text := "done: " + order
	switch {
	case err != nil:
		text = "failed: " + order + ": " + err.Error()
	case strings.TrimSpace(said) != "":
		text = "refused: " + order + ": " + strings.TrimSpace(said)
	}
	select {
	case answers <- answer{said: text}:
	case <-ctx.Done():
	}
}

// once prints one table; rates are those that the process tells.
func once(ctx context.Context, o *options, look Look, width int, out io.Writer) error {
	s, err := take(ctx, drill.Runtime(o.socket))
	if err != nil {
		return err
	}
	u := &UI{socket: o.socket, look: look, model: &Model{}, sort: o.sort, filter: o.filter}
	u.model.Add(s)
	u.refresh()
	u.at = -1 // no cursor
	var b strings.Builder
	for _, l := range append(u.head(), u.table(width, len(u.rows))...) {
		text := ""
		for _, part := range l {
			text += part.Text
		}
		b.WriteString(strings.TrimRight(terminal.Cut(text, width), " ") + "\n")
	}
	_, err = fmt.Fprint(out, b.String())
	return err
}
