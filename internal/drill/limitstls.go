package drill

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// silentFor is how many clients of the part tls say nothing, for each of --clients;
	// as many as --clients say half a ClientHello, and as many a whole one and no more.
	silentFor = 4
	// floodWorkers begin handshakes one after the other.
	floodWorkers = 64
	// newcomers come in turn, one each newcomerAfter, and shall be in within newcomerIn,
	// all but newcomersLate.
	newcomers     = 100
	newcomerAfter = 50 * time.Millisecond
	newcomerIn    = time.Second
	newcomersLate = 1
	// settleTLS is for memory of the heap, which bascule gives back once it has looked
	// twice, each ten seconds, and found little change in between.
	settleTLS = 22 * time.Second
	// comeAgain is how long a client waits that was thrown out.
	comeAgain = 200 * time.Millisecond
)

// The addresses of loopback that clients of the part tls come from.
var (
	attackFrom   = net.IPv4(127, 0, 0, 2)
	newcomerFrom = net.IPv4(127, 0, 0, 3)
)

// floodTLS has clients of one address begin handshakes that they do not end: silent
// ones, ones that send half a ClientHello, ones that stop behind it, and some that come
// as fast as they are answered. Clients inside ask on, and others come from elsewhere.
func floodTLS(ctx context.Context, l *limitsLab, r *LimitsReport) error {
	hello, err := clientHello(l.trust)
	if err != nil {
		return err
	}
	inside := startOthers("https://"+l.secure, l.trust, l.opt.Rate)
	if err := sleep(ctx, calmBefore); err != nil {
		inside.finish()
		return err
	}
	attack, end := context.WithCancel(ctx)
	var attackers sync.WaitGroup
	var begun atomic.Int64
	holds := func(n int, says []byte) {
		for i := range n {
			attackers.Go(func() { // until the end of attack
				if sleep(attack, time.Duration(i)*eachAfter/silentFor) == nil {
					l.holdTLS(attack, says)
				}
			})
		}
	}
	holds(silentFor*l.opt.Clients, nil)
	holds(l.opt.Clients, hello[:len(hello)/2])
	holds(l.opt.Clients, hello)
	for range floodWorkers {
		attackers.Go(func() { // until the end of attack
			for attack.Err() == nil {
				if l.beginTLS(attack, hello) == nil {
					begun.Add(1)
				}
			}
		})
	}
	from := time.Now()
	err = l.newcomersTLS(ctx, r)
	took := time.Since(from)
	end()
	attackers.Wait()
	inside.finish()
	l.opt.timed(r, inside.times.quantile(0.99), othersP99, "clients inside: %d requests, p50 %s, p99",
		inside.times.n+int64(inside.lost), milliseconds(inside.times.quantile(0.50)))
	if inside.lost > 0 {
		r.fail("%d requests of clients inside lost, the first: %v", inside.lost, inside.first)
	}
	r.note("from one address: %d silent, %d with half a ClientHello, %d that stop behind it, and %.0f handshakes a second",
		silentFor*l.opt.Clients, l.opt.Clients, l.opt.Clients, float64(begun.Load())/took.Seconds())
	return err
}

// timed notes a time, and whether it is within what is allowed; with --strict one that is
// not is a failure.
func (opt *LimitsOptions) timed(r *LimitsReport, took, allowed time.Duration, format string, args ...any) {
	args = append(args, milliseconds(took), milliseconds(allowed))
	switch {
	case took <= allowed:
		r.note(format+" %s, %s are allowed", args...)
	case opt.Strict:
		r.fail(format+" %s, %s are allowed", args...)
	default:
		r.note(format+" %s, LATE: %s are allowed", args...)
	}
}

// newcomersTLS has clients come in turn, each with a handshake of its own and a request.
func (l *limitsLab) newcomersTLS(ctx context.Context, r *LimitsReport) error {
	times := &latency{}
	var mu sync.Mutex // guards times and first
	var first error
	var wg sync.WaitGroup
	for range newcomers {
		wg.Go(func() { // bounded by normalLimit
			took, err := l.newcomer(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				times.add(took)
			} else if first == nil {
				first = err
			}
		})
		if err := sleep(ctx, newcomerAfter); err != nil {
			return err
		}
	}
	wg.Wait()
	if n := newcomers - int(times.n); n > newcomersLate {
		r.fail("%d newcomers of %d did not come in, the first: %v", n, newcomers, first)
	}
	// With one that may be late the longest but one counts, which is the 99th of 100.
	l.opt.timed(r, times.quantile(float64(newcomers-newcomersLate)/newcomers), newcomerIn, "newcomers from another address: %d of %d came in, p50 %s, 99 of 100 within",
		times.n, newcomers, milliseconds(times.quantile(0.50)))
	return nil
}

// newcomer says how long the handshake of one took, which then asked once.
func (l *limitsLab) newcomer(ctx context.Context) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, normalLimit)
	defer cancel()
	begun := time.Now()
	raw, err := dialFrom(ctx, newcomerFrom, l.secure)
	if err != nil {
		return 0, err
	}
	c := tls.Client(raw, l.trust)
	defer func() { _ = c.Close() }() // the request has closed it
	if err := c.HandshakeContext(ctx); err != nil {
		return 0, err
	}
	took = time.Since(begun)
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialTLSContext:    func(context.Context, string, string) (net.Conn, error) { return c, nil },
	}}
	return took, getSmall(ctx, client, "https://"+l.secure)
}

// holdTLS says something and then nothing more, and comes again when it is thrown out.
func (l *limitsLab) holdTLS(ctx context.Context, says []byte) {
	for ctx.Err() == nil {
		if c, err := dialFrom(ctx, attackFrom, l.secure); err == nil {
			stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
			_, err = c.Write(says)
			for buffer := make([]byte, 512); err == nil; {
				_, err = c.Read(buffer)
			}
			stop()
			_ = c.Close()
		}
		if sleep(ctx, comeAgain) != nil {
			return
		}
	}
}

// beginTLS has the balancer compute its part of a handshake, and is gone.
func (l *limitsLab) beginTLS(ctx context.Context, hello []byte) error {
	c, err := dialFrom(ctx, attackFrom, l.secure)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	if _, err := c.Write(hello); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	return err
}

// dialFrom connects from an address of this machine. What is closed is reset, so that
// the next thousands find ports.
func dialFrom(ctx context.Context, from net.IP, to string) (net.Conn, error) {
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}).DialContext(ctx, "tcp", to)
	if err == nil {
		_ = c.(*net.TCPConn).SetLinger(0) // fails on no open connection
	}
	return c, err
}

// clientHello is what a client with these settings says first.
func clientHello(settings *tls.Config) ([]byte, error) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() { _ = tls.Client(theirs, settings).Handshake() }() // ends when ours is closed
	p := make([]byte, 16<<10)
	n, err := ours.Read(p)
	if n == 0 && err == nil {
		err = errors.New("no ClientHello")
	}
	return p[:n], err
}
