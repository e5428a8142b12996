// Package live is the page that follows the fleet: the figures of every second,
// the last hour of each server, what has happened, and an operator's actions, at
// `stats uri` beside HAProxy's page.
package live
