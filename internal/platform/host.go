package platform

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/workflow"
)

const (
	// followEvery is how often a repository on a host is looked at where no message came.
	followEvery = time.Minute
	// keepDeliveries is how long messages are remembered. An older message
	// does no harm: it makes pave look, and nothing more.
	keepDeliveries = 30 * 24 * time.Hour
)

// A pace says when something was looked at last. The zero value is ready.
type pace struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// due reports whether the last look at id is longer ago, and notes this one.
func (c *pace) due(id string, every time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.last[id]) < every {
		return false
	}
	if c.last == nil || len(c.last) > 10_000 {
		c.last = map[string]time.Time{}
	}
	c.last[id] = time.Now()
	return true
}

// onHost finds what a service's repository can do where it lies on a git host. Conflict
// where it lies on this machine.
func onHost[T any](ctx context.Context, p *Platform, svc pave.Service) (t T, r resource.Resource, err error) {
	rec, err := p.repositoryOf(ctx, svc)
	if err != nil {
		return t, r, err
	}
	t, r, ok := resource.Of[T](p.Resources, rec)
	if !ok {
		return t, r, pave.Errorf(pave.Conflict, "the repository of %s lies on this machine, not on a git host", svc.Name).
			WithHint("a push to main builds it, and pave list runs --service %s shows that; to have new services on a git host, bind one of pave list providers", svc.Name)
	}
	return t, r, nil
}

// follow brings what is new in a repository that lies on a host into the copy here.
func (p *Platform) follow(ctx context.Context, rec resource.Record) error {
	f, r, ok := resource.Of[resource.Follower](p.Resources, rec)
	if !ok {
		return nil
	}
	_, err := f.Follow(ctx, r)
	return err
}

// due reports whether the host of a repository is to be asked again.
func (p *Platform) due(rec resource.Record) bool {
	if _, _, elsewhere := resource.Of[resource.Follower](p.Resources, rec); !elsewhere {
		return true
	}
	return p.looked.due(rec.ID, followEvery)
}

// Delivered takes a message of the host of a repository, by the id of the resource. The
// message only says that it is time to look: a lost, late or doubled one does no harm.
// Errors: NotFound and Denied are alike to a stranger; Conflict for one that came before.
func (p *Platform) Delivered(ctx context.Context, id string, header http.Header, body []byte) (run pave.Run, started bool, err error) {
	unknown := pave.Errorf(pave.Denied, "the message is not signed by the host of a repository")
	rec, err := p.Resources.Get(ctx, p.DB, id)
	if pave.CodeOf(err) == pave.NotFound || err == nil && !rec.Live() {
		return run, false, unknown
	}
	if err != nil {
		return run, false, err
	}
	l, r, ok := resource.Of[resource.Listener](p.Resources, rec)
	if !ok {
		return run, false, unknown
	}
	delivery, _, err := l.Webhook(ctx, r, header, body)
	if pave.CodeOf(err) == pave.Denied {
		return run, false, unknown
	}
	if err != nil {
		return run, false, err
	}
	if err := p.takeDelivery(ctx, id, delivery, body); err != nil {
		return run, false, err
	}
	p.answers.outdate(id)
	svc, err := p.serviceByID(ctx, p.DB, rec.Service)
	if err != nil {
		return run, false, err
	}
	if err := p.observeChecks(ctx, svc, rec); err != nil {
		p.Log.Warn("look at checks", "service", svc.Name, "err", err)
	}
	return p.Received(ctx, string(svc.Name))
}

