package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/pave-platform/pave"
)

// A Client talks to the node of a socket. It is safe for concurrent use, holds no
// state, and finds the node again after the node was started anew. Every error is
// a *pave.Error; Unavailable when no node answers, NotFound for an item that is
// not there. All calls may be repeated; to delete what is not there is success.
type Client struct {
	socket string
	http   *http.Client
}

// Dial returns a client. It does not connect before the first call.
func Dial(socket string) *Client {
	dialer := &net.Dialer{Timeout: 2 * time.Second}
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true, // a node that was started anew must not meet old connections
	}}}
}

// Info describes the node.
func (c *Client) Info(ctx context.Context) (Info, error) {
	return call[Info](ctx, c, http.MethodGet, "info", nil)
}

// Shutdown stops all workloads, jobs and servers gracefully, then the node. It
// returns when the node answers no more; no node is success.
func (c *Client) Shutdown(ctx context.Context) error {
	_, err := call[Info](ctx, c, http.MethodPost, "shutdown", nil)
	for err == nil {
		select {
		case <-ctx.Done():
			return pave.Errorf(pave.Unavailable, "the node is still stopping its programs: %w", ctx.Err()).WithHint("pave down")
		case <-time.After(25 * time.Millisecond):
		}
		_, err = c.Info(ctx)
	}
	if pave.CodeOf(err) == pave.Unavailable && ctx.Err() == nil {
		return nil
	}
	return err
}

// PutWorkload makes w wanted and returns at once; its state is to be observed.
func (c *Client) PutWorkload(ctx context.Context, w Workload) (WorkloadStatus, error) {
	return call[WorkloadStatus](ctx, c, http.MethodPut, "workloads/"+url.PathEscape(w.ID), workloadWire(w))
}

// Workload observes a workload.
func (c *Client) Workload(ctx context.Context, id string) (WorkloadStatus, error) {
	return call[WorkloadStatus](ctx, c, http.MethodGet, "workloads/"+url.PathEscape(id), nil)
}

// Workloads observes all workloads, in order of their ids.
func (c *Client) Workloads(ctx context.Context) ([]WorkloadStatus, error) {
	return call[[]WorkloadStatus](ctx, c, http.MethodGet, "workloads", nil)
}

// DeleteWorkload stops a workload gracefully and forgets it with its log. It
// returns when its processes have ended.
func (c *Client) DeleteWorkload(ctx context.Context, id string) error {
	return c.delete(ctx, "workloads", id)
}

// PutRoute opens a route. Conflict when its host or port belongs to another route
// or program.
func (c *Client) PutRoute(ctx context.Context, r Route) (RouteStatus, error) {
	return call[RouteStatus](ctx, c, http.MethodPut, "routes/"+url.PathEscape(r.ID), wire[Route]{Item: r})
}

// Route observes a route.
func (c *Client) Route(ctx context.Context, id string) (RouteStatus, error) {
	return call[RouteStatus](ctx, c, http.MethodGet, "routes/"+url.PathEscape(id), nil)
}

// Routes observes all routes, in order of their ids.
func (c *Client) Routes(ctx context.Context) ([]RouteStatus, error) {
	return call[[]RouteStatus](ctx, c, http.MethodGet, "routes", nil)
}

// DeleteRoute closes a route.
func (c *Client) DeleteRoute(ctx context.Context, id string) error {
	return c.delete(ctx, "routes", id)
}

// Metrics lists what went through each route.
func (c *Client) Metrics(ctx context.Context) ([]RouteMetrics, error) {
	return call[[]RouteMetrics](ctx, c, http.MethodGet, "metrics", nil)
}

// PutJob starts a job, once per id: a job that runs or has ended is returned as
// it is, one that was lost is started anew.
func (c *Client) PutJob(ctx context.Context, j Job) (JobStatus, error) {
	return call[JobStatus](ctx, c, http.MethodPut, "jobs/"+url.PathEscape(j.ID), wire[Job]{j, reveal(j.Secrets)})
}

