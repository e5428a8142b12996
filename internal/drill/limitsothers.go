package drill

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// othersP99 is what the other users may feel of a part.
const othersP99 = 50 * time.Millisecond

// othersConns is how many connections they keep: enough that none waits for one.
const othersConns = 64

// othersIdle is below the timeout http-request of the configuration: a connection that
// was opened and then not needed is answered 408 behind that, which net/http may take for
// the reply to the request that it sends at that moment.
const othersIdle = 2 * time.Second

// others are users who do nothing wrong: requests begun by the clock, whether earlier
// ones are answered or not.
type others struct {
	stop context.CancelFunc
	done sync.WaitGroup

	mu    sync.Mutex // guards the fields below
	times *latency
	lost  int
	first error // why the first was lost
}

// startOthers begins rate requests per second of site, a URL without a path, with
// settings for https; finish ends them.
func startOthers(site string, settings *tls.Config, rate int) *others {
	ctx, stop := context.WithCancel(context.Background())
	o := &others{stop: stop, times: &latency{}}
	client := &http.Client{
		Transport: &http.Transport{
			MaxIdleConnsPerHost: othersConns, MaxConnsPerHost: othersConns, IdleConnTimeout: othersIdle, TLSClientConfig: settings,
		},
		Timeout: 30 * time.Second,
	}
	o.done.Go(func() { // until finish
		defer client.CloseIdleConnections()
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		var asking sync.WaitGroup
		defer asking.Wait()
		for {
			select {
			case <-ctx.Done():
				return
			case due := <-tick.C:
				asking.Go(func() { // bounded by the client's timeout
					err := getSmall(context.Background(), client, site)
					o.answered(time.Since(due), err)
				})
			}
		}
	})
	return o
}

func (o *others) answered(took time.Duration, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.lost++
		if o.first == nil {
			o.first = err
		}
		return
	}
	o.times.add(took)
}

// finish ends the load and waits for the last answers.
func (o *others) finish() {
	o.stop()
	o.done.Wait()
}

// getSmall asks site, a URL without a path, for a hundred bytes.
func getSmall(ctx context.Context, client *http.Client, site string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, site+"/small", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || n != 100) {
		err = fmt.Errorf("status %d with %d bytes", resp.StatusCode, n)
	}
	return err
}
