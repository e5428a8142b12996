package stats

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"bascule/internal/config"
	"bascule/internal/stream"
)

// An Order is what an operator wants of servers by a page, and what became of it. Its
// words are as they came: String makes them fit for a line.
type Order struct {
	Action, Backend string
	Servers         []string
	How             string // behind the servers: "to 7", "within 30s"; may be ""
	User            string // of `stats auth`, "" where nobody is asked
	From            string // address and port
	Result          string // "done", or what was wrong
	Done            bool   // all of it
}

const (
	// maxWord bounds what is repeated of a word of an order, and mostNamed how many
	// servers are named: the form is anybody's.
	maxWord   = 80
	mostNamed = 16
)

// String says what is wanted: "drain of app/s1, app/s2 within 30s".
func (o *Order) String() string {
	s := word(o.Action) + " of " + o.Targets()
	if o.How != "" {
		s += " " + word(o.How)
	}
	return s
}

// Targets are the servers, "app/s1, app/s2"; the backend alone where there is none.
func (o *Order) Targets() string {
	var list []string
	for i, name := range o.Servers {
		if i == mostNamed {
			list = append(list, fmt.Sprintf("%d more", len(o.Servers)-i))
			break
		}
		list = append(list, word(o.Backend)+"/"+word(name))
	}
	if list == nil {
		return word(o.Backend)
	}
	return strings.Join(list, ", ")
}

func word(s string) string {
	if len(s) > maxWord {
		s = s[:maxWord]
	}
	return strings.Trim(strconv.QuoteToASCII(s), `"`)
}

// User is who `stats auth` has let in; "" where nobody is asked for a name.
func User(r *stream.Asked, cfg *config.Stats) string {
	if len(cfg.Auth) == 0 {
		return ""
	}
	_, token, _ := strings.Cut(r.Header("Authorization"), " ")
	given, err := base64.StdEncoding.DecodeString(strings.TrimSpace(token))
	if err != nil {
		return ""
	}
	name, _, _ := strings.Cut(string(given), ":")
	return name
}

// Forbidden says why an order is not even looked at; "" if it is. It is asked for every
// form that changes something, the statistics page's and the live page's.
func Forbidden(r *stream.Asked, cfg *config.Stats) string {
	switch {
	case len(cfg.Admin) == 0, !r.Admin:
		return "refused: stats admin does not permit it"
	case Foreign(r):
		return "refused: the request comes from another site's page"
	}
	return ""
}
