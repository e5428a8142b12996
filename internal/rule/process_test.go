package rule

import (
	"testing"

	"bascule/internal/lang"
)

func processVar(t *testing.T, fmtKind bool, texts ...string) *ProcessVar {
	t.Helper()
	var words []lang.Word
	for _, text := range texts {
		words = append(words, lang.Word{Text: text})
	}
	p, _, err := ParseProcessVar(words, fmtKind)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestVariablesOfTheProcess(t *testing.T) {
	t.Cleanup(func() { BeginProcess(nil) })
	BeginProcess([]*ProcessVar{processVar(t, false, "proc.n", "int(3),add(4)"), processVar(t, true, "proc.site", "%[str(lab)]-%[var(proc.n)]")})
	e, _, err := ParseExpr([]lang.Word{{Text: "var(proc.site)"}})
	if err != nil {
		t.Fatal(err)
	}
	read := func() string {
		text, _ := e.Eval(&Ctx{})
		return string(text)
	}
	if got := read(); got != "lab-7" {
		t.Errorf("the file's value is %q", got)
	}
	x := &Ctx{smp: Sample{Kind: KindStr, Bytes: []byte("changed")}}
	x.vars().set("proc.site", &x.smp)
	if got := read(); got != "changed" {
		t.Errorf("another stream reads %q", got)
	}
	if n := testing.AllocsPerRun(100, func() { e.Eval(x) }); n != 0 {
		t.Errorf("%v allocations to read one", n)
	}
	x.Vars.unset("proc.site")
	if got := read(); got != "" {
		t.Errorf("unset, it is %q", got)
	}
	BeginProcess([]*ProcessVar{processVar(t, false, "proc.site", "str(new)")})
	if got := read(); got != "new" {
		t.Errorf("after a reload it is %q", got)
	}
}
