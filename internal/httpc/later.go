package httpc

import (
	"net/http"
	"strconv"
	"time"
)

// mostWait is the longest wish to be left alone that is believed.
const mostWait = time.Hour

// RetryAfter reads the header of that name: seconds, or a date. ok is false where it says
// neither. What is further away than an hour is in an hour.
func RetryAfter(text string, now time.Time) (at time.Time, ok bool) {
	at, err := http.ParseTime(text)
	if n, wrong := strconv.Atoi(text); wrong == nil {
		at, err = now.Add(time.Duration(min(max(n, 0), int(mostWait/time.Second)))*time.Second), nil
	}
	if latest := now.Add(mostWait); at.After(latest) {
		at = latest
	}
	return at, err == nil
}
