// Package sim runs a whole fleet on virtual time: servers, their checks,
// clients and everything that can go wrong, all drawn from one seed that plays
// the same again. What decides is the real code: stream's Life and Stream over a
// backend with its owner, queues and checks; only the sockets are played. A
// judge who knows nothing of that code compares what clients got and what
// servers executed with what the rules of replay promise.
//
// What is played, and so not proved here: reading and writing HTTP/1, the
// pools of idle connections and the loops' sockets (package h1 and loop).
package sim
