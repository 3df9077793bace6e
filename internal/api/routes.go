package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// envelopeSchema is how a request is described in OpenAPI.
type envelopeSchema struct {
	Verb string         `json:"verb" enum:"add bucket,add cache,add database,add environment,add queue,adopt,create service,delete service,deploy,heal,link,promote,remove bucket,remove cache,remove database,remove queue,rename service,restart,restore service,rollback,rotate,scale,set resources,set secret,set variable,undo,unlink,unset secret,unset variable"`
	Spec map[string]any `json:"spec" doc:"the request; its fields depend on the verb"`
}

var (
	envelopeType       = reflect.TypeFor[pave.Envelope]()
	envelopeSchemaType = reflect.TypeFor[envelopeSchema]()
)

// Inputs and outputs that several routes share.
type (
	none struct{}
	byID struct {
		ID string `path:"id"`
	}
	byName struct {
		Name string `path:"name"`
	}
	one[T any]  struct{ Body T }
	list[T any] struct {
		Body struct {
			Items []T    `json:"items"`
			Next  string `json:"next,omitempty" doc:"cursor of the next page, if there is one"`
		}
	}
	started struct {
		Location string `header:"Location"`
		Body     pave.Run
	}
)

func listOf[T any](items []T, err error) (*list[T], error) {
	out := &list[T]{}
	out.Body.Items = items
	if items == nil {
		out.Body.Items = []T{}
	}
	return out, err
}

func oneOf[T any](v T, err error) (*one[T], error) { return &one[T]{v}, err }

func startedRun(run pave.Run, err error) (*started, error) {
	return &started{"/v1/runs/" + run.ID, run}, err
}

// routes is the table of all routes that OpenAPI describes.
func (s *server) routes() {
	s.planRoutes()
	s.serviceRoutes()
	s.settingRoutes()
	s.runRoutes()
	s.templateRoutes()
	s.repositoryRoutes()
	s.peopleRoutes()
	s.connectRoutes()
	s.insightRoutes()
	s.webhookRoutes()
	s.bindRoutes()
	s.hostRoutes()
	s.moduleRoutes()
	p := s.Platform
	handle(s, operation{"GET", "/v1/resources", "list-resources", "Resources in the journal", access.Read, 0, nil},
		func(ctx context.Context, in *pageOfService) (*list[pave.Resource], error) {
			return paged(in.Page, byResourceID)(p.ListResources(ctx, in.Service))
		})
	handle(s, operation{"GET", "/v1/environments", "list-environments", "Environments and what is bound there", access.Read, 0, nil},
		func(ctx context.Context, in *pageOnly) (*list[pave.Environment], error) {
			return paged(in.Page, byRank)(p.Environments(ctx))
		})
	handle(s, operation{"GET", "/v1/teams", "list-teams", "Teams", access.Read, 0, nil},
		func(ctx context.Context, in *pageOnly) (*list[pave.Team], error) {
			return paged(in.Page, byTeamName)(p.Teams(ctx))
		})
	handle(s, operation{"GET", "/v1/entities", "list-entities", "What the catalog discovered", access.Read, 0, nil},
		func(ctx context.Context, in *pageOfService) (*list[pave.Entity], error) {
			return paged(in.Page, byEntity)(p.Entities(ctx, in.Service))
		})
	handle(s, operation{"GET", "/v1/calls", "list-calls", "What services ask of each other, declared or seen", access.Read, 0, nil},
		func(ctx context.Context, in *pageOfService) (*list[pave.Call], error) {
			return paged(in.Page, byCall)(p.Calls(ctx, in.Service))
		})
	handle(s, operation{"GET", "/v1/doctor", "doctor", "Checks of everything pave needs, in the order one mends them", access.Read, 0, nil},
		func(ctx context.Context, _ *none) (*list[pave.Check], error) { return listOf(p.Doctor(ctx)) })
	handle(s, operation{"GET", "/v1/audit", "list-audit", "The audit log, oldest first", access.Admin, 0, nil},
		func(ctx context.Context, in *struct {
			After  int64     `query:"after" minimum:"0" doc:"rows with a larger seq; cursor is the same"`
			Cursor string    `query:"cursor" maxLength:"30" doc:"next of the page before"`
			Limit  int       `query:"limit" minimum:"0" maximum:"200" default:"200"`
			Actor  string    `query:"actor" maxLength:"60" doc:"name or id of a user"`
			Action string    `query:"action" maxLength:"60" doc:"what it begins with"`
			Object string    `query:"object" maxLength:"100"`
			Since  time.Time `query:"since"`
		}) (*list[pave.AuditEntry], error) {
			after, err := cursorOr(in.Cursor, in.After)
			if err != nil {
				return nil, err
			}
			return pageAfter(in.Limit, func(e pave.AuditEntry) int64 { return e.Seq })(p.Audit(ctx, pave.AuditFilter{After: after,
				Limit: in.Limit, Actor: in.Actor, Action: in.Action, Object: in.Object, Since: in.Since}))
		})
	handle(s, operation{"GET", "/v1/audit/verify", "verify-audit", "Walk the whole audit log and say whether a row was changed or removed", access.Admin, 0, nil},
		func(ctx context.Context, _ *none) (*one[pave.AuditReport], error) {
			return oneOf(s.Access.VerifyAudit(ctx))
		})
}

