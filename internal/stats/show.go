package stats

import (
	"errors"
	"slices"
	"strconv"

	"bascule/internal/config"
)

// ErrNoProxy is the answer to "show stat NAME …" for a name that is not there.
// It is said as it is, in HAProxy's words.
var ErrNoProxy = errors.New("No such proxy.")

// A Show is what the arguments of "show stat" ask for.
type Show struct {
	Filter Filter
	Format Format
	Desc   bool
}

// ParseShow reads the arguments of "show stat":
// [{IID|NAME} TYPE SID] [typed|json] [desc] [up|no-maint]. Words that it does
// not know mean nothing, as in HAProxy.
func ParseShow(args []string, proxies []*config.Proxy) (Show, error) {
	var s Show
	if len(args) > 1 && args[0] == "domain" {
		args = args[2:]
	}
	if len(args) >= 3 && !slices.Contains(showWords, args[0]) {
		iid, err := selector(args[0], proxies)
		if err != nil {
			return s, err
		}
		s.Filter.Proxy, s.Filter.Kinds, s.Filter.Server = iid, kindsOf(number32(args[1])), max(number32(args[2]), 0)
		args = args[3:]
	}
	for _, a := range args {
		switch a {
		case "typed":
			s.Format = Typed
		case "json":
			s.Format = JSON
		case "desc":
			s.Desc = true
		case "up":
			s.Filter.Up = true
		case "no-maint":
			s.Filter.NoMaint = true
		}
	}
	return s, nil
}

var showWords = []string{"typed", "json", "desc", "up", "no-maint"}

// number32 reads a number as atoi does: what is none is 0.
func number32(s string) int {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0
	}
	return int(n)
}

// selector is the ID of a proxy given by number or name; 0 for all (-1).
func selector(word string, proxies []*config.Proxy) (int, error) {
	if n := number32(word); n != 0 {
		return max(n, 0), nil
	}
	for _, p := range proxies {
		if p.Name == word {
			return p.ID, nil
		}
	}
	return 0, ErrNoProxy
}

// kindsOf reads the mask of "show stat": 1 frontends, 2 backends, 4 servers,
// -1 all.
func kindsOf(mask int) Kinds {
	if mask < 0 {
		return 0
	}
	k := Kinds(mask) & onAll
	if k == 0 {
		return 1 << numKinds // none
	}
	return k
}
