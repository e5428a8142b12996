package main

import (
	"fmt"
	"strings"
)

// row is one workload of the table.
type row struct {
	name      string
	title     string
	conns     int
	body      int // bytes of an answer's body, or of a WebSocket message
	webSocket bool
	log       bool // every request logged in HAProxy's httplog format to a syslog socket
}

var rows = []row{
	{name: "h1-64", title: "HTTP/1 keep-alive, 64 connections, 100 B", conns: 64, body: 100},
	{name: "h1-1000", title: "HTTP/1 keep-alive, 1,000 connections, 100 B", conns: 1000, body: 100},
	{name: "h1-16k", title: "HTTP/1 keep-alive, 64 connections, 16 KiB", conns: 64, body: 16 << 10},
	{name: "ws-1000", title: "WebSocket echo, 1,000 connections, 64 B, per message there and back", conns: 1000, body: 64, webSocket: true},
	{name: "h1-64-log", title: "HTTP/1 keep-alive, 64 connections, 100 B, every request logged by UDP", conns: 64, body: 100, log: true},
}

// choose returns the entries of all that a comma-separated list names, in the
// list's order; an empty list means all.
func choose[T any](all []T, list string, name func(T) string) ([]T, error) {
	if list == "" {
		return all, nil
	}
	var chosen []T
	for want := range strings.SplitSeq(list, ",") {
		found := false
		for _, one := range all {
			if name(one) == want {
				chosen, found = append(chosen, one), true
			}
		}
		if !found {
			return nil, fmt.Errorf("%q is not one of %s", want, names(all, name))
		}
	}
	return chosen, nil
}

func names[T any](all []T, name func(T) string) string {
	var list []string
	for _, one := range all {
		list = append(list, name(one))
	}
	return strings.Join(list, ", ")
}
