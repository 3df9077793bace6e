package node

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/pave-platform/pave"
)

// maxBody bounds what a request may carry.
const maxBody = 1 << 20

// handler is the API on the unix socket. The protocol only grows.
func (n *Node) handler() http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, f func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			answer, err := f(r)
			n.reply(w, r, answer, err)
		})
	}
	route("GET /v1/info", func(*http.Request) (any, error) { return n.info(), nil })
	route("POST /v1/shutdown", func(*http.Request) (any, error) { n.shutdown(); return n.info(), nil })
	route("GET /v1/metrics", func(*http.Request) (any, error) { return n.metrics(), nil })
	route("GET /v1/jwks", func(*http.Request) (any, error) { return JWKS{Keys: []JWK{n.jwk()}}, nil })

	resource(n, route, "workloads",
		func(id string, in wire[Workload]) (any, error) {
			in.Item.ID = id
			in.Item.Secrets = in.secrets()
			if err := n.putWorkload(in.Item); err != nil {
				return nil, err
			}
			return n.workload(id)
		},
		n.workload, nil,
		func() []string { return slices.Collect(maps.Keys(n.want.Workloads)) },
		n.deleteWorkload)
	resource(n, route, "routes",
		func(id string, in wire[Route]) (any, error) {
			in.Item.ID = id
			if err := n.putRoute(in.Item); err != nil {
				return nil, err
			}
			return n.routeStatus(id)
		},
		n.routeStatus, nil,
		func() []string { return slices.Collect(maps.Keys(n.want.Routes)) },
		n.deleteRoute)
	resource(n, route, "jobs",
		func(id string, in wire[Job]) (any, error) {
			in.Item.ID = id
			in.Item.Secrets = in.secrets()
			return n.putJob(in.Item)
		},
		func(id string) (JobStatus, error) { return n.job(context.Background(), id, 0) },
		n.waitForJob,
		func() []string { return slices.Collect(maps.Keys(n.want.Jobs)) },
		n.deleteJob)
	route("POST /v1/jobs/{id}/cancel", func(r *http.Request) (any, error) { return n.cancelJob(r.PathValue("id")) })
	resource(n, route, "identities",
		func(id string, in wire[Identity]) (any, error) {
			in.Item.ID = id
			if err := n.putIdentity(in.Item); err != nil {
				return nil, err
			}
			return n.identity(id)
		},
		n.identity, nil,
		func() []string { return slices.Collect(maps.Keys(n.want.Identities)) },
		n.deleteIdentity)
	resource(n, route, "servers",
		func(id string, in wire[Server]) (any, error) {
			in.Item.ID = id
			if err := n.putServer(in.Item); err != nil {
				return nil, err
			}
			return n.server(id)
		},
		n.server, nil,
		func() []string { return slices.Collect(maps.Keys(n.want.Servers)) },
		n.deleteServer)
	route("GET /v1/servers/{id}/holds", func(r *http.Request) (any, error) {
		text, err := n.serverHolds(r.PathValue("id"))
		return Holds{text}, err
	})
	resource(n, route, "environments",
		func(id string, in wire[Environment]) (any, error) {
			in.Item.ID = id
			return in.Item, n.putEnvironment(in.Item)
		},
		n.environmentCalled, nil,
		func() []string { return slices.Collect(maps.Keys(n.want.Environments)) },
		n.deleteEnvironment)
	route("GET /v1/calls", func(*http.Request) (any, error) { return n.router.calls.all(), nil })
	route("GET /v1/owners", func(*http.Request) (any, error) { return n.folders(), nil })
	route("POST /v1/owners/{owner}/aside", func(r *http.Request) (any, error) {
		return struct{}{}, n.setServerAside(r.PathValue("owner"), r.FormValue("name"))
	})
	route("DELETE /v1/owners/{owner}", func(r *http.Request) (any, error) {
		return struct{}{}, n.removeServer(r.PathValue("owner"))
	})
	mux.HandleFunc("GET /v1/logs", n.serveLogs)
	mux.HandleFunc("POST /v1/exec", n.serveExec)
	return mux
}

