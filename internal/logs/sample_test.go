package logs

import "testing"

func TestASampleTakesItsLinesOfEachTurn(t *testing.T) {
	s, err := parseSample("2,5-6:7")
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for range 14 {
		if s.takes() {
			got += "x"
		} else {
			got += "."
		}
	}
	if want := ".x..xx..x..xx."; got != want {
		t.Errorf("took %s, want %s", got, want)
	}
	if none := (*Sample)(nil); !none.takes() {
		t.Error("without a sample a line was left out")
	}
}
