package rule

import (
	"strings"
	"testing"

	"bascule/internal/lang"
)

// A chain of converters is bounded where it is read and where it runs.
func TestChainsOfConvertersAreBounded(t *testing.T) {
	for _, c := range []struct {
		name, text string
		refused    bool
		length     int // of the sample, -1: none
	}{
		{"as many as there may be", "str(a)" + strings.Repeat(",lower", maxConverters), false, 1},
		{"one more", "str(a)" + strings.Repeat(",lower", maxConverters+1), true, 0},
		{"thousands", "str(a)" + strings.Repeat(",lower", 5000), true, 0},
		{"a sample that doubles", "str(a)" + strings.Repeat(",hex", 15), false, 1 << 15},
		{"a sample that doubles too often", "str(a)" + strings.Repeat(",hex", 60), false, -1},
		{"a sample that grows by each of its bytes", "str(a)" + strings.Repeat(",regsub(a,aaaaaaaaaaaaaaaaaaaa,g)", 200), false, -1},
		{"a long sample goes through many", "str(" + strings.Repeat("a", 20000) + ")" + strings.Repeat(",lower", 60), false, 20000},
	} {
		t.Run(c.name, func(t *testing.T) {
			words := []lang.Word{{Text: c.text}}
			if c.name == "thousands" { // as words of their own, too
				words = []lang.Word{{Text: "str(a)"}}
				for range 5000 {
					words = append(words, lang.Word{Text: "lower"})
				}
			}
			e, _, err := ParseExpr(words)
			if (err != nil) != c.refused {
				t.Fatalf("got %v", err)
			}
			if c.refused {
				return
			}
			x := &Ctx{}
			b, ok := e.Eval(x)
			if ok != (c.length >= 0) || ok && len(b) != c.length {
				t.Errorf("%d bytes, %v", len(b), ok)
			}
			if most := 64 << 20; cap(x.Scratch) > most {
				t.Errorf("%d bytes of memory", cap(x.Scratch))
			}
		})
	}
}
