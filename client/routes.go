package client

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/pave-platform/pave"
)

// maxPage is how many items the server gives at once.
const maxPage = 200

// items is a list as the server answers it; one that a git host was asked for says when,
// and perhaps why it is not newer.
type items[T any] struct {
	Items    []T       `json:"items"`
	Next     string    `json:"next"`
	Observed time.Time `json:"observed"`
	Reason   string    `json:"reason"`
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	var out T
	err := c.do(ctx, call{method: http.MethodGet, path: path, query: query, repeat: true}, &out)
	return out, err
}

// page reads one page of a list.
func page[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	out, err := get[items[T]](ctx, c, path, query)
	return out.Items, err
}

// list reads a whole list, page after page.
func list[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	all, err := hostList[T](ctx, c, path, query)
	return all.Items, err
}

// hostList is a whole list that a git host was asked for; its oldest page says when.
func hostList[T any](ctx context.Context, c *Client, path string, query url.Values) (pave.HostList[T], error) {
	var all pave.HostList[T]
	q := url.Values{}
	maps.Copy(q, query)
	for {
		out, err := get[items[T]](ctx, c, path, q)
		if err != nil {
			return all, err
		}
		if all.Items == nil || out.Observed.Before(all.Observed) {
			all.Observed, all.Reason = out.Observed, out.Reason
		}
		if all.Items = append(all.Items, out.Items...); out.Next == "" || out.Next == q.Get("cursor") {
			return all, nil
		}
		q.Set("cursor", out.Next)
	}
}

// ofService is the query that narrows a list to a service, "" for all.
func ofService(name string) url.Values {
	q := url.Values{}
	setIf(q, "service", name)
	return q
}

func service(name string) string { return "/v1/services/" + url.PathEscape(name) }

func run(id string) string { return "/v1/runs/" + url.PathEscape(id) }

// Plan says what a request would do. It may be repeated: a plan that nobody
// applies does nothing.
func (c *Client) Plan(ctx context.Context, r pave.Request) (pave.Plan, error) {
	var out pave.Plan
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/plans", body: pave.Envelope{Request: r}, repeat: true}, &out)
	return out, err
}

// Apply carries a plan out. It may be repeated: one plan has one run.
func (c *Client) Apply(ctx context.Context, planID string) (pave.Run, error) {
	var out pave.Run
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/plans/" + url.PathEscape(planID) + "/apply", repeat: true}, &out)
	return out, err
}

// PlanFor reads a plan made before.
func (c *Client) PlanFor(ctx context.Context, planID string) (pave.Plan, error) {
	return get[pave.Plan](ctx, c, "/v1/plans/"+url.PathEscape(planID), nil)
}

// ApplyFile plans a file's request again and applies it if nothing has changed.
func (c *Client) ApplyFile(ctx context.Context, f pave.PlanFile) (pave.Run, error) {
	var out pave.Run
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/plan-files/apply", body: f, repeat: true}, &out)
	return out, err
}

// Run returns a run with its steps, by id or unique prefix.
func (c *Client) Run(ctx context.Context, id string) (pave.Run, error) {
	return get[pave.Run](ctx, c, run(id), nil)
}

// ListRuns returns runs, newest first.
func (c *Client) ListRuns(ctx context.Context, f pave.RunFilter) ([]pave.Run, error) {
	q := ofService(f.Service)
	setIf(q, "kind", string(f.Kind))
	setIf(q, "state", string(f.State))
	setIf(q, "cursor", f.Cursor)
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(min(f.Limit, maxPage)))
	}
	return page[pave.Run](ctx, c, "/v1/runs", q)
}

// Events returns at most one page of events, in order.
func (c *Client) Events(ctx context.Context, f pave.EventFilter) ([]pave.Event, error) {
	q := ofService(f.Service)
	setIf(q, "run", f.Run)
	q.Set("after", strconv.FormatInt(f.After, 10))
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(min(f.Limit, maxPage)))
	}
	return page[pave.Event](ctx, c, "/v1/events", q)
}

// WaitEvents returns when an event later than after may exist, or ctx ends.
func (c *Client) WaitEvents(ctx context.Context, after int64) error {
	q := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {"1"}, "wait": {"30"}}
	_, err := page[pave.Event](ctx, c, "/v1/events", q)
	return err
}

