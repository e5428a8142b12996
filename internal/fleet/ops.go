package fleet

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxPut bounds the body of a PUT, which is a file and not JSON.
	maxPut = 1 << 20
	// opsLimit bounds the log of one run in Redis: an hour of 2,000 writes a second is
	// seven times as much as a drill makes.
	opsLimit = 1_000_000
	// opsFetch bounds the executions of one read.
	opsFetch = 4096
	// maxContent bounds the content that is made on demand.
	maxContent = 1 << 20
	// ChecksumHeader is the CRC-32 (IEEE) of a PUT's body, 8 hexadecimal digits. A body
	// that differs is refused and not executed.
	ChecksumHeader = "X-Checksum"
	// KeyHeader makes the repetition of a POST harmless
	// (draft-ietf-httpapi-idempotency-key-header).
	KeyHeader = "Idempotency-Key"
	// AgainHeader says that a keyed POST was executed before, and this is that answer.
	AgainHeader = "Idempotency-Replayed"
)

// An Execution is one line of a run's log: the operation ID was executed by Server at
// At. Whoever sent a request once and finds two lines knows that it was executed twice;
// one that is later than the answer landed after the client had given up.
type Execution struct {
	ID     string `json:"id"`
	Server string `json:"server"`
	At     int64  `json:"at_us"` // Unix time in µs, by the server's clock
}

// Executions is the reply of GET /api/v1/ops/<run>?after=N.
type Executions struct {
	Executed []Execution `json:"executed"` // behind N, in the order in which they were stored
	Next     int         `json:"next"`     // the N to ask with next; the same when there are no more
}

func opsKey(run string) string { return "ops:{" + run + "}" }

func keyedKey(run, key string) string { return "ops:{" + run + "}:key:" + key }

// opPath reads the run and the operation of a path or answers 404 itself.
func opPath(w http.ResponseWriter, r *http.Request) (run, id string, ok bool) {
	run, id = r.PathValue("run"), r.PathValue("id")
	if !validName(run) || !validName(id) {
		refuse(w, http.StatusNotFound, "run and operation: want 1 to %d letters, digits, '-' or '_'", maxName)
		return "", "", false
	}
	return run, id, true
}

// entry is a line of the log.
func (a *API) entry(id string) string {
	return id + " " + a.name + " " + strconv.FormatInt(time.Now().UnixMicro(), 10)
}

// execute stores that an operation was executed, in the order of arrival at Redis.
func (a *API) execute(ctx context.Context, run, id string) error {
	pipe := a.store.rdb.Pipeline()
	length := pipe.RPush(ctx, opsKey(run), a.entry(id))
	pipe.Expire(ctx, opsKey(run), keptFor)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("storing an operation: %w", err)
	}
	if length.Val() > opsLimit {
		return fmt.Errorf("the run %s has more than %d operations", run, opsLimit)
	}
	return nil
}

// postOp is deliberately not idempotent: each time that it arrives is one line of the
// log, unless it carries a key.
func (a *API) postOp(w http.ResponseWriter, r *http.Request) {
	run, id, ok := opPath(w, r)
	if !ok || !readWhole(w, r, maxBody) {
		return
	}
	if key := r.Header.Get(KeyHeader); key != "" {
		a.keyedOp(w, r, run, id, key)
		return
	}
	if err := a.execute(detached(r), run, id); err != nil {
		a.unavailable(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, opDone{id})
}

// opDone is the reply of every operation with a body; OpReply is its text.
type opDone struct {
	ID string `json:"id"`
}

// OpReply is the body of the reply to an executed POST or PUT.
func OpReply(id string) string { return `{"id":"` + id + `"}` + "\n" }

// putOp takes a file. What it stores is that it came whole.
func (a *API) putOp(w http.ResponseWriter, r *http.Request) {
	run, id, ok := opPath(w, r)
	if !ok {
		return
	}
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, http.MaxBytesReader(w, r.Body, maxPut)); err != nil {
		refuse(w, http.StatusBadRequest, "body: %v", err)
		return
	}
	if want := r.Header.Get(ChecksumHeader); want != fmt.Sprintf("%08x", sum.Sum32()) {
		refuse(w, http.StatusBadRequest, "body: checksum %08x instead of %q", sum.Sum32(), want)
		return
	}
	if err := a.execute(detached(r), run, id); err != nil {
		a.unavailable(w, err)
		return
	}
	writeJSON(w, http.StatusOK, opDone{id})
}

func (a *API) deleteOp(w http.ResponseWriter, r *http.Request) {
	run, id, ok := opPath(w, r)
	if !ok {
		return
	}
	if err := a.execute(detached(r), run, id); err != nil {
		a.unavailable(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// detached is the context of what a client cannot call back by going away: as with a
// real application, an operation that has begun is executed.
func detached(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }

// executions reads the log of a run.
func (a *API) executions(w http.ResponseWriter, r *http.Request) {
	after, ok := position(w, r)
	if !ok {
		return
	}
	run := r.PathValue("run")
	if !validName(run) {
		refuse(w, http.StatusNotFound, "no such run")
		return
	}
	lines, err := a.store.rdb.LRange(r.Context(), opsKey(run), after, after+opsFetch-1).Result()
	if err != nil {
		a.unavailable(w, err)
		return
	}
	reply := Executions{Executed: make([]Execution, 0, len(lines)), Next: int(after) + len(lines)}
	for _, line := range lines {
		words := strings.Fields(line)
		if len(words) != 3 {
			continue // not written by execute
		}
		at, _ := strconv.ParseInt(words[2], 10, 64) // 0 when another program wrote it
		reply.Executed = append(reply.Executed, Execution{ID: words[0], Server: words[1], At: at})
	}
	writeJSON(w, http.StatusOK, reply)
}

// content answers with Content, ?size= bytes of it, with a length or ?chunked=1 without,
// so that a reply that ends too early is provable in both framings.
func content(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.Atoi(r.FormValue("size"))
	if err != nil || size < 0 || size > maxContent {
		refuse(w, http.StatusBadRequest, "size: want 0 to %d", maxContent)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	if r.FormValue("chunked") == "" {
		w.Header().Set("Content-Length", strconv.Itoa(size))
	}
	data := Content(size)
	if w.Write(data[:size/2]); r.FormValue("chunked") != "" {
		http.NewResponseController(w).Flush() // a failed write shows at the client
	}
	w.Write(data[size/2:])
}

var contents = sync.OnceValue(func() []byte {
	var all []byte
	for n := 0; len(all) < maxContent; n++ {
		all = append(all, SegmentBytes("content", n)...)
	}
	return all[:maxContent]
})

// Content is the first size bytes, 1 MiB at most, of content that any server and any
// client know. The caller must not change it.
func Content(size int) []byte { return contents()[:size] }

func readWhole(w http.ResponseWriter, r *http.Request, limit int64) bool {
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, limit)); err != nil {
		refuse(w, http.StatusBadRequest, "body: %v", err)
		return false
	}
	return true
}