// Job observes a job. It returns when the job has ended, and after wait (at most
// a minute) at the latest.
func (c *Client) Job(ctx context.Context, id string, wait time.Duration) (JobStatus, error) {
	return call[JobStatus](ctx, c, http.MethodGet, "jobs/"+url.PathEscape(id)+"?wait="+wait.String(), nil)
}

// Jobs observes all jobs on record, in order of their ids. Those that ended are
// kept for a day.
func (c *Client) Jobs(ctx context.Context) ([]JobStatus, error) {
	return call[[]JobStatus](ctx, c, http.MethodGet, "jobs", nil)
}

// CancelJob ends a job gracefully and returns its end.
func (c *Client) CancelJob(ctx context.Context, id string) (JobStatus, error) {
	return call[JobStatus](ctx, c, http.MethodPost, "jobs/"+url.PathEscape(id)+"/cancel", nil)
}

// DeleteJob ends a job and forgets it with its log.
func (c *Client) DeleteJob(ctx context.Context, id string) error { return c.delete(ctx, "jobs", id) }

// PutIdentity writes a token file and keeps it fresh.
func (c *Client) PutIdentity(ctx context.Context, i Identity) (IdentityStatus, error) {
	return call[IdentityStatus](ctx, c, http.MethodPut, "identities/"+url.PathEscape(i.ID), wire[Identity]{Item: i})
}

// Identity observes an identity.
func (c *Client) Identity(ctx context.Context, id string) (IdentityStatus, error) {
	return call[IdentityStatus](ctx, c, http.MethodGet, "identities/"+url.PathEscape(id), nil)
}

// Identities observes all identities, in order of their ids.
func (c *Client) Identities(ctx context.Context) ([]IdentityStatus, error) {
	return call[[]IdentityStatus](ctx, c, http.MethodGet, "identities", nil)
}

// DeleteIdentity removes a token file; tokens already read stay valid until they
// expire.
func (c *Client) DeleteIdentity(ctx context.Context, id string) error {
	return c.delete(ctx, "identities", id)
}

// JWKS returns the public keys that verify the tokens.
func (c *Client) JWKS(ctx context.Context) (JWKS, error) {
	return call[JWKS](ctx, c, http.MethodGet, "jwks", nil)
}

// PutServer makes a server wanted and returns at once. NotFound when its programs
// or its user are not on the machine, Conflict when its port is taken.
func (c *Client) PutServer(ctx context.Context, s Server) (ServerStatus, error) {
	return call[ServerStatus](ctx, c, http.MethodPut, "servers/"+url.PathEscape(s.ID), wire[Server]{Item: s})
}

// Server observes a server.
func (c *Client) Server(ctx context.Context, id string) (ServerStatus, error) {
	return call[ServerStatus](ctx, c, http.MethodGet, "servers/"+url.PathEscape(id), nil)
}

// ServerHolds asks a server of kind nats or s3 what it holds, in words. Unavailable where
// it does not run.
func (c *Client) ServerHolds(ctx context.Context, id string) (string, error) {
	h, err := call[Holds](ctx, c, http.MethodGet, "servers/"+url.PathEscape(id)+"/holds", nil)
	return h.Text, err
}

// Servers observes all servers, in order of their ids.
func (c *Client) Servers(ctx context.Context) ([]ServerStatus, error) {
	return call[[]ServerStatus](ctx, c, http.MethodGet, "servers", nil)
}

// DeleteServer stops a server. Its data is kept: it is renamed aside.
func (c *Client) DeleteServer(ctx context.Context, id string) error {
	return c.delete(ctx, "servers", id)
}

// ServerFolders lists the folders of all servers, of those set aside too.
func (c *Client) ServerFolders(ctx context.Context) ([]ServerFolder, error) {
	return call[[]ServerFolder](ctx, c, http.MethodGet, "owners", nil)
}

// SetServerAside stops the server of an owner and renames its folder; a put with
// that owner brings it back. Absence is success.
func (c *Client) SetServerAside(ctx context.Context, owner, name string) error {
	_, err := call[struct{}](ctx, c, http.MethodPost, "owners/"+url.PathEscape(owner)+"/aside?name="+url.QueryEscape(name), nil)
	return err
}