// RetryRun lets a run that stopped go on.
func (c *Client) RetryRun(ctx context.Context, id string) (pave.Run, error) {
	return send[pave.Run](ctx, c, http.MethodPost, run(id)+"/retry", nil)
}

// CancelRun ends a run; what it has made stays.
func (c *Client) CancelRun(ctx context.Context, id, reason string) (pave.Run, error) {
	q := url.Values{}
	setIf(q, "reason", reason)
	var out pave.Run
	k := keyed(http.MethodPost, run(id)+"/cancel", nil)
	k.query = q
	err := c.do(ctx, k, &out)
	return out, err
}

// Services returns the services by name, or those that were deleted and are kept.
func (c *Client) Services(ctx context.Context, deleted bool) ([]pave.Service, error) {
	q := url.Values{}
	if deleted {
		q.Set("deleted", "true")
	}
	return list[pave.Service](ctx, c, "/v1/services", q)
}

// Service returns a service by name.
func (c *Client) Service(ctx context.Context, name string) (pave.Service, error) {
	return get[pave.Service](ctx, c, service(name), nil)
}

// Revisions returns what was wanted of a service.
func (c *Client) Revisions(ctx context.Context, name string) ([]pave.Revision, error) {
	return list[pave.Revision](ctx, c, service(name)+"/revisions", nil)
}

// Status says what a service is doing, observed now.
func (c *Client) Status(ctx context.Context, name string) (pave.Status, error) {
	return get[pave.Status](ctx, c, service(name)+"/status", nil)
}

// Explain lists each resource of a service, observed now.
func (c *Client) Explain(ctx context.Context, name string) ([]pave.Resource, error) {
	return list[pave.Resource](ctx, c, service(name)+"/explain", nil)
}

// ListResources returns the journal of a service, "" for all.
func (c *Client) ListResources(ctx context.Context, name string) ([]pave.Resource, error) {
	return list[pave.Resource](ctx, c, "/v1/resources", ofService(name))
}

// ListReleases returns what was built of a service, newest first.
func (c *Client) ListReleases(ctx context.Context, name string) ([]pave.Release, error) {
	return list[pave.Release](ctx, c, service(name)+"/releases", nil)
}

// Environments returns the environments by rank.
func (c *Client) Environments(ctx context.Context) ([]pave.Environment, error) {
	return list[pave.Environment](ctx, c, "/v1/environments", nil)
}

// Teams returns the teams.
func (c *Client) Teams(ctx context.Context) ([]pave.Team, error) {
	return list[pave.Team](ctx, c, "/v1/teams", nil)
}

// Entities returns what the catalog discovered of a service, "" for all.
func (c *Client) Entities(ctx context.Context, name string) ([]pave.Entity, error) {
	return list[pave.Entity](ctx, c, "/v1/entities", ofService(name))
}

// Doctor returns the server's checks.
func (c *Client) Doctor(ctx context.Context) ([]pave.Check, error) {
	return list[pave.Check](ctx, c, "/v1/doctor", nil)
}

// Adoption says how far people used the platform in the last weeks, at most 12. A zero
// mark is the middle of them.
func (c *Client) Adoption(ctx context.Context, weeks int, mark time.Time) (pave.Adoption, error) {
	q := url.Values{"weeks": {strconv.Itoa(weeks)}}
	if !mark.IsZero() {
		q.Set("mark", mark.UTC().Format(time.RFC3339))
	}
	return get[pave.Adoption](ctx, c, "/v1/insight/adoption", q)
}

// Audit returns rows of the audit log, oldest first.
func (c *Client) Audit(ctx context.Context, f pave.AuditFilter) ([]pave.AuditEntry, error) {
	q := url.Values{"after": {strconv.FormatInt(f.After, 10)}}
	setIf(q, "actor", f.Actor)
	setIf(q, "action", f.Action)
	setIf(q, "object", f.Object)
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(min(f.Limit, maxPage)))
	}
	if !f.Since.IsZero() {
		q.Set("since", f.Since.UTC().Format(time.RFC3339Nano))
	}
	return page[pave.AuditEntry](ctx, c, "/v1/audit", q)
}

// Calls are those of and to a service, "" for all.
func (c *Client) Calls(ctx context.Context, name string) ([]pave.Call, error) {
	return list[pave.Call](ctx, c, "/v1/calls", ofService(name))
}
