package platform

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/store"
)

// resolveSetSecret: revision n -> n+1 with a secret, by the id of its sealed value.
func (p *Platform) resolveSetSecret(ctx context.Context, r pave.SetSecret) (transition, error) {
	tr, env, err := p.ofSettings(ctx, r.Service, r.Verb(), r.Environment)
	if err != nil {
		return tr, err
	}
	if err := checkSecret(tr.from, r.Service, r.Name); err != nil {
		return tr, err
	}
	if err := p.notRoles(ctx, tr.service.ID, "secret", r.Name); err != nil {
		return tr, err
	}
	var service, name string
	err = p.DB.QueryRow(ctx, `SELECT service, name FROM sealed_values WHERE id = $1`, r.Value).Scan(&service, &name)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return tr, err
	}
	if service != tr.service.ID || name != r.Name {
		return tr, pave.BadField("value", r.Value, fmt.Sprintf("is no value that was sealed for %s of %s", r.Name, r.Service),
			fmt.Sprintf("pave set secret %s --service %s", r.Name, r.Service))
	}
	tr.notes = keepsOwn(tr.from, env, []string{r.Name}, secretsOf)
	return tr.settings(env, func(s *pave.Settings) {
		if s.Secrets == nil {
			s.Secrets = map[string]string{}
		}
		s.Secrets[r.Name] = r.Value
	}), nil
}

// resolveUnsetSecret: revision n -> n+1 without a secret.
func (p *Platform) resolveUnsetSecret(ctx context.Context, r pave.UnsetSecret) (transition, error) {
	tr, env, err := p.ofSettings(ctx, r.Service, r.Verb(), r.Environment)
	if err != nil {
		return tr, err
	}
	if err := isSet(tr.from, env, "secret", r.Name, secretsOf); err != nil {
		return tr, err
	}
	return tr.unset(env, []string{r.Name}, secretsOf), nil
}

func secretsOf(s pave.Settings) map[string]string { return s.Secrets }

// checkSecret holds the name of a secret to its rules.
func checkSecret(w pave.Wanted, service, name string) error {
	if err := pave.CheckVariable(name); err != nil {
		return err
	}
	if isVariable(w, name) {
		return pave.BadField("secret", name, "is a variable of "+service,
			fmt.Sprintf("pave unset variable %s --service %s, then set it as a secret", name, service))
	}
	if err := notBackings(w, "secret", name); err != nil {
		return err
	}
	return notLinked(w, "secret", name, service)
}

// SealValue keeps a value for a secret of a service, sealed, and returns the id by
// which a request names it. Nothing changes before that request is applied; a value
// that no revision refers to is forgotten after 30 days.
func (p *Platform) SealValue(ctx context.Context, service, name string, value pave.Secret) (pave.SealedValue, error) {
	svc, err := p.serviceNamed(ctx, service)
	if err != nil {
		return pave.SealedValue{}, err
	}
	if err := p.Access.May(ctx, access.Write, access.Service(svc).For("set secret", "")); err != nil {
		return pave.SealedValue{}, err
	}
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	if err != nil {
		return pave.SealedValue{}, err
	}
	if err := checkSecret(rev.Wanted, service, name); err != nil {
		return pave.SealedValue{}, err
	}
	if err := p.notRoles(ctx, svc.ID, "secret", name); err != nil {
		return pave.SealedValue{}, err
	}
	return p.seal(ctx, svc.ID, "service:"+string(svc.Name), name, value)
}

// seal keeps a value for whoever it is of: a service, or what was brought for one.
func (p *Platform) seal(ctx context.Context, of, object, name string, value pave.Secret) (pave.SealedValue, error) {
	switch text := value.Reveal(); { // to look at its form alone: no error holds it
	case text == "":
		return pave.SealedValue{}, pave.BadField("value", "", "is empty", fmt.Sprintf("pave set secret %s --service NAME < FILE", name))
	case len(text) > pave.MaxValue || strings.ContainsRune(text, 0):
		return pave.SealedValue{}, pave.BadField("value", "", fmt.Sprintf("must be text of at most %d bytes", pave.MaxValue), "encode it, for example in base64")
	}
	id := pave.NewID("sec")
	err := p.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := p.Access.AuditTx(ctx, tx, "seal value", object, name); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO sealed_values (id, service, name, used, created) VALUES ($1, $2, $3, 0, $4)`,
			id, of, name, store.Micros(time.Now()))
		return err
	})
	if err != nil {
		return pave.SealedValue{}, err
	}
	return pave.SealedValue{ID: id}, p.Vault.Put(ctx, id, value)
}

// Secrets lists the names of a service's secrets, never a value.
func (p *Platform) Secrets(ctx context.Context, name string) ([]pave.SecretName, error) {
	svc, err := p.serviceNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	if err != nil {
		return nil, err
	}
	w := rev.Wanted
	out := []pave.SecretName{}
	for _, r := range w.Resources {
		for _, v := range r.Variables() {
			out = append(out, pave.SecretName{Name: v.Name, Origin: r.Kind + " " + r.Engine})
		}
	}
	roles, err := p.roleVariables(ctx, svc.ID)
	if err != nil {
		return nil, err
	}
	for _, env := range slices.Sorted(maps.Keys(roles)) {
		out = append(out, pave.SecretName{Name: roles[env], Environment: env, Origin: pave.KindRole})
	}
	for _, env := range append([]pave.Name{""}, w.Environments...) {
		all := w.In[env].Secrets
		if env == "" {
			all = w.Settings.Secrets
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			out = append(out, pave.SecretName{Name: name, Environment: env, Origin: "set"})
		}
	}
	return out, nil
}

// sealedIn are the ids of the sealed values that a wish refers to.
func sealedIn(w pave.Wanted) []string {
	out := slices.Collect(maps.Values(w.Settings.Secrets))
	for _, s := range w.In {
		out = append(out, slices.Collect(maps.Values(s.Secrets))...)
	}
	return out
}

// pruneSealed forgets the values that no request took up, and those of services that
// are gone for good.
func (p *Platform) pruneSealed(ctx context.Context) error {
	now := time.Now()
	rows, err := p.DB.Query(ctx, `SELECT v.id FROM sealed_values v LEFT JOIN services s ON s.id = v.service
		WHERE v.used = 0 AND v.created < $1 OR s.deleted > 0 AND s.kept_until < $2`,
		store.Micros(now.Add(-30*24*time.Hour)), store.Micros(now))
	ids, err := store.Collect(rows, err, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id) })
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := p.Vault.Delete(ctx, id); err != nil {
			return err
		}
		if _, err := p.DB.Exec(ctx, `DELETE FROM sealed_values WHERE id = $1`, id); err != nil {
			return err
		}
	}
	return nil
}
