// Package ansible holds the roles of deploy/ansible to what they promise: their lint, the
// files that they render, what they say to a wrong variable, and the commands that make
// containers, against a stand-in that records them.
//
// Its tests run Ansible for a minute of processor time and no code of ours in this
// process: there is nothing for the race detector, which leaves them out.
package ansible