// insightRoutes tell figures about the platform itself.
func (s *server) insightRoutes() {
	handle(s, operation{"GET", "/v1/insight/adoption", "adoption", "How far people use the platform", access.Read, 0, nil},
		func(ctx context.Context, in *struct {
			Weeks int       `query:"weeks" minimum:"1" maximum:"12" default:"8"`
			Mark  time.Time `query:"mark" doc:"what lies before is compared with what lies after; the middle without"`
		}) (*one[pave.Adoption], error) {
			return oneOf(s.Platform.Adoption(ctx, in.Weeks, in.Mark))
		})
}

// planRoutes are the two calls by which every change enters.
func (s *server) planRoutes() {
	p := s.Platform
	handle(s, operation{"POST", "/v1/plans", "plan", "Say what a request would do", access.Write, http.StatusCreated, envelopeSchema{}},
		func(ctx context.Context, in *struct {
			RawBody []byte `contentType:"application/json"`
		}) (*one[pave.Plan], error) {
			var e pave.Envelope
			if err := json.Unmarshal(in.RawBody, &e); err != nil {
				return nil, invalidBody(err)
			}
			if e.Request == nil {
				return nil, pave.Errorf(pave.Invalid, "body: it holds no request").WithHint(`send {"verb": ..., "spec": {...}}`)
			}
			return oneOf(p.Plan(ctx, e.Request))
		})
	handle(s, operation{"GET", "/v1/plans/{id}", "get-plan", "A plan made before", access.Read, 0, nil},
		func(ctx context.Context, in *byID) (*one[pave.Plan], error) { return oneOf(p.PlanFor(ctx, in.ID)) })
	handle(s, operation{"POST", "/v1/plans/{id}/apply", "apply-plan", "Carry out a plan", access.Write, http.StatusCreated, nil},
		func(ctx context.Context, in *byID) (*started, error) { return startedRun(p.Apply(ctx, in.ID)) })
	handle(s, operation{"POST", "/v1/plan-files/apply", "apply-plan-file", "Carry out a plan file, if nothing changed since", access.Write, http.StatusCreated, pave.PlanFile{}},
		func(ctx context.Context, in *struct {
			RawBody []byte `contentType:"application/json"`
		}) (*started, error) {
			var f pave.PlanFile
			if err := json.Unmarshal(in.RawBody, &f); err != nil {
				return nil, invalidBody(err)
			}
			return startedRun(p.ApplyFile(ctx, f))
		})
}

// invalidBody keeps a pave error and makes any other one Invalid.
func invalidBody(err error) error {
	if pave.CodeOf(err) == pave.Invalid {
		return err
	}
	return pave.Errorf(pave.Invalid, "body: %s", strings.TrimPrefix(err.Error(), "json: "))
}

