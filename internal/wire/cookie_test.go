package wire

import (
	"strings"
	"testing"
	"time"
)

func TestCookieValue(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields []string
		want   string
		ok     bool
	}{
		{"the only cookie", []string{"SRV=s1"}, "s1", true},
		{"the first cookie", []string{"SRV=s1; a=b"}, "s1", true},
		{"a cookie in the middle", []string{"a=b; SRV=s1; c=d"}, "s1", true},
		{"the last cookie", []string{"a=b; SRV=s1"}, "s1", true},
		{"without spaces", []string{"a=b;SRV=s1;c=d"}, "s1", true},
		{"with too many spaces", []string{"a=b ; \t SRV = s1 ;c=d"}, "s1", true},
		{"a cookie in the second field", []string{"a=b", "SRV=s1"}, "s1", true},
		{"the first of two", []string{"SRV=s1; SRV=s2"}, "s1", true},
		{"an empty value", []string{"SRV=; a=b"}, "", true},
		{"a value with '='", []string{"SRV=s1=x"}, "s1=x", true},
		{"a name that begins like it", []string{"SRVX=s1"}, "", false},
		{"a name that ends like it", []string{"XSRV=s1"}, "", false},
		{"a name in another case", []string{"srv=s1"}, "", false},
		{"a name without '='", []string{"SRV; a=b"}, "", false},
		{"the name inside a value", []string{"a=SRV=s1"}, "", false},
		{"empty pairs", []string{";; ;SRV=s1;"}, "s1", true},
		{"no cookie at all", nil, "", false},
		{"an empty field", []string{""}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := cookies(t, c.fields)
			value, field, pair, ok := CookieValue(&r.Head, []byte("SRV"))
			if string(value) != c.want || ok != c.ok {
				t.Fatalf("got %q %v, want %q %v", value, ok, c.want, c.ok)
			}
			if ok && !strings.HasPrefix(string(pair.of(r.Value(&r.Fields[field]))), "SRV") {
				t.Errorf("pair is %q", pair.of(r.Value(&r.Fields[field])))
			}
		})
	}
}

func TestRemoveCookie(t *testing.T) {
	for _, c := range []struct {
		name       string
		give, want []string
	}{
		{"the only cookie takes its field along", []string{"SRV=s1"}, nil},
		{"the first", []string{"SRV=s1; a=b; c=\"d\""}, []string{"a=b; c=\"d\""}},
		{"one in the middle", []string{"a=b; SRV=s1; c=d"}, []string{"a=b; c=d"}},
		{"the last", []string{"a=b; SRV=s1"}, []string{"a=b"}},
		{"without spaces", []string{"a=b;SRV=s1;c=d"}, []string{"a=b; c=d"}},
		{"every one of that name", []string{"SRV=s1; a=b; SRV=s2", "SRV=s3", "c=d"}, []string{"a=b", "c=d"}},
		{"another name leaves the field as it is", []string{"SRVX=s1;a=b ;  c=d"}, []string{"SRVX=s1;a=b ;  c=d"}},
		{"odd pairs stay", []string{"junk; SRV=s1; =x; a = b"}, []string{"junk; =x; a = b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := cookies(t, c.give)
			r.RemoveCookie([]byte("SRV"))
			lines := []string{"X-A: 1"}
			for _, w := range c.want {
				lines = append(lines, "Cookie: "+w)
			}
			if got, want := string(r.AppendTo(nil, BodyNone, 0, ConnNone)), get(append(lines, "X-B: 2")...); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if _, _, _, ok := CookieValue(&r.Head, []byte("SRV")); ok {
				t.Error("the cookie is still found")
			}
		})
	}
}

func TestRemoveCookieFromAnAddedField(t *testing.T) {
	r := parseRequest(t, get())
	r.AddString("Cookie", "a=b; SRV=s1")
	r.RemoveCookie([]byte("SRV"))
	if got, want := string(r.AppendTo(nil, BodyNone, 0, ConnNone)), get("Cookie: a=b"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func cookies(t *testing.T, fields []string) *Request {
	lines := []string{"X-A: 1"}
	for _, f := range fields {
		lines = append(lines, "Cookie: "+f)
	}
	return parseRequest(t, get(append(lines, "X-B: 2")...))
}

func TestAppendDate(t *testing.T) {
	at := time.Date(2024, time.February, 9, 23, 4, 5, 0, time.FixedZone("", 3600))
	if got, want := string(AppendDate(nil, at)), "Fri, 09 Feb 2024 22:04:05 GMT"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
