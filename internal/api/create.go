package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

// createBody is what POST /v1/services takes.
type createBody struct {
	Name         string         `json:"name"`
	Team         string         `json:"team"`
	Template     string         `json:"template"`
	Environments []string       `json:"environments,omitempty" maxItems:"20"`
	Database     string         `json:"database,omitempty" doc:"postgresql, redis or none; left out, what the template declares"`
	Cache        string         `json:"cache,omitempty" doc:"redis or none; left out, what the template declares"`
	Queue        string         `json:"queue,omitempty" doc:"nats, rabbitmq or none; left out, what the template declares"`
	Bucket       string         `json:"bucket,omitempty" doc:"s3 or none; left out, what the template declares"`
	Inputs       map[string]any `json:"inputs,omitempty"`
}

// request is what the body asks for. Redis counts as a database there and as a cache
// here: who asks for it alone wants no other database.
func (b createBody) request() pave.CreateService {
	r := pave.CreateService{Name: b.Name, Team: b.Team, Template: b.Template,
		Environments: b.Environments, Database: b.Database, Cache: b.Cache, Queue: b.Queue, Bucket: b.Bucket, Inputs: b.Inputs}
	if b.Cache == "" && slices.Contains(pave.EnginesOf(pave.KindCache), b.Database) {
		r.Database, r.Cache = "none", b.Database
	}
	return r
}

// created is the answer to a create in one call.
type created struct {
	Location string `header:"Location"`
	Body     struct {
		Service        pave.Name   `json:"service"`
		Repository     string      `json:"repository" doc:"address to clone"`
		Environments   []pave.Name `json:"environments"`
		Resources      []string    `json:"resources" doc:"what it asked for beside what every service gets: KIND:ENGINE"`
		Status         string      `json:"status" enum:"provisioning,live"`
		EstimatedReady string      `json:"estimatedReady" doc:"how long services took before, to be live"`
		Run            pave.Run    `json:"run"`
	}
}

func (s *server) create(ctx context.Context, b createBody) (*created, error) {
	r := b.request()
	run, err := s.planAndApply(ctx, r)
	if err != nil {
		return nil, err
	}
	svc, err := s.Platform.Service(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	out := &created{Location: "/v1/runs/" + run.ID}
	out.Body.Service, out.Body.Environments, out.Body.Run = svc.Name, svc.Environments, run
	out.Body.Repository = cmp.Or(svc.Repository, s.Address+"/git/"+string(svc.Name)+".git")
	out.Body.Status = "provisioning"
	if run.State == pave.RunDone {
		out.Body.Status = "live"
	}
	if out.Body.Resources, err = s.backings(ctx, svc); err != nil {
		return nil, err
	}
	out.Body.EstimatedReady, err = s.estimate(ctx)
	return out, err
}

// planAndApply carries a request out whose plan nobody saw: where it no longer fits,
// because somebody else was faster with the same team, say, another one is made.
func (s *server) planAndApply(ctx context.Context, r pave.Request) (run pave.Run, err error) {
	for range 10 {
		plan, perr := s.Platform.Plan(ctx, r)
		if perr != nil {
			return run, wrongBody(perr)
		}
		if run, err = s.Platform.Apply(ctx, plan.ID); pave.CodeOf(err) != pave.Conflict {
			break
		}
	}
	return run, err
}

// wrongBody: whatever is wrong with what a body names is the body's fault, and its
// field is told.
func wrongBody(err error) error {
	p := asProblem(err)
	if p.Code == pave.NotFound {
		p.Code, p.Status, p.Title = pave.Invalid, http.StatusBadRequest, http.StatusText(http.StatusBadRequest)
	}
	if p.Code != pave.Invalid {
		return err
	}
	if len(p.Errors) == 0 {
		p.Errors = []pave.FieldError{{Field: fieldOf(p.Detail), Message: p.Detail}}
	}
	return p
}

// fieldOf is the field that a message speaks of: its first word that is one.
func fieldOf(message string) string {
	for _, word := range strings.FieldsFunc(message, func(r rune) bool { return r == ' ' || r == ':' || r == '"' }) {
		if slices.Contains([]string{"name", "team", "template", "environment", "environments", "database", "cache", "queue", "bucket", "inputs"}, word) {
			return word
		}
	}
	return "body"
}

// backings are what a service asks for beside what every service gets.
func (s *server) backings(ctx context.Context, svc pave.Service) ([]string, error) {
	revisions, err := s.Platform.Revisions(ctx, string(svc.Name))
	out := []string{}
	if err != nil || len(revisions) == 0 {
		return out, err
	}
	for _, r := range revisions[len(revisions)-1].Wanted.Resources {
		out = append(out, r.Kind+":"+r.Engine)
	}
	return out, nil
}

// estimate is how long creates took that the caller may see: between the quicker and
// the slower of the last ones.
func (s *server) estimate(ctx context.Context) (string, error) {
	runs, err := s.Platform.ListRuns(ctx, pave.RunFilter{Kind: pave.RunApply, State: pave.RunDone, Limit: maxPage})
	if err != nil {
		return "", err
	}
	var took []time.Duration
	for _, r := range runs {
		if strings.HasPrefix(r.Title, pave.CreateService{}.Verb()+" ") {
			took = append(took, r.Ended.Sub(r.Created))
		}
	}
	if len(took) == 0 {
		return "1-5 minutes", nil
	}
	slices.Sort(took)
	low, high := seconds(took[len(took)/4]), seconds(took[len(took)*9/10])
	if high < 120 {
		return fmt.Sprintf("%d-%d seconds", low, max(high, low+1)), nil
	}
	return fmt.Sprintf("%d-%d minutes", low/60, max((high+59)/60, low/60+1)), nil
}

func seconds(d time.Duration) int { return int(d.Round(time.Second) / time.Second) }

// statusBody is a status with the words that dashboards of delivery know beside
// pave's own.
type statusBody struct {
	pave.Status
	Deployments    []deploymentBody     `json:"deployments"`
	Infrastructure []infrastructureBody `json:"infrastructure"`
}

type deploymentBody struct {
	pave.Deployment
	SyncStatus   string `json:"syncStatus" enum:"Synced,OutOfSync,Unknown"`
	HealthStatus string `json:"healthStatus" enum:"Healthy,Progressing,Degraded,Missing,Unknown"`
}

type infrastructureBody struct {
	pave.Resource
	Name string `json:"resource" doc:"its name outside"`
	Kind string `json:"kind"`
}

func newStatusBody(st pave.Status) statusBody {
	out := statusBody{Status: st, Deployments: []deploymentBody{}, Infrastructure: []infrastructureBody{}}
	for _, d := range st.Deployments {
		out.Deployments = append(out.Deployments, deploymentBody{d, syncStatus(d), healthStatus(d)})
	}
	for _, r := range st.Infrastructure {
		out.Infrastructure = append(out.Infrastructure, infrastructureBody{r, r.ExternalID, r.Ref.Kind})
	}
	return out
}

func syncStatus(d pave.Deployment) string {
	switch d.Sync {
	case "synced":
		return "Synced"
	case "progressing", "failed":
		return "OutOfSync"
	}
	return "Unknown"
}

func healthStatus(d pave.Deployment) string {
	switch {
	case d.Health == "healthy":
		return "Healthy"
	case d.Sync == "progressing":
		return "Progressing"
	case d.Health == "degraded":
		return "Degraded"
	case d.Health == "down":
		return "Missing"
	}
	return "Unknown"
}
