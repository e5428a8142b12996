package rule

import (
	"fmt"

	"bascule/internal/lang"
)

// atConnect is where the server option sni stands: a server was chosen for the
// request.
var atConnect = place{set: HTTPRequest, back: true}

// ParseServerName compiles the expression of the server option sni, which is one
// word. The error's text is HAProxy's, without a position.
func ParseServerName(w lang.Word) (*Expr, error) {
	e, _, err := ParseExpr([]lang.Word{w})
	if err == nil && !atConnect.allows(e.fetch.need) {
		err = fmt.Errorf("fetch method '%s' extracts information from '%s', none of which is available here", w.Text, needNames[e.fetch.need])
	}
	return e, err
}
