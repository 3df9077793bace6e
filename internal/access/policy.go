package access

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cedar-policy/cedar-go"
	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

//go:embed default.cedar
var defaultPolicy string

const (
	// maxPolicy bounds the text of the policies, in bytes.
	maxPolicy = 64 << 10
	// policyAge is how old a policy may be that another server has changed.
	policyAge = 2 * time.Second
)

// policies are those that serve: the newest text that can be read.
type policies struct {
	mu     sync.Mutex
	set    *cedar.PolicySet
	view   pave.PolicyText
	seq    int64
	looked time.Time
}

// parsePolicy reads a text and checks that ids are given once, so that a decision
// can name its policy.
func parsePolicy(text string) (*cedar.PolicySet, error) {
	if len(text) > maxPolicy {
		return nil, pave.Errorf(pave.Invalid, "policy: over %d KiB of text", maxPolicy>>10).WithHint("pave admin policy show")
	}
	list, err := cedar.NewPolicyListFromBytes("policy", []byte(text))
	if err != nil {
		return nil, pave.Errorf(pave.Invalid, "policy: %s", err).WithHint("pave admin policy show > FILE is one that can be read")
	}
	set := cedar.NewPolicySet()
	for i, p := range list {
		id := string(p.Annotations()["id"])
		if id == "" {
			id = fmt.Sprintf("line-%d", p.Position().Line)
		}
		if set.Get(cedar.PolicyID(id)) != nil {
			return nil, pave.Errorf(pave.Invalid, "policy: policy %d has the id %q, which another one has", i+1, id).
				WithHint("give each an @id of its own")
		}
		set.Add(cedar.PolicyID(id), p)
	}
	return set, nil
}

// policy returns what serves. A stored text that cannot be read is told, and the
// one before it serves.
func (a *Access) policy(ctx context.Context) (*cedar.PolicySet, pave.PolicyText, error) {
	p := &a.policies
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.set != nil && time.Since(p.looked) < policyAge {
		return p.set, p.view, nil
	}
	var newest sql.NullInt64
	if err := a.db.QueryRow(ctx, `SELECT MAX(seq) FROM policies`).Scan(&newest); err != nil {
		return nil, p.view, err
	}
	if p.set != nil && newest.Int64 == p.seq {
		p.looked = time.Now()
		return p.set, p.view, nil
	}
	set, view, err := a.readPolicy(ctx)
	if err != nil {
		return nil, view, err
	}
	p.set, p.view, p.seq, p.looked = set, view, newest.Int64, time.Now()
	return set, view, nil
}

func (a *Access) readPolicy(ctx context.Context) (*cedar.PolicySet, pave.PolicyText, error) {
	var view pave.PolicyText
	rows, err := a.db.Query(ctx, `SELECT text, created FROM policies ORDER BY seq DESC LIMIT 50`)
	all, err := store.Collect(rows, err, func(s store.Scanner) (t pave.PolicyText, err error) {
		return t, s.Scan(&t.Text, store.Stamp(&t.Changed))
	})
	if err != nil {
		return nil, view, err
	}
	for _, t := range append(all, pave.PolicyText{Text: defaultPolicy, Default: true}) {
		set, err := parsePolicy(t.Text)
		if err == nil {
			t.Error = view.Error
			return set, t, nil
		}
		if view.Error == "" {
			view.Error = err.Error()
		}
	}
	return nil, view, pave.Errorf(pave.Internal, "no policy can be read: %s", view.Error)
}

// Policy returns the text that serves.
func (a *Access) Policy(ctx context.Context) (pave.PolicyText, error) {
	if err := a.May(ctx, Admin, Platform); err != nil {
		return pave.PolicyText{}, err
	}
	_, view, err := a.policy(ctx)
	return view, err
}

// SetPolicy lets another text serve; "" is the default. One that cannot be read,
// or by which the caller could not change it back, is refused.
func (a *Access) SetPolicy(ctx context.Context, text string) (pave.PolicyText, error) {
	if err := a.May(ctx, Admin, Platform); err != nil {
		return pave.PolicyText{}, err
	}
	if strings.TrimSpace(text) == "" {
		text = defaultPolicy
	}
	set, err := parsePolicy(text)
	if err != nil {
		return pave.PolicyText{}, err
	}
	who, _ := pave.PrincipalFrom(ctx)
	if ok, _ := judge(set, who, Admin, Platform); !ok {
		return pave.PolicyText{}, pave.Errorf(pave.Invalid, "policy: by this text %s could not change it back", who.User.Name).
			WithHint(`keep permit (principal in Role::"admin", action, resource);`)
	}
	err = a.db.Tx(ctx, func(tx *store.Tx) error {
		if err := a.AuditTx(ctx, tx, "set policy", "platform:pave", fmt.Sprintf("%d bytes", len(text))); err != nil {
			return err
		}
		var last int64
		if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(seq), 0) FROM policies`).Scan(&last); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO policies (seq, text, actor, created) VALUES ($1, $2, $3, $4)`,
			last+1, text, who.User.ID, time.Now())
		return err
	})
	if errors.Is(err, store.ErrUnique) {
		err = pave.Errorf(pave.Conflict, "somebody else set a policy at this moment").WithHint("pave admin policy show")
	}
	if err != nil {
		return pave.PolicyText{}, err
	}
	a.policies.mu.Lock()
	a.policies.looked = time.Time{}
	a.policies.mu.Unlock()
	return a.Policy(ctx)
}

