package rule

import "testing"

// TestUniqueIDsHaveNoSpacesInARow: what a running HAProxy makes of these.
func TestUniqueIDsHaveNoSpacesInARow(t *testing.T) {
	for format, want := range map[string]string{
		`%{+X}o a`:           "a",
		`a  b`:               "a b",
		` a `:                "a ",
		`a %{-X}o b`:         "a b",
		`%[str()] b`:         " b",
		`a %[str()] b`:       "a  b",
		`a%% %%b`:            "a% %b",
		"a\tb":               "a\tb",
		`%%  %{+Q}[str()] x`: "%  x",
	} {
		f, err := ParseUniqueID(format, &Library{})
		if err != nil {
			t.Errorf("%q: %v", format, err)
			continue
		}
		if got := string(f.Eval(&Ctx{})); got != want {
			t.Errorf("%q gives %q, want %q", format, got, want)
		}
	}
}
