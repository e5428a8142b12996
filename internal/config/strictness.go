package config

import "slices"

// What the parser lets pass with the options of these names, see package wire.
const (
	looseRequests = "Accepts from clients what a broken one may send and an attacker likes to: any character in the name of a header, " +
		"control characters in its value, '#' and characters from 0x80 in the target, any form of target, an authority that is not Host's, " +
		"HTTP/0.9 and other versions and protocols, a WebSocket without a key. What frames a message stays strict."
	looseReplies = "Accepts from servers any character in the name of a header, control characters in its value, versions of several digits, " +
		"an empty Transfer-Encoding and more than one chunked. What else frames a message stays strict."
)

func parseOddNames(x *line) {
	values := []string{"preserve", "delete", "reject"}
	i := slices.Index(values, x.arg(0))
	switch {
	case x.arg(0) == "":
		x.alert(x.name, "missing parameter. option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete' option.")
	case i < 0:
		x.choose(0, "invalid parameter '"+x.arg(0)+"'. option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete' option.", values...)
	case x.atMost(1):
		x.px.OddNames = OddNames(i)
	}
}
