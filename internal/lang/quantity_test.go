package lang

import (
	"testing"
	"time"
)

func TestTimesHaveUnitsAndRoundUp(t *testing.T) {
	for _, c := range []struct {
		text string
		unit time.Duration
		want time.Duration
		err  string
	}{
		{"5", time.Millisecond, 5 * time.Millisecond, ""},
		{"5", time.Second, 5 * time.Second, ""},
		{"", time.Millisecond, 0, ""},
		{"0", time.Second, 0, ""},
		{"10us", time.Millisecond, time.Millisecond, ""},
		{"1001us", time.Millisecond, 2 * time.Millisecond, ""},
		{"7us", time.Microsecond, 7 * time.Microsecond, ""},
		{"500ms", time.Second, time.Second, ""},
		{"3s", time.Millisecond, 3 * time.Second, ""},
		{"2m", time.Millisecond, 2 * time.Minute, ""},
		{"1h", time.Millisecond, time.Hour, ""},
		{"24d", time.Millisecond, 24 * 24 * time.Hour, ""},
		{"2147483647", time.Millisecond, MaxTimer, ""},
		{"2147483648", time.Millisecond, 0, "timer overflow"},
		{"25d", time.Millisecond, 0, "timer overflow"},
		{"99999999999999999999999", time.Millisecond, 0, "timer overflow"},
		{"x", time.Millisecond, 0, "unexpected character 'x'"},
		{"s", time.Millisecond, 0, "unexpected character 's'"},
		{"soon", time.Millisecond, 0, "unexpected character 's'"},
		{"-1", time.Millisecond, 0, "unexpected character '-'"},
		{"5z", time.Millisecond, 0, "unexpected character 'z'"},
		{"5sec", time.Millisecond, 0, "unexpected character 'e'"},
		{"5msx", time.Millisecond, 0, "unexpected character 'x'"},
		{"5mx", time.Millisecond, 0, "unexpected character 'x'"},
		{"5u", time.Millisecond, 0, "unexpected character 'u'"},
	} {
		got, err := ParseTime(c.text, c.unit)
		if got != c.want || errText(err) != c.err {
			t.Errorf("%q in %v: got %v, %v; want %v, %q", c.text, c.unit, got, err, c.want, c.err)
		}
	}
}

func TestSizesHaveUnits(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "16384": 16384, "32k": 32 << 10, "1K": 1 << 10, "2m": 2 << 20, "1G": 1 << 30} {
		if got, err := ParseSize(text); got != want || err != nil {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"12x": "unexpected character 'x'", "1kb": "unexpected character 'b'", "-1": "unexpected character '-'",
		"99999999999g": "size overflow", "99999999999999999999": "size overflow",
	} {
		if _, err := ParseSize(text); errText(err) != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func FuzzQuantity(f *testing.F) {
	for _, seed := range []string{"5s", "10us", "25d", "32k", "1G", "", "-1", "99999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, unit := range []time.Duration{time.Microsecond, time.Millisecond, time.Second} {
			if d, err := ParseTime(text, unit); d < 0 || d > MaxTimer+unit || err != nil && d != 0 || d%unit != 0 {
				t.Errorf("%q: %v, %v", text, d, err)
			}
		}
		if n, err := ParseSize(text); n < 0 || err != nil && n != 0 {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	})
}
