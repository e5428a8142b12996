// Package web is the live page: plain HTML, CSS and JavaScript, as browsers get
// them.
package web

import "embed"

// Files are the page and its assets.
//
//go:embed index.html *.css *.js *.svg
var Files embed.FS
