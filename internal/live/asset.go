package live

import (
	"encoding/json"
	"html/template"
	"net/url"
	"path"
	"strings"
	"sync"

	"bascule/internal/config"
	"bascule/internal/stream"
	"bascule/web"
)

// htmlFields keep the page from running or loading anything but its own assets,
// and from being framed.
const htmlFields = "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'\r\n" +
	"X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n"

// pageTemplate is parsed at its first use: a process without a page needs none.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.ParseFS(web.Files, "index.html"))
})

// html answers with the live page. What an operator without the right cannot do
// is not in it.
func (p *Page) html(w answerer, r *stream.Asked, cfg *config.Stats) {
	w.Head(200, "Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"+htmlFields)
	_ = pageTemplate().Execute(w, page{URI: cfg.URI, Title: titleOf(cfg, p.Board.src), Admin: r.Admin})
}

// types are the assets by the end of their names.
var types = map[string]string{
	".js":  "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
}

// asset answers with a file of the page. Modules import each other as ./name.js;
// since `stats uri` need not end where a path has a slash, they are given the
// whole way.
func (p *Page) asset(w answerer, cfg *config.Stats, name string) {
	kind := types[path.Ext(name)]
	text, err := web.Files.ReadFile(name)
	if kind == "" || err != nil {
		refuse(w, 404, "no such asset", "")
		return
	}
	w.Head(200, "Content-Type: "+kind+"\r\nCache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\n")
	if path.Ext(name) != ".js" {
		_, _ = w.Write(text)
		return
	}
	way := `"` + quoted(cfg.URI) + ";asset="
	_, _ = strings.NewReplacer(` from "./`, " from "+way, `import "./`, "import "+way).WriteString(w, string(text))
}

// quoted is a text as it stands within a string of JavaScript.
func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(text[1 : len(text)-1])
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
