package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/pave-platform/pave"
)

// ErrStop is what a callback returns to end a stream without an error.
var ErrStop = errors.New("stop")

const eventStream = "/v1/events/stream"

// maxLine bounds one line of a stream, in bytes.
const maxLine = 1 << 20

// stopped carries an error of a callback through persist, so that it is not
// taken for one of the connection.
type stopped struct{ err error }

func (s *stopped) Error() string { return s.err.Error() }

// errBroken says that a stream broke after its beginning.
var errBroken = errors.New("the stream broke")

// Stream calls each for every event after f.After, as they come, until each
// returns an error or ctx ends. A server that goes away is waited for; no event
// is lost or given twice.
func (c *Client) Stream(ctx context.Context, f pave.EventFilter, each func(pave.Event) error) error {
	for {
		err := c.persist(ctx, true, 40, func(ctx context.Context, at Endpoint) error {
			return c.events(ctx, at, &f, each)
		})
		var s *stopped
		switch {
		case errors.As(err, &s) && errors.Is(s.err, ErrStop):
			return nil
		case errors.As(err, &s):
			return s.err
		case err != nil && !errors.Is(err, errBroken):
			return err
		}
		// The stream ended although nobody stopped it: the server is going down.
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// events reads one connection's events and moves the cursor of f.
func (c *Client) events(ctx context.Context, at Endpoint, f *pave.EventFilter, each func(pave.Event) error) error {
	k := call{method: http.MethodGet, path: eventStream, query: url.Values{},
		header: http.Header{"Last-Event-Id": {strconv.FormatInt(f.After, 10)}}}
	setIf(k.query, "run", f.Run)
	setIf(k.query, "service", f.Service)
	return c.lines(ctx, at, k, sse(func(data []byte) error {
		var e pave.Event
		if err := json.Unmarshal(data, &e); err != nil {
			return &stopped{pave.Errorf(pave.Unavailable, "an event that cannot be read: %w", err)}
		}
		if e.Seq <= f.After {
			return nil
		}
		if err := each(e); err != nil {
			return &stopped{err}
		}
		f.After = e.Seq
		return nil
	}))
}

// sse gathers lines into the data of server-sent events.
func sse(each func(data []byte) error) func(line []byte) error {
	var data []byte
	return func(line []byte) error {
		if len(line) == 0 {
			event := data
			data = nil
			if len(event) == 0 {
				return nil
			}
			return each(event)
		}
		if value, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			if data != nil {
				data = append(data, '\n')
			}
			data = append(data, bytes.TrimPrefix(value, []byte(" "))...)
		}
		return nil
	}
}

// lines gives every whole line of a stream's answer. It returns nil when the
// stream ended, errBroken when it broke, and an error of each as it is.
func (c *Client) lines(ctx context.Context, at Endpoint, k call, each func([]byte) error) error {
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Logs are silent while programs are; events say every 15 s that they live.
	watched := k.path == eventStream
	watch := time.AfterFunc(silence, func() {
		if watched {
			cancel()
		}
	})
	defer watch.Stop()
	res, err := c.send(ctx, at, k)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	in := bufio.NewReaderSize(res.Body, 64<<10)
	for {
		line, err := readLine(in)
		switch {
		case outer.Err() != nil:
			return outer.Err()
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return errBroken
		}
		watch.Reset(silence)
		if err := each(line); err != nil {
			return err
		}
	}
}

// readLine reads a line without its end; one that was cut off is an error.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return bytes.TrimRight(line, "\r\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(line) > maxLine:
			return nil, fmt.Errorf("line over %d bytes: %w", maxLine, io.ErrShortBuffer)
		}
	}
}

// Logs streams what the processes of a service write. With Follow it goes on
// after a server's restart, from the cursor of the last line.
func (c *Client) Logs(ctx context.Context, service string, q pave.LogQuery, each func(pave.LogLine) error) error {
	path := "/v1/services/" + url.PathEscape(service) + "/logs"
	for {
		err := c.log(ctx, path, q, func(l pave.LogLine) error {
			q.Since = l.Cursor
			return each(l)
		})
		if !errors.Is(err, errBroken) && (err != nil || !q.Follow) {
			return notStop(err)
		}
		if err := sleep(ctx, 300*time.Millisecond); err != nil {
			return err
		}
	}
}

// RunLog streams the output of a run's jobs, oldest first. With Follow it goes
// on until the run ends, after a break from the cursor of the last line.
func (c *Client) RunLog(ctx context.Context, id string, q pave.LogQuery, each func(pave.LogLine) error) error {
	for {
		run, err := c.Run(ctx, id)
		if err != nil {
			return err
		}
		err = c.log(ctx, "/v1/runs/"+url.PathEscape(run.ID)+"/logs", q, func(l pave.LogLine) error {
			q.Since = l.Cursor
			return each(l)
		})
		if !errors.Is(err, errBroken) && (err != nil || !q.Follow || run.State.Ended()) {
			return notStop(err)
		}
		if err := sleep(ctx, 300*time.Millisecond); err != nil {
			return err
		}
	}
}

// log reads one answer of a log route.
func (c *Client) log(ctx context.Context, path string, q pave.LogQuery, each func(pave.LogLine) error) error {
	k := call{method: http.MethodGet, path: path, query: url.Values{}}
	setIf(k.query, "env", q.Env)
	setIf(k.query, "since", q.Since)
	if q.Tail != 0 {
		k.query.Set("tail", strconv.Itoa(q.Tail))
	}
	if q.Follow {
		k.query.Set("follow", "true")
	}
	err := c.persist(ctx, true, 40, func(ctx context.Context, at Endpoint) error {
		return c.lines(ctx, at, k, func(line []byte) error {
			var l pave.LogLine
			if err := json.Unmarshal(line, &l); err != nil {
				return nil // half of a line of a server that died: it comes again
			}
			if err := each(l); err != nil {
				return &stopped{err}
			}
			return nil
		})
	})
	var s *stopped
	if errors.As(err, &s) {
		return s.err
	}
	return err
}

func notStop(err error) error {
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

func setIf(q url.Values, key, value string) {
	if value != "" {
		q.Set(key, value)
	}
}