// takeDelivery remembers a message by what was signed; Conflict where it was taken before.
// The id of the delivery is in a header, which whoever repeats a message may change.
func (p *Platform) takeDelivery(ctx context.Context, resource, id string, body []byte) error {
	if id == "" || len(id) > 200 {
		return pave.Errorf(pave.Invalid, "the message has no id of a delivery")
	}
	sum := sha256.Sum256(body)
	n, err := p.DB.Exec(ctx, `INSERT INTO host_messages (resource, id, received) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		resource, hex.EncodeToString(sum[:]), store.Micros(time.Now()))
	if err == nil && n == 0 {
		err = pave.Errorf(pave.Conflict, "the message %.60q was taken before", id)
	}
	return err
}

func (p *Platform) pruneDeliveries(ctx context.Context) error {
	_, err := p.DB.Exec(ctx, `DELETE FROM host_messages WHERE received < $1`, store.Micros(time.Now().Add(-keepDeliveries)))
	return err
}

// tellHosts tells the hosts of repositories how the newest pipelines and rollouts of
// their commits went. It compares with what they were told last, so that nothing is
// lost with a server that dies, and nothing told twice.
func (p *Platform) tellHosts(ctx context.Context) error {
	records, err := p.Resources.List(ctx, p.DB, "")
	if err != nil {
		return err
	}
	var errs []error
	for _, rec := range records {
		if rec.Ref.Kind != pave.KindRepository || rec.State != pave.ResourcePresent {
			continue
		}
		if t, r, ok := resource.Of[resource.Teller](p.Resources, rec); ok {
			errs = append(errs, p.tell(ctx, t, r))
		}
	}
	return errors.Join(errs...)
}

func (p *Platform) tell(ctx context.Context, t resource.Teller, r resource.Resource) error {
	for _, kind := range []pave.RunKind{pave.RunPipeline, pave.RunRollout} {
		runs, err := p.Engine.List(ctx, workflow.Filter{Service: r.Service, Kind: kind, Limit: 10})
		if err != nil {
			return err
		}
		told := map[string]bool{}
		for _, run := range runs {
			commit, s, err := p.statusOf(ctx, run)
			if err != nil {
				return err
			}
			if commit == "" || told[s.Context] {
				continue
			}
			told[s.Context] = true
			if err := p.tellOne(ctx, t, r, commit, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// statusOf is what there is to tell about a run, and of which commit.
func (p *Platform) statusOf(ctx context.Context, run pave.Run) (commit string, s pave.CommitStatus, err error) {
	s.URL = p.Addresses.Run(run.ID)
	switch {
	case !run.State.Ended():
		s.State, s.Description = pave.CheckPending, run.Title
	case run.State == pave.RunDone:
		s.State, s.Description = pave.CheckSuccess, run.Title
	default:
		s.State, s.Description = pave.CheckFailure, strings.TrimSpace(run.Title+": "+run.Reason)
	}
	if run.Kind == pave.RunPipeline {
		s.Context = "pave/pipeline"
		var in pipelineInput
		err = json.Unmarshal(run.Input, &in)
		return in.Commit, s, err
	}
	var in rolloutInput
	if err := json.Unmarshal(run.Input, &in); err != nil || in.Release == "" {
		return "", s, err
	}
	rel, err := p.Releases.Get(ctx, in.Release)
	if pave.CodeOf(err) == pave.NotFound {
		return "", s, nil
	}
	s.Context = "pave/" + string(in.Env)
	return rel.Commit, s, err
}

func (p *Platform) tellOne(ctx context.Context, t resource.Teller, r resource.Resource, commit string, s pave.CommitStatus) error {
	now := strings.Join([]string{commit, s.State, s.URL}, " ")
	var before string
	row := p.DB.QueryRow(ctx, `SELECT COALESCE(MAX(told), '') FROM commit_statuses WHERE resource = $1 AND context = $2`, r.ID, s.Context)
	if err := row.Scan(&before); err != nil || before == now {
		return err
	}
	if err := t.Tell(ctx, r, commit, s); err != nil {
		return err
	}
	_, err := p.DB.Exec(ctx, `INSERT INTO commit_statuses (resource, context, told) VALUES ($1, $2, $3)
		ON CONFLICT (resource, context) DO UPDATE SET told = excluded.told`, r.ID, s.Context, now)
	return err
}
