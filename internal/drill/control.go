package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"bascule/internal/drill/report"
	"bascule/internal/fleet"
)

// tamperEvery is how many requests of a kind pass before one is tampered with.
const tamperEvery = 5

// tamperConns is how many idle connections to the site are kept.
const tamperConns = 256

// tamperer stands before a site and does, once it is told to, what a drill must catch:
// it sends POSTs twice, ends replies early with a proper end, breaks others off, answers
// 503 and swallows writes.
type tamperer struct {
	url    string
	srv    *http.Server
	done   chan struct{}
	on     atomic.Bool
	back   http.Transport
	counts [5]atomic.Int64 // of requests by what is done to them
}

// What is done to every tamperEvery-th request of a kind.
const (
	tamperTwice = iota // POST without a key: sent twice
	tamperShort        // content in chunks: ended early
	tamperCut          // content with a length: broken off
	tamperLose         // DELETE: answered 503
	tamperEat          // PUT: acknowledged and never sent
)

func startTamperer(site string) (*tamperer, error) {
	to, err := url.Parse(site)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &tamperer{url: "http://" + ln.Addr().String(), done: make(chan struct{})}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport, proxy.FlushInterval = t, -1
	proxy.ErrorLog = log.New(io.Discard, "", 0) // replies are broken off on purpose
	t.back.MaxIdleConnsPerHost = tamperConns
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	t.srv = &http.Server{Handler: proxy, ReadHeaderTimeout: replyWait, ErrorLog: proxy.ErrorLog}
	// Ends by close.
	go func() { defer close(t.done); _ = t.srv.Serve(ln) }() // ErrServerClosed
	return t, nil
}

func (t *tamperer) close() {
	_ = t.srv.Close() // connections are cut, which is all that is wanted
	<-t.done
	t.back.CloseIdleConnections()
}

// due says whether this request of its kind is the one to tamper with.
func (t *tamperer) due(what int, is bool) bool {
	return is && t.on.Load() && t.counts[what].Add(1)%tamperEvery == 0
}

// RoundTrip sends one request on, once, twice or never.
func (t *tamperer) RoundTrip(req *http.Request) (*http.Response, error) {
	op := strings.HasPrefix(req.URL.Path, "/api/v1/ops/")
	switch {
	case t.due(tamperTwice, op && req.Method == http.MethodPost && req.Header.Get(fleet.KeyHeader) == ""):
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		first := req.Clone(req.Context())
		first.Body, req.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
		if reply, err := t.back.RoundTrip(first); err == nil {
			reply.Body.Close()
		}
	case t.due(tamperLose, op && req.Method == http.MethodDelete):
		return made(req, http.StatusServiceUnavailable, ""), nil
	case t.due(tamperEat, op && req.Method == http.MethodPut):
		_, err := io.Copy(io.Discard, req.Body)
		return made(req, http.StatusOK, fleet.OpReply(req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:])), err
	}
	reply, err := t.back.RoundTrip(req)
	if err != nil || req.URL.Path != "/api/v1/content" {
		return reply, err
	}
	switch {
	case t.due(tamperShort, reply.ContentLength < 0):
		reply.Body = readCloser{io.LimitReader(reply.Body, 100), reply.Body}
	case t.due(tamperCut, reply.ContentLength > 0):
		reply.Body = readCloser{io.MultiReader(io.LimitReader(reply.Body, 100), brokenOff{}), reply.Body}
	}
	return reply, nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

// brokenOff is the end of a reply that does not end.
type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, errors.New("broken off on purpose") }

func made(req *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Request: req,
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}
}

// fault is the tampering as a fault of the catalogue's kind, which excuses
// nothing and breaks no server.
func (t *tamperer) fault(lasts time.Duration) Fault {
	set := func(on bool) deed {
		return func(context.Context, *Target) error { t.on.Store(on); return nil }
	}
	return Fault{Name: "control", Text: "a proxy in between repeats, truncates, cuts, loses and swallows requests, and a chat client drops and doubles messages",
		Inject: set(true), Mend: set(false), Lasts: lasts}
}

// controlChats is how many of the chat clients drop and double messages.
const controlChats = 2

// Control drives the control run against a lab and says what the ledger did not catch.
func Control(ctx context.Context, lab *Lab, opt PhaseOptions) (report.Result, []string, error) {
	t := lab.Target()
	between, err := startTamperer(t.Site.URL)
	if err != nil {
		return report.Result{}, nil, err
	}
	defer between.close()
	t.Site = Site{URL: between.url}
	opt.Broken = controlChats
	opt.Sockets = max(opt.Sockets, 2*controlChats)
	f := between.fault(max(opt.Lasts, outageLasts))
	ev, err := RunFault(ctx, t, f, opt)
	if err != nil {
		return report.Result{}, nil, err
	}
	r := report.Account(f.Name, f.Text, ev, report.Expect{})
	r.Judge(report.Expect{}, report.Limits{})
	return r, uncaught(between, &r), nil
}

// uncaught holds what was done against what was seen, one by one.
func uncaught(t *tamperer, r *report.Result) []string {
	var missed []string
	expect := func(what string, did int64, saw int) {
		if did == 0 || int64(saw) != did {
			missed = append(missed, fmt.Sprintf("%s: %d seen of %d done", what, saw, did))
		}
	}
	times := func(what int) int64 { return t.counts[what].Load() / tamperEvery }
	expect("POSTs sent twice", times(tamperTwice), r.Total.Twice)
	expect("replies ended as if complete", times(tamperShort), r.Total.Short)
	expect("replies broken off", times(tamperCut), r.Total.Cut)
	expect("requests answered 503", times(tamperLose), r.Total.Lost)
	expect("writes swallowed", times(tamperEat), r.Total.Vanished)
	if r.Sockets.Lost == 0 {
		missed = append(missed, "messages dropped: none seen")
	}
	if r.Sockets.Doubled == 0 {
		missed = append(missed, "messages doubled: none seen")
	}
	if r.Verdict != report.Failed {
		missed = append(missed, "the verdict was "+r.Verdict)
	}
	return missed
}
