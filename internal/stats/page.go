package stats

import (
	_ "embed" // the page's template
	"html/template"
	"io"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"bascule/internal/backend"
	"bascule/internal/config"
)

//go:embed page.html
var pageText string

// pageTemplate is parsed at its first use: a process without a page needs none.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Parse(pageText))
})

// What the template shows.
type (
	page struct {
		Title, Version, Desc, Action, Scope string
		Outcome                             string // of a form
		Post                                string // where forms go; "": nothing can be changed

		Hidden []fact // what the form must send besides

		Pid     int
		Width   int // columns, the names' included
		Facts   []fact
		Links   []link
		Groups  []columnGroup
		Columns []columnHead
		Proxies []*proxyTable
	}
	fact        struct{ Name, Text string }
	link        struct{ Href, Text string }
	columnGroup struct {
		Name  string
		Width int
	}
	columnHead struct{ Title, Meaning string }
	proxyTable struct {
		Name, Note string
		ID         int
		Servers    bool // that can be changed
		Rows       []tableRow
	}
	tableRow struct {
		Name, Anchor, Class, Note string
		Server                    string // of a server that can be changed
		Cells                     []cell
	}
)

func writePage(w io.Writer, src *Source, cfg *config.Stats, v *view, rows []Row) error {
	p := src.Facts()
	data := page{Title: "Statistics", Pid: p.Pid, Desc: cfg.ShowDesc, Scope: v.scope,
		Facts: pageFacts(&p), Links: pageLinks(cfg, v)}
	data.Action, data.Hidden = pageForm(cfg.URI)
	data.Outcome = v.outcome
	if len(cfg.Admin) > 0 {
		data.Post = cfg.URI
	}
	if !cfg.HideVersion {
		data.Version = p.Version
	}
	if cfg.ShowNode {
		data.Title += " of " + p.Node
	}
	data.Groups, data.Columns = pageHeads()
	data.Width = len(data.Columns) + 1
	for i := range rows {
		r := &rows[i]
		if n := len(data.Proxies); n == 0 || data.Proxies[n-1].Name != r.Proxy.Name {
			data.Proxies = append(data.Proxies, &proxyTable{Name: r.Proxy.Name, Note: proxyNote(r), ID: r.Proxy.ID})
		}
		t := data.Proxies[len(data.Proxies)-1]
		row := tableOf(r)
		if r.Kind == Server && len(cfg.Admin) > 0 {
			row.Server, t.Servers = r.srv.Name, true
		}
		t.Rows = append(t.Rows, row)
	}
	return pageTemplate().Execute(w, data)
}

func pageFacts(p *Facts) []fact {
	return []fact{
		{"Uptime", age(int64(p.Uptime(p.Now).Seconds()))},
		{"Connections", grouped(p.Conns) + " of " + grouped(p.MaxConn)},
		{"Connections/s", grouped(p.Rates.Conns.Per) + ", most " + grouped(p.Rates.Conns.Max)},
		{"Requests", grouped(p.CumReqs)},
		{"Sent", binary(p.BytesOut) + ", " + binary(p.Rates.BytesOut.Per) + "/s"},
		{"Loops", strconv.Itoa(p.Threads) + ", " + strconv.FormatInt(p.IdlePercent, 10) + " % idle"},
		{"Descriptors", "at most " + grouped(p.Sockets) + " of " + grouped(p.Files)},
	}
}

// pageForm is where the form goes. A form puts its fields in place of a query,
// so the query of `stats uri` (/haproxy?stats) becomes fields.
func pageForm(uri string) (action string, hidden []fact) {
	action, query, _ := strings.Cut(uri, "?")
	for part := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(part, "="); name != "" {
			hidden = append(hidden, fact{name, value})
		}
	}
	return action, hidden
}