// request is a question in Cedar's words.
func request(p pave.Principal, perm Permission, o Object) cedar.Request {
	facts := cedar.RecordMap{}
	if o.Env != "" {
		facts["environment"] = cedar.String(o.Env)
	}
	if o.Requester != "" {
		facts["requester"] = cedar.NewEntityUID("User", cedar.String(o.Requester))
	}
	return cedar.Request{Principal: userUID(p), Action: actionUID(perm, o), Resource: o.uid(), Context: cedar.NewRecord(facts)}
}

func userUID(p pave.Principal) cedar.EntityUID {
	return cedar.NewEntityUID("User", cedar.String(p.User.ID))
}

func actionUID(perm Permission, o Object) cedar.EntityUID {
	if o.Verb != "" {
		return cedar.NewEntityUID("Action", cedar.String(o.Verb))
	}
	return cedar.NewEntityUID("Action", cedar.String(perm))
}

func roleUID(parts ...string) cedar.EntityUID {
	return cedar.NewEntityUID("Role", cedar.String(strings.Join(parts, "/")))
}

// entities are those a question needs: the user with roles, the action with what
// it is in, the resource with its team.
func entities(p pave.Principal, perm Permission, o Object) cedar.EntityMap {
	all := cedar.EntityMap{}
	add := func(uid cedar.EntityUID, attrs cedar.RecordMap, parents ...cedar.EntityUID) {
		all[uid] = cedar.Entity{UID: uid, Attributes: cedar.NewRecord(attrs), Parents: cedar.NewEntityUIDSet(parents...)}
	}
	var roles []cedar.EntityUID
	if p.User.Admin {
		roles = append(roles, roleUID(pave.RoleAdmin))
	}
	if p.User.Viewer {
		roles = append(roles, roleUID(pave.RoleViewer))
	}
	for _, m := range p.Teams {
		roles = append(roles, roleUID(string(m.Team), m.Role))
	}
	add(userUID(p), cedar.RecordMap{"name": cedar.String(p.User.Name), "email": cedar.String(p.User.Email)}, roles...)
	if o.Verb != "" {
		add(actionUID(perm, o), nil, cedar.NewEntityUID("Action", cedar.String(perm)))
	}
	attrs := cedar.RecordMap{}
	var parents []cedar.EntityUID
	if team := string(o.Team); team != "" {
		ranks := []string{pave.RoleLead, pave.RoleDeveloper, pave.RoleViewer}
		for i, role := range ranks {
			attrs[cedar.String(role+"s")] = roleUID(team, role)
			if i+1 < len(ranks) {
				add(roleUID(team, role), nil, roleUID(team, ranks[i+1]))
			}
		}
		if o.Service != "" {
			attrs["name"], attrs["team"] = cedar.String(o.Name), cedar.NewEntityUID("Team", cedar.String(team))
			parents = append(parents, cedar.NewEntityUID("Team", cedar.String(team)))
		}
	}
	add(o.uid(), attrs, parents...)
	return all
}

// decide asks the policies; why are the ids of those that decided.
func (a *Access) decide(ctx context.Context, p pave.Principal, perm Permission, o Object) (allowed bool, why []string, err error) {
	set, _, err := a.policy(ctx)
	if err != nil {
		return false, nil, err
	}
	allowed, why = judge(set, p, perm, o)
	return allowed, why, nil
}

func judge(set *cedar.PolicySet, p pave.Principal, perm Permission, o Object) (allowed bool, why []string) {
	d, diag := cedar.Authorize(set, entities(p, perm, o), request(p, perm, o))
	for _, r := range diag.Reasons {
		why = append(why, string(r.PolicyID))
	}
	slices.Sort(why)
	// A forbid that cannot be evaluated must not open a door.
	for _, e := range diag.Errors {
		if found := set.Get(e.PolicyID); found != nil && found.Effect() == cedar.Forbid {
			return false, []string{string(e.PolicyID) + " (cannot be evaluated: " + e.Message + ")"}
		}
	}
	return d == cedar.Allow, why
}
