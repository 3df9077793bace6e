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
	Verb string         `json:"verb" enum:"add cache,add database,add environment,create service,delete service,deploy,heal,link,promote,remove cache,remove database,rename service,restart,restore service,rollback,scale,set resources,set secret,set variable,undo,unlink,unset secret,unset variable"`
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
	// ofService narrows a list to a service.
	ofService struct {
		Service string `query:"service" doc:"name of a service"`
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
	s.peopleRoutes()
	p := s.Platform
	handle(s, operation{"GET", "/v1/resources", "list-resources", "Resources in the journal", access.Read, 0, nil},
		func(ctx context.Context, in *ofService) (*list[pave.Resource], error) {
			return listOf(p.ListResources(ctx, in.Service))
		})
	handle(s, operation{"GET", "/v1/environments", "list-environments", "Environments and what is bound there", access.Read, 0, nil},
		func(ctx context.Context, _ *none) (*list[pave.Environment], error) {
			return listOf(p.Environments(ctx))
		})
	handle(s, operation{"GET", "/v1/teams", "list-teams", "Teams", access.Read, 0, nil},
		func(ctx context.Context, _ *none) (*list[pave.Team], error) { return listOf(p.Teams(ctx)) })
	handle(s, operation{"GET", "/v1/entities", "list-entities", "What the catalog discovered", access.Read, 0, nil},
		func(ctx context.Context, in *ofService) (*list[pave.Entity], error) {
			return listOf(p.Entities(ctx, in.Service))
		})
	handle(s, operation{"GET", "/v1/calls", "list-calls", "What services ask of each other, declared or seen", access.Read, 0, nil},
		func(ctx context.Context, in *ofService) (*list[pave.Call], error) {
			return listOf(p.Calls(ctx, in.Service))
		})
	handle(s, operation{"GET", "/v1/doctor", "doctor", "Checks of everything pave needs", access.Read, 0, nil},
		func(ctx context.Context, _ *none) (*list[pave.Check], error) { return listOf(p.Doctor(ctx)) })
	handle(s, operation{"GET", "/v1/audit", "list-audit", "The audit log, oldest first", access.Admin, 0, nil},
		func(ctx context.Context, in *struct {
			After  int64     `query:"after" minimum:"0"`
			Limit  int       `query:"limit" minimum:"0" maximum:"200"`
			Actor  string    `query:"actor" maxLength:"60" doc:"name or id of a user"`
			Action string    `query:"action" maxLength:"60" doc:"what it begins with"`
			Object string    `query:"object" maxLength:"100"`
			Since  time.Time `query:"since"`
		}) (*list[pave.AuditEntry], error) {
			return listOf(p.Audit(ctx, pave.AuditFilter{After: in.After, Limit: in.Limit, Actor: in.Actor,
				Action: in.Action, Object: in.Object, Since: in.Since}))
		})
	handle(s, operation{"GET", "/v1/audit/verify", "verify-audit", "Walk the whole audit log and say whether a row was changed or removed", access.Admin, 0, nil},
		func(ctx context.Context, _ *none) (*one[pave.AuditReport], error) {
			return oneOf(s.Access.VerifyAudit(ctx))
		})
}

// planRoutes are the two calls by which every change enters.
func (s *server) planRoutes() {
	p := s.Platform
	handle(s, operation{"POST", "/v1/plans", "plan", "Say what a request would do", access.Write, http.StatusCreated, envelopeSchema{}},
		func(ctx context.Context, in *struct {
			Key     string `header:"Idempotency-Key" maxLength:"200" doc:"the same key is the same plan"`
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
		func(ctx context.Context, in *struct {
			Body struct {
				Name         string         `json:"name"`
				Team         string         `json:"team"`
				Template     string         `json:"template"`
				Environments []string       `json:"environments,omitempty" maxItems:"20"`
				Database     string         `json:"database,omitempty"`
				Cache        string         `json:"cache,omitempty"`
				Inputs       map[string]any `json:"inputs,omitempty"`
			}
		}) (*created, error) {
			b := in.Body
			return s.create(ctx, pave.CreateService{Name: b.Name, Team: b.Team, Template: b.Template,
				Environments: b.Environments, Database: b.Database, Cache: b.Cache, Inputs: b.Inputs})
		})
	handle(s, operation{"GET", "/v1/services", "list-services", "Services by name", access.Read, 0, nil},
		func(ctx context.Context, in *struct {
			Deleted bool `query:"deleted" doc:"those that were deleted and are kept"`
		}) (*list[pave.Service], error) {
			return listOf(p.Services(ctx, in.Deleted))
		})
	handle(s, operation{"GET", "/v1/services/{name}", "get-service", "A service", access.Read, 0, nil},
		func(ctx context.Context, in *byName) (*one[pave.Service], error) {
			return oneOf(p.Service(ctx, in.Name))
		})
	handle(s, operation{"GET", "/v1/services/{name}/status", "status", "What a service is doing, observed now", access.Read, 0, nil},
		func(ctx context.Context, in *byName) (*one[pave.Status], error) { return oneOf(p.Status(ctx, in.Name)) })
	handle(s, operation{"GET", "/v1/services/{name}/explain", "explain", "Each resource of a service, observed now", access.Read, 0, nil},
		func(ctx context.Context, in *byName) (*list[pave.Resource], error) {
			return listOf(p.Explain(ctx, in.Name))
		})
	handle(s, operation{"GET", "/v1/services/{name}/revisions", "list-revisions", "What was wanted of a service", access.Read, 0, nil},
		func(ctx context.Context, in *byName) (*list[pave.Revision], error) {
			return listOf(p.Revisions(ctx, in.Name))
		})
	handle(s, operation{"GET", "/v1/services/{name}/releases", "list-releases", "What was built of a service, newest first", access.Read, 0, nil},
		func(ctx context.Context, in *byName) (*list[pave.Release], error) {
			return listOf(p.ListReleases(ctx, in.Name))
		})
}

// created is the answer to a create in one call.
type created struct {
	Location string `header:"Location"`
	Body     struct {
		Service      pave.Name     `json:"service"`
		Environments []pave.Name   `json:"environments"`
		Resources    []pave.Change `json:"resources"`
		Status       string        `json:"status"` // provisioning, or live where the run is done
		Run          pave.Run      `json:"run"`
	}
}

func (s *server) create(ctx context.Context, r pave.CreateService) (*created, error) {
	plan, err := s.Platform.Plan(ctx, r)
	if err != nil {
		return nil, err
	}
	run, err := s.Platform.Apply(ctx, plan.ID)
	if err != nil {
		return nil, err
	}
	svc, err := s.Platform.Service(ctx, r.Name)
	out := &created{Location: "/v1/runs/" + run.ID}
	out.Body.Service, out.Body.Environments, out.Body.Run = svc.Name, svc.Environments, run
	out.Body.Resources, out.Body.Status = plan.Changes, "provisioning"
	if run.State == pave.RunDone {
		out.Body.Status = "live"
	}
	return out, err
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
			return listOf(s.events(ctx, in))
		})
}
