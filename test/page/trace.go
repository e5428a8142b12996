package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// A task is one turn of the page's main thread.
type task struct {
	Name string  `json:"name"`
	Ph   string  `json:"ph"`
	Dur  float64 `json:"dur"`  // microseconds
	CPU  float64 `json:"tdur"` // of them, the thread ran
	Ts   float64 `json:"ts"`
	Tid  int     `json:"tid"`
	Pid  int     `json:"pid"`
	Args struct {
		Name string `json:"name"`
		Data struct {
			Type string `json:"type"`
		} `json:"data"`
	} `json:"args"`
}

// A verdict is what a trace says of the page's main thread.
type verdict struct {
	tasks, scripts int
	longest        time.Duration // of a task in which script ran
	longestCPU     time.Duration // of a task in which script ran, what its thread ran of it
	longestAny     time.Duration // of any task: layout and painting too
	busy           time.Duration // CPU time of all tasks
	frames         int           // of the stream that were drawn
}

// record traces the browser for a time.
func (b *browser) record(most time.Duration) (v verdict, err error) {
	// The main threads are named before the trace begins to be read.
	data, done := b.on("Tracing.dataCollected", 1<<16), b.on("Tracing.tracingComplete", 1)
	if err := b.eval(`window.__frames = 0; new MutationObserver(() => window.__frames++).observe(document.querySelector('#sum'), { subtree: true, characterData: true })`, nil); err != nil {
		return v, err
	}
	if _, err := b.call("Tracing.start", map[string]any{"transferMode": "ReportEvents",
		"traceConfig": map[string]any{"includedCategories": []string{"toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline", "__metadata"}}}); err != nil {
		return v, err
	}
	time.Sleep(most)
	if _, err := b.call("Tracing.end", nil); err != nil {
		return v, err
	}
	select {
	case <-done:
	case <-time.After(startTime):
		return v, fmt.Errorf("the trace does not end")
	}
	var all []task
	for len(data) > 0 {
		var part struct{ Value []task }
		if err := json.Unmarshal(<-data, &part); err != nil {
			return v, err
		}
		all = append(all, part.Value...)
	}
	if err := b.eval(`window.__frames`, &v.frames); err != nil {
		return v, err
	}
	v.judge(all)
	return v, nil
}

// judge finds the renderer's main thread, its tasks, and those in which script ran.
func (v *verdict) judge(all []task) {
	type thread struct{ pid, tid int }
	mains := map[thread]bool{}
	for _, e := range all {
		if e.Ph == "M" && e.Name == "thread_name" && e.Args.Name == "CrRendererMain" {
			mains[thread{e.Pid, e.Tid}] = true
		}
	}
	scripts := map[thread][]task{}
	for _, e := range all {
		switch e.Name {
		case "FunctionCall", "EvaluateScript", "EventDispatch", "FireAnimationFrame", "TimerFire":
			scripts[thread{e.Pid, e.Tid}] = append(scripts[thread{e.Pid, e.Tid}], e)
		}
	}
	for _, e := range all {
		on := thread{e.Pid, e.Tid}
		if e.Ph != "X" || !mains[on] || e.Name != "RunTask" && e.Name != "ThreadControllerImpl::RunTask" {
			continue
		}
		took := time.Duration(e.Dur) * time.Microsecond
		v.tasks++
		cpu := time.Duration(e.CPU) * time.Microsecond
		v.busy += cpu
		v.longestAny = max(v.longestAny, took)
		for _, s := range scripts[on] {
			if s.Ts >= e.Ts && s.Ts <= e.Ts+e.Dur {
				v.scripts++
				v.longest, v.longestCPU = max(v.longest, took), max(v.longestCPU, cpu)
				break
			}
		}
	}
}

func printTrace(binary string, most time.Duration) error {
	r, err := build(wall(binary, 200))
	if err != nil {
		return err
	}
	defer r.end()
	b, err := start(context.Background())
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.size(1440, 1000, false); err != nil {
		return err
	}
	if err := b.open("http://"+r.stats+"/stats;live", ""); err != nil {
		return err
	}
	if _, err := b.until(drawn, startTime); err != nil {
		return err
	}
	if err := b.eval(`document.querySelector('[data-key="cache/cache007"]').click()`, nil); err != nil { // its charts are drawn every second too
		return err
	}
	time.Sleep(2 * time.Second)
	v, err := b.record(most)
	if err != nil {
		return err
	}
	fmt.Printf("%s with 200 servers and the charts of one: %d tasks of the main thread, %d of them with script, %d changes of the sums\n", most, v.tasks, v.scripts, v.frames)
	fmt.Printf("longest task with script %.1f ms, %.1f ms of CPU time; longest of all %.1f ms; the main thread ran %.1f %% of the time\n",
		v.longest.Seconds()*1000, v.longestCPU.Seconds()*1000, v.longestAny.Seconds()*1000, 100*v.busy.Seconds()/most.Seconds())
	return nil
}
