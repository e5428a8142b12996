// Package guard holds the tests that keep the tree in the shape ARCHITECTURE.md
// promises: who may import whom, how long a file may grow, which words stay out,
// and that every generated page is fresh. They read files and build nothing.
package guard
