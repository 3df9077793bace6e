package cookiecutter

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are the same on every machine
)

// nowTag is {% now 'utc', '%Y' %} and {% now 'utc' + 'days=2', '%Y' %}, the latter
// with the sum's right side and sign in the keyword offset.
func nowTag(now time.Time, args []any, kwargs map[string]any) (any, error) {
	a, err := arguments([]string{"timezone", "format", "offset"}, args, kwargs)
	if err != nil {
		return nil, err
	}
	name, ok := a[0].(string)
	if !ok {
		return nil, errors.New("the time zone is a text, for example 'utc'")
	}
	zone, err := zoneOf(name, now.Location())
	if err != nil {
		return nil, err
	}
	t := now.In(zone)
	if offset, ok := a[2].(string); ok {
		if t, err = shift(t, offset); err != nil {
			return nil, err
		}
	}
	format := "%Y-%m-%d"
	if a[1] != nil {
		if format, ok = a[1].(string); !ok {
			return nil, errors.New("the format is a text, for example '%Y-%m-%d'")
		}
	}
	return strftime(t, format)
}

// zoneOffset matches +02:00.
var zoneOffset = regexp.MustCompile(`^([+-]?)(\d{2}):?(\d{2})?$`)

func zoneOf(name string, local *time.Location) (*time.Location, error) {
	switch name {
	case "utc", "UTC", "Z":
		return time.UTC, nil
	case "local":
		return local, nil
	}
	if m := zoneOffset.FindStringSubmatch(name); m != nil {
		hours, _ := strconv.Atoi(m[2])
		minutes, _ := strconv.Atoi(m[3])
		seconds := hours*3600 + minutes*60
		if m[1] == "-" {
			seconds = -seconds
		}
		return time.FixedZone("", seconds), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("there is no time zone %q", name)
	}
	return zone, nil
}

// units are those one may shift by, and their length where it is fixed.
var units = map[string]time.Duration{
	"years": 0, "quarters": 0, "months": 0,
	"weeks": 7 * 24 * time.Hour, "days": 24 * time.Hour, "hours": time.Hour,
	"minutes": time.Minute, "seconds": time.Second, "microseconds": time.Microsecond,
}

// shift moves the clock on the wall by an offset such as "+days=1,hours=2".
func shift(t time.Time, offset string) (time.Time, error) {
	sign, rest := 1.0, offset
	if offset != "" {
		rest = offset[1:]
		if offset[0] == '-' {
			sign = -1
		}
	}
	months, length := 0, 0.0
	for part := range strings.SplitSeq(rest, ",") {
		unit, number, ok := strings.Cut(part, "=")
		unit = strings.TrimSpace(unit)
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		fixed, known := units[unit]
		if !ok || err != nil || !known || math.IsNaN(n) || math.Abs(n) > 1e6 {
			return t, fmt.Errorf("%q is no offset; write for example 'days=1,hours=2'", part)
		}
		n *= sign
		if fixed > 0 {
			length += n * float64(fixed)
			continue
		}
		if n != math.Trunc(n) {
			return t, fmt.Errorf("%s=%s is not a whole number", unit, number)
		}
		months += int(n) * map[string]int{"years": 12, "quarters": 3, "months": 1}[unit]
	}
	if math.Abs(length) > float64(200*366*24*time.Hour) {
		return t, fmt.Errorf("the offset %q is too long", rest)
	}
	y, m, d := t.Date()
	first := time.Date(y, m+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	d = min(d, first.AddDate(0, 1, -1).Day())
	wall := time.Date(first.Year(), first.Month(), d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC).Add(time.Duration(length))
	return time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), t.Location()), nil
}