func (s *server) serviceRoutes() {
	p := s.Platform
	handle(s, operation{"POST", "/v1/services", "create-service", "Plan and create a service in one call", access.Write, http.StatusCreated, nil},
		func(ctx context.Context, in *struct{ Body createBody }) (*created, error) {
			return s.create(ctx, in.Body)
		})
	handle(s, operation{"GET", "/v1/services", "list-services", "Services by name", access.Read, 0, nil},
		func(ctx context.Context, in *struct {
			Page
			Deleted bool `query:"deleted" doc:"those that were deleted and are kept"`
		}) (*list[pave.Service], error) {
			return paged(in.Page, byServiceName)(p.Services(ctx, in.Deleted))
		})
	handle(s, operation{"GET", "/v1/services/{name}", "get-service", "A service", access.Read, 0, nil},
		func(ctx context.Context, in *byName) (*one[pave.Service], error) {
			return oneOf(p.Service(ctx, in.Name))
		})
	handle(s, operation{"GET", "/v1/services/{name}/status", "status", "What a service is doing, observed now", access.Read, 0, nil},
		func(ctx context.Context, in *byName) (*one[statusBody], error) {
			st, err := p.Status(ctx, in.Name)
			return oneOf(newStatusBody(st), err)
		})
	handle(s, operation{"GET", "/v1/services/{name}/explain", "explain", "Each resource of a service, observed now", access.Read, 0, nil},
		func(ctx context.Context, in *pageNamed) (*list[pave.Resource], error) {
			return paged(in.Page, byResourceID)(p.Explain(ctx, in.Name))
		})
	handle(s, operation{"GET", "/v1/services/{name}/revisions", "list-revisions", "What was wanted of a service", access.Read, 0, nil},
		func(ctx context.Context, in *pageNamed) (*list[pave.Revision], error) {
			return paged(in.Page, byRevision)(p.Revisions(ctx, in.Name))
		})
	handle(s, operation{"GET", "/v1/services/{name}/releases", "list-releases", "What was built of a service, newest first", access.Read, 0, nil},
		func(ctx context.Context, in *pageNamed) (*list[pave.Release], error) {
			return paged(in.Page, byRelease)(p.ListReleases(ctx, in.Name))
		})
}

func (s *server) runRoutes() {
	p := s.Platform
	handle(s, operation{"GET", "/v1/runs", "list-runs", "Runs, newest first", access.Read, 0, nil},
		func(ctx context.Context, in *struct {
			Service string `query:"service"`
			Kind    string `query:"kind" enum:"apply,pipeline,rollout,sweep"`
			State   string `query:"state" enum:"queued,running,done,stopped,canceled"`
			Limit   int    `query:"limit" minimum:"0" maximum:"200" default:"50"`
			Cursor  string `query:"cursor"`
		}) (*list[pave.Run], error) {
			out, err := listOf(p.ListRuns(ctx, pave.RunFilter{Service: in.Service, Kind: pave.RunKind(in.Kind),
				State: pave.RunState(in.State), Limit: in.Limit, Cursor: in.Cursor}))
			if n := len(out.Body.Items); err == nil && n > 0 && n == in.Limit {
				out.Body.Next = out.Body.Items[n-1].ID
			}
			return out, err
		})
	handle(s, operation{"GET", "/v1/runs/{id}", "get-run", "A run with its steps", access.Read, 0, nil},
		func(ctx context.Context, in *byID) (*one[pave.Run], error) { return oneOf(p.Run(ctx, in.ID)) })
	handle(s, operation{"POST", "/v1/runs/{id}/retry", "retry-run", "Let a run go on from where it stopped", access.Write, 0, nil},
		func(ctx context.Context, in *byID) (*started, error) { return startedRun(p.RetryRun(ctx, in.ID)) })
	handle(s, operation{"POST", "/v1/runs/{id}/cancel", "cancel-run", "End a run", access.Write, 0, nil},
		func(ctx context.Context, in *struct {
			ID     string `path:"id"`
			Reason string `query:"reason" maxLength:"200"`
		}) (*started, error) {
			return startedRun(p.CancelRun(ctx, in.ID, in.Reason))
		})
	handle(s, operation{"GET", "/v1/events", "list-events", "Events after a cursor; with wait, as soon as there are any", access.Read, 0, nil},
		func(ctx context.Context, in *eventQuery) (*list[pave.Event], error) {
			var err error
			if in.After, err = cursorOr(in.Cursor, in.After); err != nil {
				return nil, err
			}
			return pageAfter(in.Limit, func(e pave.Event) int64 { return e.Seq })(s.events(ctx, in))
		})
}
