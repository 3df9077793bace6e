package cookiecutter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxFormat bounds what a format may ask for.
const maxFormat = 10_000

// strftime formats a time as Python on Linux does, in the C locale.
func strftime(t time.Time, format string) (string, error) {
	if len(format) > maxFormat || strings.ContainsRune(format, 0) {
		return "", errors.New("the format is too long, or has a NUL")
	}
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			out.WriteByte(format[i])
			continue
		}
		start := i
		flag, width := byte(0), 0
		for i++; i < len(format) && strings.IndexByte("-_0^#", format[i]) >= 0; i++ {
			flag = format[i]
		}
		for ; i < len(format) && format[i] >= '0' && format[i] <= '9'; i++ {
			if width = width*10 + int(format[i]-'0'); width > 200 {
				return "", fmt.Errorf("the width in %q is too large", format[start:i+1])
			}
		}
		if i+1 < len(format) && (format[i] == 'E' || format[i] == 'O') {
			i++ // alternatives, of which the C locale has none
		}
		if i >= len(format) {
			out.WriteString(format[start:])
			break
		}
		text, ok := directive(t, format[i], flag, width)
		if !ok {
			text = format[start : i+1]
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

// directive is what one letter stands for.
func directive(t time.Time, c, flag byte, width int) (string, bool) {
	if n, digits, pad, ok := numeric(t, c); ok {
		switch flag {
		case '-':
			digits = 0
		case '_':
			pad = ' '
		case '0':
			pad = '0'
		}
		if width > 0 {
			digits = width
		}
		s := strconv.FormatInt(n, 10)
		return strings.Repeat(string(pad), max(0, digits-len(s))) + s, true
	}
	s, ok := textual(t, c)
	switch {
	case c == 'z' && (flag != 0 || width > 0):
		return "", true // Python knows the zone, the C library below it does not
	case c == 'Z' && (flag != 0 || width > 0):
		s = ""
	case flag == '^' && c != 'P', flag == '#' && strings.IndexByte("aAbBh", c) >= 0:
		s = strings.ToUpper(s)
	case flag == '#' && c == 'p':
		s = strings.ToLower(s)
	}
	pad := " "
	if flag == '0' {
		pad = "0"
	}
	return strings.Repeat(pad, max(0, width-len(s))) + s, ok
}

// numeric is a directive that is a number, with its usual digits and padding.
func numeric(t time.Time, c byte) (n int64, digits int, pad byte, ok bool) {
	isoYear, isoWeek := t.ISOWeek()
	hour12 := (t.Hour()+11)%12 + 1
	two := func(n int) (int64, int, byte, bool) { return int64(n), 2, '0', true }
	switch c {
	case 'C':
		return two(t.Year() / 100)
	case 'd':
		return two(t.Day())
	case 'e':
		return int64(t.Day()), 2, ' ', true
	case 'f':
		return int64(t.Nanosecond() / 1000), 6, '0', true
	case 'g':
		return two(isoYear % 100)
	case 'G':
		return int64(isoYear), 0, '0', true
	case 'H':
		return two(t.Hour())
	case 'I':
		return two(hour12)
	case 'j':
		return int64(t.YearDay()), 3, '0', true
	case 'k':
		return int64(t.Hour()), 2, ' ', true
	case 'l':
		return int64(hour12), 2, ' ', true
	case 'm':
		return two(int(t.Month()))
	case 'M':
		return two(t.Minute())
	case 's':
		return t.Unix(), 0, '0', true
	case 'S':
		return two(t.Second())
	case 'u':
		return int64(weekdayFrom(t, time.Monday) + 1), 1, '0', true
	case 'U':
		return two((t.YearDay() + 6 - weekdayFrom(t, time.Sunday)) / 7)
	case 'V':
		return two(isoWeek)
	case 'w':
		return int64(t.Weekday()), 1, '0', true
	case 'W':
		return two((t.YearDay() + 6 - weekdayFrom(t, time.Monday)) / 7)
	case 'y':
		return two(t.Year() % 100)
	case 'Y':
		return int64(t.Year()), 0, '0', true
	}
	return 0, 0, 0, false
}

// weekdayFrom is the day of the week, counted from 0.
func weekdayFrom(t time.Time, first time.Weekday) int {
	return (int(t.Weekday()) - int(first) + 7) % 7
}

// layouts are the directives that Go's time package can write.
var layouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006",
	'D': "01/02/06", 'x': "01/02/06", 'F': "2006-01-02", 'p': "PM", 'P': "pm", 'r': "03:04:05 PM", 'R': "15:04",
	'T': "15:04:05", 'X': "15:04:05", 'z': "-0700",
}

func textual(t time.Time, c byte) (string, bool) {
	if layout, ok := layouts[c]; ok {
		return t.Format(layout), true
	}
	switch c {
	case 'n':
		return "\n", true
	case 't':
		return "\t", true
	case '%':
		return "%", true
	case 'Z':
		name, _ := t.Zone()
		return name, true
	}
	return "", false
}
