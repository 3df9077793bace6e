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
	// tellRuns is of how many runs of a service, the newest, a host is told; tellFor for how
	// long after their end.
	tellRuns = 50
	tellFor  = 24 * time.Hour
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
	p.systems.named(systemOf(rec)).saw(nil) // it is there
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

// pruneDeliveries forgets what hosts said, and were told, long ago.
func (p *Platform) pruneDeliveries(ctx context.Context) error {
	old := store.Micros(time.Now().Add(-keepDeliveries))
	if _, err := p.DB.Exec(ctx, `DELETE FROM host_messages WHERE received < $1`, old); err != nil {
		return err
	}
	_, err := p.DB.Exec(ctx, `DELETE FROM commit_statuses WHERE told_at < $1`, old)
	return err
}

// A statusKey is what a host has one status for.
type statusKey struct{ commit, context string }

// tell tells the host of a service's repository how pipelines and rollouts of its commits
// go, and how those of the last day went. It compares with what the host was told before,
// so that nothing is lost with a server that dies, and nothing told twice. An error about
// one commit keeps no other from being told of, unless it is that the host does not answer:
// then the next service is asked for, lest one repository is taken for the whole host.
func (p *Platform) tell(ctx context.Context, s *system, svc pave.Service) error {
	rec, err := p.repositoryOf(ctx, svc)
	if err != nil || systemOf(rec) != s.name || rec.State != pave.ResourcePresent {
		return ignoreMissing(err)
	}
	t, r, ok := resource.Of[resource.Teller](p.Resources, rec)
	if !ok {
		return nil
	}
	told, err := p.toldOf(ctx, r.ID)
	if err != nil {
		return err
	}
	var errs []error
	for _, kind := range []pave.RunKind{pave.RunPipeline, pave.RunRollout} {
		runs, err := p.Engine.List(ctx, workflow.Filter{Service: r.Service, Kind: kind, Limit: tellRuns})
		errs = append(errs, err)
		newest := map[statusKey]bool{}
		for _, run := range runs { // the newest first
			if s.silent() || ctx.Err() != nil {
				return errors.Join(errs...)
			}
			if run.State.Ended() && time.Since(run.Ended) > tellFor {
				continue
			}
			err := p.tellOf(ctx, run, told, newest, func(key statusKey, c pave.CommitStatus) error {
				err := t.Tell(ctx, r, key.commit, c)
				if s.saw(err); err != nil {
					return err
				}
				return p.noteTold(ctx, r.ID, key, c)
			})
			if errs = append(errs, err); pave.CodeOf(err) == pave.Unavailable {
				return errors.Join(errs...)
			}
		}
	}
	return errors.Join(errs...)
}

// tellOf tells what there is to tell about a run, if it is the newest with that status and
// the host was not told yet. What the host refuses is tried again each minute.
func (p *Platform) tellOf(ctx context.Context, run pave.Run, told map[string]statusKey, newest map[statusKey]bool,
	tell func(statusKey, pave.CommitStatus) error) error {
	c := p.stateOf(run)
	if key, same := told[toldText(c)]; same {
		newest[key] = true
		return nil
	}
	key, err := p.statusKeyOf(ctx, run)
	if err != nil || key.commit == "" || newest[key] {
		return err
	}
	newest[key] = true
	if !p.looked.due(strings.Join([]string{run.ID, key.context, c.State}, " "), followEvery) {
		return nil
	}
	c.Context = key.context
	if err := tell(key, c); err != nil {
		return pave.Errorf(pave.CodeOf(err), "%s of %.7s: %w", key.context, key.commit, err)
	}
	return nil
}

// stateOf is the status that a run gives a commit, under no name yet.
func (p *Platform) stateOf(run pave.Run) pave.CommitStatus {
	s := pave.CommitStatus{URL: p.Addresses.Run(run.ID)}
	switch {
	case !run.State.Ended():
		s.State, s.Description = pave.CheckPending, run.Title
	case run.State == pave.RunDone:
		s.State, s.Description = pave.CheckSuccess, run.Title
	default:
		s.State, s.Description = pave.CheckFailure, strings.TrimSpace(run.Title+": "+run.Reason)
	}
	return s
}

// statusKeyOf is which status of which commit a run gives; without a commit there is none.
func (p *Platform) statusKeyOf(ctx context.Context, run pave.Run) (statusKey, error) {
	if run.Kind == pave.RunPipeline {
		var in pipelineInput
		err := json.Unmarshal(run.Input, &in)
		return statusKey{in.Commit, "pave/pipeline"}, err
	}
	var in rolloutInput
	if err := json.Unmarshal(run.Input, &in); err != nil || in.Release == "" {
		return statusKey{}, err
	}
	rel, err := p.Releases.Get(ctx, in.Release)
	return statusKey{rel.Commit, "pave/" + string(in.Env)}, ignoreMissing(err)
}

// toldText is what is kept of a status that a host was told.
func toldText(c pave.CommitStatus) string { return c.State + " " + c.URL }

// toldOf is what the host of a repository was told.
func (p *Platform) toldOf(ctx context.Context, repository string) (map[string]statusKey, error) {
	rows, err := p.DB.Query(ctx, `SELECT told, sha, context FROM commit_statuses WHERE resource = $1`, repository)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]statusKey{}
	for rows.Next() {
		var told string
		var key statusKey
		if err := rows.Scan(&told, &key.commit, &key.context); err != nil {
			return nil, err
		}
		out[told] = key
	}
	return out, rows.Err()
}

func (p *Platform) noteTold(ctx context.Context, repository string, key statusKey, c pave.CommitStatus) error {
	_, err := p.DB.Exec(ctx, `INSERT INTO commit_statuses (resource, sha, context, told, told_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (resource, sha, context) DO UPDATE SET told = excluded.told, told_at = excluded.told_at`,
		repository, key.commit, key.context, toldText(c), store.Micros(time.Now()))
	return err
}
