package fleet

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// two API servers that share a Redis.
func two(t *testing.T, redisAddr string) (apis [2]*API, urls [2]string) {
	t.Helper()
	for i := range apis {
		apis[i] = NewAPI(fmt.Sprintf("api-%d", i+1), redisAddr, slog.New(slog.NewTextHandler(io.Discard, nil)))
		srv := httptest.NewServer(apis[i])
		t.Cleanup(func() { srv.Close(); apis[i].Close() })
		urls[i] = srv.URL
	}
	return apis, urls
}

func op(t *testing.T, method, url, body string, header ...string) (status int, text string, h http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data), resp.Header
}

func logOf(t *testing.T, url string) []string {
	t.Helper()
	_, text, _ := op(t, "GET", url, "")
	var page Executions
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var ids []string
	for _, e := range page.Executed {
		ids = append(ids, e.ID+"@"+e.Server)
		if age := time.Since(time.UnixMicro(e.At)); age < 0 || age > time.Minute {
			t.Errorf("%s was executed %v ago", e.ID, age)
		}
	}
	if page.Next != len(ids) {
		t.Errorf("next %d behind %d executions", page.Next, len(ids))
	}
	return ids
}

func TestExecutionsAreLoggedWhicheverServerHasThem(t *testing.T) {
	onEachRedis(t, func(t *testing.T, redisAddr string) {
		_, urls := two(t, redisAddr)
		file := strings.Repeat("x", 64<<10)
		sum := fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(file)))
		for _, step := range []struct {
			method, url, body string
			header            []string
			status            int
			text              string
		}{
			{"POST", urls[0] + "/api/v1/ops/r/1", "{}", nil, 201, OpReply("1")},
			{"POST", urls[1] + "/api/v1/ops/r/1", "{}", nil, 201, OpReply("1")},
			{"PUT", urls[0] + "/api/v1/ops/r/2", file, []string{ChecksumHeader, sum}, 200, OpReply("2")},
			{"PUT", urls[0] + "/api/v1/ops/r/3", file[1:], []string{ChecksumHeader, sum}, 400, ""},
			{"DELETE", urls[1] + "/api/v1/ops/r/4", "", nil, 204, ""},
			{"POST", urls[1] + "/api/v1/ops/other/5", "", nil, 201, OpReply("5")},
		} {
			status, text, _ := op(t, step.method, step.url, step.body, step.header...)
			if status != step.status || step.text != "" && text != step.text {
				t.Errorf("%s %s: %d %q", step.method, step.url, status, text)
			}
		}
		want := []string{"1@api-1", "1@api-2", "2@api-1", "4@api-2"}
		if got := logOf(t, urls[0]+"/api/v1/ops/r"); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("executed %v, want %v", got, want)
		}
	})
}

func TestAKeyIsExecutedOnce(t *testing.T) {
	onEachRedis(t, func(t *testing.T, redisAddr string) {
		_, urls := two(t, redisAddr)
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				status, text, _ := op(t, "POST", urls[i%2]+"/api/v1/ops/r/1", "{}", KeyHeader, "key-1")
				if status != 201 || text != OpReply("1") {
					t.Errorf("%d %q", status, text)
				}
			})
		}
		all.Wait()
		if got := logOf(t, urls[0]+"/api/v1/ops/r"); len(got) != 1 {
			t.Errorf("executed %v", got)
		}
		if _, _, h := op(t, "POST", urls[0]+"/api/v1/ops/r/1", "{}", KeyHeader, "key-1"); h.Get(AgainHeader) != "true" {
			t.Error("a repetition does not say that it is one")
		}
	})
}

// A server that died with the key must not keep it; one that was frozen with it must not
// execute once another has.
func TestALeaseEndsWithItsServer(t *testing.T) {
	onEachRedis(t, func(t *testing.T, redisAddr string) {
		apis, urls := two(t, redisAddr)
		begun := time.Now()
		if was, err := apis[0].claim(t.Context(), "r", "k", "DEAD"); err != nil || was != "+" {
			t.Fatalf("claimed %q, %v", was, err)
		}
		if status, text, _ := op(t, "POST", urls[1]+"/api/v1/ops/r/1", "{}", KeyHeader, "k"); status != 201 || text != OpReply("1") {
			t.Errorf("%d %q", status, text)
		}
		if took := time.Since(begun); took < leaseFor/2 {
			t.Errorf("the second did not wait for the lease: %v", took)
		}
		done, err := apis[0].commit(t.Context(), "r", "1", "k", "DEAD")
		if done || err != nil {
			t.Errorf("the first executed after its lease: %v, %v", done, err)
		}
		if got := logOf(t, urls[0]+"/api/v1/ops/r"); len(got) != 1 || got[0] != "1@api-2" {
			t.Errorf("executed %v", got)
		}
	})
}

// Whoever stole a lease is found out, also before it has executed.
func TestALeaseIsStolenOnlyOnce(t *testing.T) {
	onEachRedis(t, func(t *testing.T, redisAddr string) {
		apis, _ := two(t, redisAddr)
		if was, err := apis[0].claim(t.Context(), "r", "k", "OLD"); err != nil || was != "+" {
			t.Fatalf("claimed %q, %v", was, err)
		}
		within(t, "the lease ends", func() bool {
			was, err := apis[1].claim(t.Context(), "r", "k", "NEW")
			return err == nil && was == "+"
		})
		if done, err := apis[0].commit(t.Context(), "r", "1", "k", "OLD"); done || err != nil {
			t.Errorf("the old one executed: %v, %v", done, err)
		}
		if done, err := apis[1].commit(t.Context(), "r", "1", "k", "NEW"); !done || err != nil {
			t.Errorf("the new one did not execute: %v, %v", done, err)
		}
	})
}

func TestContentIsKnownInBothFramings(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(content))
	defer srv.Close()
	for _, query := range []string{"size=3000", "size=3000&chunked=1", "size=0", "size=1&chunked=1"} {
		var size int
		fmt.Sscanf(query, "size=%d", &size)
		if status, text, _ := op(t, "GET", srv.URL+"/?"+query, ""); status != 200 || text != string(Content(size)) {
			t.Errorf("%s: %d, %d bytes", query, status, len(text))
		}
	}
	for _, query := range []string{"", "size=x", "size=-1", "size=99999999"} {
		if status, _, _ := op(t, "GET", srv.URL+"/?"+query, ""); status != 400 {
			t.Errorf("%q: %d", query, status)
		}
	}
}