// pageLinks lead to the page with one option turned, and to its other forms.
func pageLinks(cfg *config.Stats, v *view) []link {
	up, quiet, scope := "", "", ""
	if v.filter.Up {
		up = ";up"
	}
	if v.silent {
		quiet = ";norefresh"
	}
	if v.scope != "" {
		scope = ";scope=" + url.PathEscape(v.scope)
	}
	list := []link{{cfg.URI + ";up" + quiet + scope, "Hide servers that are down"}}
	if v.filter.Up {
		list[0] = link{cfg.URI + quiet + scope, "Show all servers"}
	}
	switch {
	case v.silent && cfg.Refresh > 0:
		list = append(list, link{cfg.URI + up + scope, "Refresh every " + cfg.Refresh.String()})
	case cfg.Refresh > 0:
		list = append(list, link{cfg.URI + up + ";norefresh" + scope, "Stop refreshing"})
	}
	if !cfg.Dead {
		list = append(list, link{cfg.URI + ";live", "Live page"})
	}
	return append(list, link{cfg.URI + up + quiet + scope, "Refresh now"},
		link{cfg.URI + ";csv;norefresh" + scope, "CSV"}, link{cfg.URI + ";json;norefresh" + scope, "JSON"})
}

func pageHeads() (groups []columnGroup, heads []columnHead) {
	for i := range pageColumns {
		c := &pageColumns[i]
		if n := len(groups); n == 0 || groups[n-1].Name != c.group {
			groups = append(groups, columnGroup{Name: c.group})
		}
		groups[len(groups)-1].Width++
		heads = append(heads, columnHead{c.title, fieldByName(c.field).Text})
	}
	return groups, heads
}

// proxyNote says of what kind a proxy is, and with legends how it balances.
func proxyNote(r *Row) string {
	px, note := r.Proxy, ""
	switch {
	case px.Frontend && px.Backend:
		note = "listen"
	case px.Frontend:
		note = "frontend"
	default:
		note = "backend"
	}
	note += ", " + px.Mode.String()
	if px.Backend && r.legends {
		note += ", balance " + px.Balance.Algorithm.String()
		if px.Cookie != nil {
			note += ", cookie " + px.Cookie.Name
		}
	}
	if px.Desc != "" {
		note += ": " + px.Desc
	}
	return note
}

func tableOf(r *Row) tableRow {
	t := tableRow{Class: rowClass(r)}
	switch r.Kind {
	case Server:
		t.Name = r.srv.Name
		t.Note = strings.Join(nonEmpty(address(r).text, cookieNote(r)), ", ")
	case Frontend:
		t.Name = "Frontend"
	case Listener:
		t.Name = rowName(r).text
		t.Note = address(r).text
	default:
		t.Name = "Backend"
	}
	t.Anchor = r.Proxy.Name + "/" + t.Name
	for i := range pageColumns {
		t.Cells = append(t.Cells, pageColumns[i].cell(r))
	}
	return t
}

func cookieNote(r *Row) string {
	if c := cookie(r); c.set {
		return "cookie " + c.text
	}
	return ""
}

func nonEmpty(list ...string) []string {
	kept := list[:0]
	for _, s := range list {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

// rowClass is the colour of a row: the state of a server.
func rowClass(r *Row) string {
	if r.Kind != Server {
		if r.Kind == Backend && !r.up() {
			return "own down"
		}
		return "own"
	}
	class := ServerClass(r.state)
	if r.srv.Config().Backup {
		class += " backup"
	}
	return class
}

// ServerClass is the class of a server's state, by which it is drawn: up,
// going-down, no-check, drain, going-up, maint or down.
func ServerClass(st *backend.State) string {
	switch {
	case st.Admin.Maint():
		return "maint"
	case st.Op == backend.Stopped && st.Health > 0 && st.Check.Enabled:
		return "going-up"
	case st.Op == backend.Stopped:
		return "down"
	case st.Admin.Drain() || st.Op == backend.Stopping || st.EWeight == 0:
		return "drain"
	case !st.Check.Enabled:
		return "no-check"
	case st.Health < st.Rise+st.Fall-1:
		return "going-down"
	}
	return "up"
}