// resource adds the four routes of one kind of item. With one, a single item is
// read by it.
func resource[T, S any](n *Node, route func(string, func(*http.Request) (any, error)), kind string,
	put func(string, T) (any, error), get func(string) (S, error), one func(*http.Request) (any, error),
	ids func() []string, del func(string) error,
) {
	path := "/v1/" + kind
	if one == nil {
		one = func(r *http.Request) (any, error) { return get(r.PathValue("id")) }
	}
	route("PUT "+path+"/{id}", func(r *http.Request) (any, error) {
		var in T
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return nil, pave.Errorf(pave.Invalid, "the body of a put to %s is not what the node expects: %w", kind, err).
				WithHint("the body is JSON of at most %d bytes", maxBody)
		}
		return put(r.PathValue("id"), in)
	})
	route("GET "+path+"/{id}", one)
	route("DELETE "+path+"/{id}", func(r *http.Request) (any, error) { return struct{}{}, del(r.PathValue("id")) })
	route("GET "+path, func(*http.Request) (any, error) {
		n.mu.Lock()
		all := ids()
		n.mu.Unlock()
		slices.Sort(all)
		out := []S{}
		for _, id := range all {
			if s, err := get(id); err == nil { // else it was deleted meanwhile
				out = append(out, s)
			}
		}
		return out, nil
	})
}

// waitForJob reads a job; with ?wait= it waits for its end.
func (n *Node) waitForJob(r *http.Request) (any, error) {
	wait := time.Duration(0)
	if v := r.FormValue("wait"); v != "" {
		var err error
		if wait, err = time.ParseDuration(v); err != nil {
			return nil, pave.BadField("wait", v, "is not a duration", "for example 30s")
		}
	}
	return n.job(r.Context(), r.PathValue("id"), wait)
}

func (n *Node) routeStatus(id string) (RouteStatus, error) {
	n.mu.Lock()
	r, ok := n.want.Routes[id]
	n.mu.Unlock()
	if !ok {
		return RouteStatus{}, notFound("route", id)
	}
	return n.router.status(r), nil
}

// statusOf is the HTTP status of each code of error.
func statusOf(code pave.Code) int {
	switch code {
	case pave.Invalid:
		return http.StatusBadRequest
	case pave.Denied:
		return http.StatusForbidden
	case pave.NotFound:
		return http.StatusNotFound
	case pave.Conflict:
		return http.StatusConflict
	case pave.Policy:
		return http.StatusUnprocessableEntity
	case pave.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func (n *Node) reply(w http.ResponseWriter, r *http.Request, answer any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err == nil {
		_ = json.NewEncoder(w).Encode(answer)
		return
	}
	var e *pave.Error
	if !errors.As(err, &e) {
		e = pave.Errorf(pave.CodeOf(err), "%w", err)
	}
	out := *e
	if e.Code == pave.Internal {
		n.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	} else {
		out.Message = e.Error() // the cause would be lost on the way
	}
	w.WriteHeader(statusOf(out.Code))
	_ = json.NewEncoder(w).Encode(&out)
}

// serveLogs streams the lines of one log as JSON, one a line.
func (n *Node) serveLogs(w http.ResponseWriter, r *http.Request) {
	q, log, err := n.findLog(r)
	if err != nil {
		n.reply(w, r, nil, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(n.life, cancel)()
	w.Header().Set("Content-Type", "application/x-ndjson")
	flush := http.NewResponseController(w).Flush
	err = log.read(ctx, q, func(line []byte) error { _, err := w.Write(line); return err }, flush)
	if err == nil {
		_, _ = io.WriteString(w, "\n") // an empty line says that this is the end, not a break
	}
}

func (n *Node) findLog(r *http.Request) (q LogQuery, log *logFile, err error) {
	q = LogQuery{Workload: r.FormValue("workload"), Job: r.FormValue("job"), Server: r.FormValue("server"), Follow: r.FormValue("follow") == "true"}
	q.Tail, _ = strconv.Atoi(r.FormValue("tail"))
	q.Since, _ = strconv.ParseInt(r.FormValue("since"), 10, 64)
	n.mu.Lock()
	defer n.mu.Unlock()
	kind, id, there := "", "", false
	switch {
	case q.Workload != "" && q.Job == "" && q.Server == "":
		kind, id, there = "workload", q.Workload, n.want.Workloads[q.Workload] != nil
	case q.Job != "" && q.Workload == "" && q.Server == "":
		var j JobStatus
		kind, id = "job", q.Job
		j, there = n.want.Jobs[q.Job]
		q.Follow = q.Follow && j.State == JobRunning
	case q.Server != "" && q.Workload == "" && q.Job == "":
		kind, id = "server", q.Server
		_, there = n.want.Servers[q.Server]
	default:
		return q, nil, pave.Errorf(pave.Invalid, "a log is asked for by one of workload, job and server")
	}
	if !there {
		return q, nil, notFound(kind, id)
	}
	log, err = n.logOf(kind, id)
	return q, log, err
}
