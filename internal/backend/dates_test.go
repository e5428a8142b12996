package backend

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/config"
)

// The expected letters were seen on HAProxy 2.6: third letter of the
// termination code, and whether a Set-Cookie followed.
func TestDatedCookies(t *testing.T) {
	date := func(ago time.Duration) string {
		return string(appendDate(nil, time.Now().Add(-ago).Unix()))
	}
	both := config.Cookie{Name: "SRV", Insert: true, MaxIdle: time.Minute, MaxLife: time.Hour}
	idle := config.Cookie{Name: "SRV", Insert: true, MaxIdle: time.Minute}
	plain := config.Cookie{Name: "SRV", Insert: true}
	const s, now = time.Second, time.Duration(0)
	for _, c := range []struct {
		name   string
		cookie config.Cookie
		last   time.Duration
		first  time.Duration
		dates  string // instead of last and first
		letter PersistState
		fresh  bool
	}{
		{name: "no dates yet", cookie: both, dates: "-", letter: 'V', fresh: true},
		{name: "no first date yet", cookie: both, last: -8 * s, dates: "last", letter: 'V', fresh: true},
		{name: "a recent visit", cookie: both, last: 4 * s, first: 100 * s, letter: 'V', fresh: true},
		{name: "a visit in this very moment", cookie: both, last: -8 * s, first: 100 * s, letter: 'V'},
		{name: "just within maxidle", cookie: both, last: 56 * s, first: 100 * s, letter: 'V', fresh: true},
		{name: "idle for too long", cookie: both, last: 80 * s, first: 100 * s, letter: 'E'},
		{name: "kept for too long", cookie: both, last: now, first: 3700 * s, letter: 'O'},
		{name: "from a clock a day ahead", cookie: both, last: -90000 * s, first: now, letter: 'E'},
		{name: "garbage for dates", cookie: both, dates: "|!!!!!", letter: 'V', fresh: true},
		{name: "a short date", cookie: both, dates: "|AAA", letter: 'V', fresh: true},
		{name: "an empty date", cookie: both, dates: "|", letter: 'V', fresh: true},
		{name: "maxidle only, in this very moment", cookie: idle, last: -4 * s, dates: "last", letter: 'V'},
		{name: "maxidle only, with a first date", cookie: idle, last: -4 * s, first: 100 * s, letter: 'V', fresh: true},
		{name: "no dates wanted, none there", cookie: plain, dates: "-", letter: 'V'},
		{name: "no dates wanted, one there", cookie: plain, last: 4 * s, dates: "last", letter: 'V', fresh: true},
		{name: "no dates wanted, old ones are not looked at", cookie: plain, last: 80 * s, first: 3700 * s, letter: 'V', fresh: true},
		{name: "no dates wanted, garbage there", cookie: plain, dates: "|!!!!!", letter: 'V'},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(2500 * time.Millisecond) // not a multiple of 4 s
				value := "c2"
				switch c.dates {
				case "":
					value += date(c.last) + date(c.first)
				case "last":
					value += date(c.last)
				case "-":
				default:
					value += c.dates
				}
				p := proxy(2)
				p.Cookie = &c.cookie
				b := New(p, Env{})
				got := b.Pick(&Args{Cookie: []byte(value)})
				direct := c.letter == 'V'
				if got.Persist != c.letter || got.Direct != direct || got.Refresh != c.fresh || direct && got.Srv.Name != "s2" {
					t.Errorf("%s: got %+v on %s, want %c, refresh %t", value, got, got.Srv.Name, c.letter, c.fresh)
				}
			})
		})
	}
}

func TestDatesAreKeptInTheCookie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := proxy(2)
		p.Cookie = &config.Cookie{Name: "SRV", Insert: true, MaxIdle: time.Minute, MaxLife: time.Hour}
		b := New(p, Env{})
		value := func(first int64) string {
			v, _, _ := strings.Cut(string(b.AppendSetCookieSince(nil, p.Cookie, b.Server("s2"), first)), ";")
			return strings.TrimPrefix(v, "SRV=")
		}
		begin := time.Now().Unix()
		v := value(0)
		for range 100 { // a visit each 30 s keeps the client until maxlife
			time.Sleep(30 * time.Second)
			c := b.Pick(&Args{Cookie: []byte(v)})
			if !c.Direct || !c.Refresh || c.First < begin || c.First > begin+3 {
				t.Fatalf("%s after %v: %+v", v, time.Since(time.Unix(begin, 0)), c)
			}
			v = value(c.First)
		}
		time.Sleep(50 * time.Second)
		v = value(b.Pick(&Args{Cookie: []byte(v)}).First)
		for b.Pick(&Args{Cookie: []byte(v)}).Persist == PersistValid {
			if time.Now().Unix() > begin+2*3600 {
				t.Fatal("maxlife never ends")
			}
			time.Sleep(30 * time.Second)
			v = value(takeApart([]byte(v)).first)
		}
		if got := time.Now().Unix() - begin; got < 3600 || got > 3640 {
			t.Errorf("the cookie lived for %d s", got)
		}
	})
}

func FuzzTakeApart(f *testing.F) {
	for _, s := range []string{"", "c1", "c1|", "c1|AAAAA", "c1|AAAAA|BBBBB", "c1|+/+/+|", "|||"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, v []byte) {
		d := takeApart(v)
		if !bytes.HasPrefix(v, d.value) || bytes.IndexByte(d.value, dateDelimiter) >= 0 {
			t.Errorf("%q: value %q", v, d.value)
		}
		for _, date := range []int64{d.last, d.first} {
			if date < 0 || date >= 1<<32 {
				t.Errorf("%q: date %d", v, date)
			}
			if date != 0 && readDate(appendDate(nil, date)[1:]) != date {
				t.Errorf("%q: date %d does not come back", v, date)
			}
		}
	})
}