// RemoveServer stops the server of an owner and removes its data for good, also
// where it was set aside. Absence is success.
func (c *Client) RemoveServer(ctx context.Context, owner string) error {
	return c.delete(ctx, "owners", owner)
}

// Logs gives the lines of a log. With Follow it goes on until ctx ends (or the
// job whose log it is), connects again when the node is started anew, and neither
// loses nor doubles a line; an error ends it. Lines that were rotated away are
// left out: their cursors are missing.
func (c *Client) Logs(ctx context.Context, q LogQuery) iter.Seq2[LogLine, error] {
	return func(yield func(LogLine, error) bool) {
		connected := false
		for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
			last := q.Since
			more, err := c.logsOnce(ctx, &q, yield)
			if !more || ctx.Err() != nil {
				return
			}
			connected = connected || err == nil || q.Since > last
			if q.Since > last {
				pause = 50 * time.Millisecond
			}
			if err != nil && (!connected || !q.Follow || pave.CodeOf(err) != pave.Unavailable) {
				yield(LogLine{}, err)
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		}
	}
}

// logsOnce reads one stream and moves q.Since along. It reports whether it broke
// off and more is to come.
func (c *Client) logsOnce(ctx context.Context, q *LogQuery, yield func(LogLine, error) bool) (more bool, err error) {
	v := url.Values{}
	for key, value := range map[string]string{"workload": q.Workload, "job": q.Job, "server": q.Server} {
		if value != "" {
			v.Set(key, value)
		}
	}
	v.Set("follow", strconv.FormatBool(q.Follow))
	v.Set("tail", strconv.Itoa(q.Tail))
	v.Set("since", strconv.FormatInt(q.Since, 10))
	body, err := c.open(ctx, http.MethodGet, "logs?"+v.Encode(), nil)
	if err != nil {
		return true, err
	}
	defer body.Close()
	in := bufio.NewReaderSize(body, 512<<10)
	for {
		data, err := in.ReadBytes('\n')
		if len(data) == 1 {
			return false, nil // the end
		}
		if err != nil {
			if q.Follow {
				return true, nil
			}
			return true, c.unavailable(err)
		}
		line, err := decodeLine(data)
		if err != nil {
			return true, pave.Errorf(pave.Internal, "the node sent a line that is not JSON: %w", err)
		}
		q.Since = line.Cursor
		if !yield(line, nil) {
			return false, nil
		}
	}
}

func (c *Client) delete(ctx context.Context, kind, id string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, kind+"/"+url.PathEscape(id), nil)
	return err
}

// call makes one request and decodes its answer.
func call[T any](ctx context.Context, c *Client, method, path string, in any) (out T, err error) {
	body, err := c.open(ctx, method, path, in)
	if err != nil {
		return out, err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, 64<<20)).Decode(&out); err != nil {
		return out, c.unavailable(err)
	}
	return out, nil
}

func (c *Client) open(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, pave.Errorf(pave.Internal, "encode a request to the node: %w", err)
		}
		body = bytes.NewReader(data)
	}
	return c.openStream(ctx, method, path, body)
}

func (c *Client) openStream(ctx context.Context, method, path string, body io.Reader) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://node/v1/"+path, body)
	if err != nil {
		return nil, pave.Errorf(pave.Internal, "make a request to the node: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unavailable(err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	e := &pave.Error{}
	err = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(e)
	if err != nil && res.StatusCode == http.StatusNotFound { // it knows no such path
		return nil, pave.Errorf(pave.Unavailable, "the node that runs is of an older version and cannot do this").
			WithHint("pave down, then pave up: services stop meanwhile")
	}
	if err != nil || e.Code == "" {
		return nil, pave.Errorf(pave.Internal, "the node answered %s to %s %s", res.Status, method, path).
			WithHint("the node may be of another version: pave down, then pave up")
	}
	return nil, e
}

func (c *Client) unavailable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without method and made-up host
	}
	return pave.Errorf(pave.Unavailable, "no node answers at %q: %w", c.socket, err).WithHint("pave up")
}
