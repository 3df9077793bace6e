package cookiecutter

import (
	"strings"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true},
		{"*", "a/b/c", true},
		{"", "", true},
		{"", "a", false},
		{"*.html", "a/b.html", true},
		{"*.html", "a/b.htm", false},
		{"docs/*", "docs", false},
		{"docs/*", "docs/a/b", true},
		{"a?c", "a/c", true},
		{"a?c", "ac", false},
		{"[ab]x", "bx", true},
		{"[!ab]x", "bx", false},
		{"[!ab]x", "cx", true},
		{"[a-c]", "b", true},
		{"[a-c]", "d", false},
		{"[c-a]", "b", false},
		{"[]]", "]", true},
		{"[!]]", "]", false},
		{"[a", "[a", true},
		{"[a-]", "-", true},
		{"{{x}}/*", "{{x}}/a", true},
		{"*a*b*c", "xxaxxbxxc", true},
		{"*a*b*c", "xxaxxcxxb", false},
		{"ä?", "äö", true},
		{strings.Repeat("*a", 50) + "b", strings.Repeat("a", 5000), false},
	} {
		if got := match(c.pattern, c.name); got != c.want {
			t.Errorf("match(%.40q, %.40q) = %v", c.pattern, c.name, got)
		}
	}
}

func TestIsBinary(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, data string
		want       bool
	}{
		{"a", "", false},
		{"a.pyc", "text", true},
		{"a", "text\n", false},
		{"a", "text\x00", true},
		{"a", "text\xff", true},
		{"a", "äöüß\x00", false},
		{"a", "äöü\x00", true},
		{"a", "\ufeffabc\x00", false},
		{"a", strings.Repeat("x", 1024) + "\x00", false},
		{"a", "\x01\x02\x03\x04\x05a", true},
		{"a", "\x01\x02\x03abc", false},
		{"a", strings.Repeat("日", 300), false},
		{"a", strings.Repeat("日", 400), true}, // the chunk ends inside of a character
		{"a", "caf\xe9 au lait", false},
	} {
		if got := isBinary(c.name, []byte(c.data)); got != c.want {
			t.Errorf("isBinary(%q, %.30q) = %v", c.name, c.data, got)
		}
	}
}

func TestNewlineOf(t *testing.T) {
	t.Parallel()
	far := strings.Repeat("x", readAhead)
	for _, c := range []struct{ data, want string }{
		{"", "\n"},
		{"one line", "\n"},
		{"a\nb\n", "\n"},
		{"a\r\nb\r\n", "\r\n"},
		{"a\rb", "\r"},
		{"a\r", "\r"},
		{"a\r\nb\r", "\r\n"},
		{"a\r\nb\n", "\n"},
		{"a\nb\r\n", "\n"},
		{"a\r\nb\rc\n", "\r"},
		{"a\r\n" + far + "\n", "\r\n"},
		{far + far + "\r\n", "\r\n"},
		{far[1:] + "\r\n", "\r\n"},
		{far[1:] + "\r", "\r"},
	} {
		if got := newlineOf([]byte(c.data)); got != c.want {
			t.Errorf("newlineOf(%.20q) = %q, want %q", c.data, got, c.want)
		}
	}
}

func TestStrftime(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 2, 9, 3, 4, 5, 678901234, time.UTC)
	for _, c := range []struct{ format, want string }{
		{"%Y-%m-%d", "2024-02-09"},
		{"%a %A %b %B %h", "Fri Friday Feb February Feb"},
		{"%c", "Fri Feb  9 03:04:05 2024"},
		{"%C %D %e %f %F %g %G", "20 02/09/24  9 678901 2024-02-09 24 2024"},
		{"%H %I %j %k %l %m %M", "03 03 040  3  3 02 04"},
		{"%p %P %r %R %s %S %T", "AM am 03:04:05 AM 03:04 1707447845 05 03:04:05"},
		{"%u %U %V %w %W %x %X %y", "5 05 06 5 06 02/09/24 03:04:05 24"},
		{"%z %Z %%", "+0000 UTC %"},
		{"%-d %_d %0e %^a %#p %#Z %5Y", "9  9 09 FRI am  02024"},
		{"%n%t", "\n\t"},
		{"%E %J %Q %", "%E %J %Q %"},
		{"%Ey %Od", "24 09"},
		{"ü%Yü", "ü2024ü"},
	} {
		if got, err := strftime(at, c.format); got != c.want || err != nil {
			t.Errorf("strftime(%q) = %q, want %q (%v)", c.format, got, c.want, err)
		}
	}
	if _, err := strftime(at, "%999999999d"); err == nil {
		t.Error("a huge width is accepted")
	}
}

func TestShift(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 1, 31, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct{ offset, want string }{
		{"+months=1", "2024-02-29 10:00:00"},
		{"-months=2", "2023-11-30 10:00:00"},
		{"+years=-1", "2023-01-31 10:00:00"},
		{"+quarters=1", "2024-04-30 10:00:00"},
		{"+weeks=.5", "2024-02-03 22:00:00"},
		{"-days=1, hours = 2", "2024-01-30 08:00:00"},
	} {
		got, err := shift(at, c.offset)
		if err != nil || got.Format(time.DateTime) != c.want {
			t.Errorf("shift(%q) = %v, want %s (%v)", c.offset, got, c.want, err)
		}
	}
	for _, offset := range []string{"", "+", "+days", "+days=x", "+hour=1", "+months=1.5", "+days=1e300", "+weekday=1", "+days=nan"} {
		if _, err := shift(at, offset); err == nil {
			t.Errorf("the offset %q is accepted", offset)
		}
	}
}

func TestFloat(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{1: "1.0", 0.1: "0.1", 1e16: "1e+16", 1e15: "1000000000000000.0", 1e-4: "0.0001", 1e-5: "1e-05", 1.5e300: "1.5e+300", 0: "0.0"} {
		if got := float(f); got != want {
			t.Errorf("float(%g) = %s, want %s", f, got, want)
		}
	}
}
