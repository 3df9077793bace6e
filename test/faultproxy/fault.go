package faultproxy

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A Fault is what becomes of a request instead of being handed on. Those below are the
// usual ones; a test may write its own.
type Fault func(*Exchange)

// Refuse ends the connection before the server hears of the request.
func Refuse() Fault { return func(x *Exchange) { x.Reset() } }

// Lose has the server do what was asked, and loses its answer.
func Lose() Fault {
	return func(x *Exchange) {
		x.Forward()
		x.Reset()
	}
}

// Delay hands a request on after a time, unless the client has left by then.
func Delay(d time.Duration) Fault {
	return func(x *Exchange) {
		if !x.gone(d) {
			x.Answer(x.Forward())
		}
	}
}

// Late has the server do what was asked at once, and gives its answer after a time.
func Late(d time.Duration) Fault {
	return func(x *Exchange) {
		resp, body := x.Forward()
		if !x.gone(d) {
			x.Answer(resp, body)
		}
	}
}

// Cut ends the connection after so many bytes of the body.
func Cut(after int) Fault {
	return func(x *Exchange) {
		resp, body := x.Forward()
		resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
		x.head(resp)
		_, _ = x.W.Write(body[:min(after, len(body))])
		_ = http.NewResponseController(x.W).Flush()
		x.Reset()
	}
}

// Drip gives the answer byte by byte, with a pause before each.
func Drip(pause time.Duration) Fault {
	return func(x *Exchange) {
		resp, body := x.Forward()
		x.head(resp)
		for _, b := range body {
			if x.gone(pause) {
				return
			}
			_, _ = x.W.Write([]byte{b})
			_ = http.NewResponseController(x.W).Flush()
		}
	}
}

// Status answers by itself. retryAfter is seconds or an HTTP date; "" leaves it out.
func Status(code int, retryAfter string) Fault {
	return func(x *Exchange) {
		if retryAfter != "" {
			x.W.Header().Set("Retry-After", retryAfter)
		}
		x.W.Header().Set("Content-Type", "application/json")
		x.W.WriteHeader(code)
		_, _ = x.W.Write([]byte("{}\n"))
	}
}

// RetryAt is a time as an HTTP date, for Status.
func RetryAt(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// Body answers by itself with this body.
func Body(code int, contentType, text string) Fault {
	return func(x *Exchange) {
		x.W.Header().Set("Content-Type", contentType)
		x.W.WriteHeader(code)
		_, _ = x.W.Write([]byte(text))
	}
}

// HTML answers with the page of a gateway, where JSON is expected.
func HTML(code int) Fault {
	return Body(code, "text/html; charset=utf-8", "<!DOCTYPE html><html><body><h1>Gateway</h1></body></html>\n")
}

// Huge answers with JSON of so many bytes, which ends only if the client takes it all.
func Huge(bytes int64) Fault {
	return func(x *Exchange) {
		x.W.Header().Set("Content-Type", "application/json")
		_, _ = x.W.Write([]byte(`{"data":"`))
		block := []byte(strings.Repeat("x", 64<<10))
		for left := bytes; left > 0; left -= int64(len(block)) {
			if _, err := x.W.Write(block); err != nil {
				return
			}
		}
		_, _ = x.W.Write([]byte(`"}`))
	}
}

// Redirect sends the client to the same path of another server.
func Redirect(to string) Fault {
	return func(x *Exchange) {
		http.Redirect(x.W, x.R, strings.TrimSuffix(to, "/")+x.R.URL.RequestURI(), http.StatusTemporaryRedirect)
	}
}

// Pass hands a request on, as without a fault.
func Pass() Fault { return func(x *Exchange) { x.Answer(x.Forward()) } }

// Nth lets n requests pass, then does a fault once, and lets all others pass. reached
// reports whether it came to the fault.
func Nth(n int, f Fault) (fault Fault, reached func() bool) {
	var count atomic.Int64
	fault = func(x *Exchange) {
		if count.Add(1) == int64(n)+1 {
			f(x)
			return
		}
		x.Answer(x.Forward())
	}
	return fault, func() bool { return count.Load() > int64(n) }
}

// After does a fault when the server has done what was asked.
func After(f Fault) Fault {
	return func(x *Exchange) {
		x.Forward()
		f(x)
	}
}
