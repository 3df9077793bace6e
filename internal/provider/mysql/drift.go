package mysql

import (
	"context"

	"github.com/pave-platform/pave/internal/resource"
)

var _ resource.Drifter = (*Driver)(nil)

// Drift says whether the database lets the service in with its credentials, with the
// rights that it was given, and nobody else.
func (d *Driver) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	s, err := d.open(ctx, false)
	if err != nil {
		return nil, err
	}
	defer s.close()
	have, err := s.find(ctx, r)
	if err != nil {
		return nil, err
	}
	if have.aside {
		return []string{"it was set aside outside pave"}, nil
	}
	number := credentialsOf(r)
	if open, err := s.lets(ctx, have, number); err != nil || !open {
		return []string{"nobody can log in"}, err
	}
	user := userName(have, number)
	var out []string
	strangers, err := s.strangers(ctx, have)
	if err != nil {
		return nil, err
	}
	for _, who := range strangers {
		out = append(out, who.user+" may come in")
	}
	var mighty, poor bool
	err = s.conn.QueryRowContext(ctx, `SELECT COALESCE(JSON_VALUE(Priv, '$.access'), 0) <> 0
		OR EXISTS (SELECT 1 FROM mysql.db WHERE User = ? AND Host = ? AND (Db <> ? OR Grant_priv = 'Y')),
		NOT EXISTS (SELECT 1 FROM mysql.db WHERE User = ? AND Host = ? AND Db = ? AND Insert_priv = 'Y' AND Create_priv = 'Y')
		FROM mysql.global_priv WHERE User = ? AND Host = ?`,
		user, host, grantName(have.database), user, host, grantName(have.database), user, host).Scan(&mighty, &poor)
	if err != nil {
		return nil, unavailable("look at the rights of "+user, err)
	}
	if mighty {
		out = append(out, "its user has more rights than it was given")
	}
	if poor {
		out = append(out, "its user has lost rights")
		return out, nil
	}
	refused, err := s.try(ctx, user, have.database, d.passwordOf(r, number))
	if refused {
		out = append(out, "its password was changed")
	}
	return out, err
}

// A stranger is a user that is not of a resource and may come into its database.
type stranger struct{ user, host, by string }

func (s *session) strangers(ctx context.Context, have mark) (all []stranger, err error) {
	const what = "look who may come in"
	rows, err := s.conn.QueryContext(ctx, `SELECT User, Host, Db FROM mysql.db WHERE ? LIKE Db AND Db <> '%'
		AND NOT EXISTS (SELECT 1 FROM pave.logins l WHERE l.user = User AND l.resource = ? AND Host = ?)`, have.database, have.id, host)
	if err != nil {
		return nil, unavailable(what, err)
	}
	defer rows.Close()
	for rows.Next() {
		var w stranger
		if err := rows.Scan(&w.user, &w.host, &w.by); err != nil {
			return nil, unavailable(what, err)
		}
		all = append(all, w)
	}
	return all, unavailable(what, rows.Err())
}

// shutStrangers takes the right to come in from all who are not of a resource.
func (s *session) shutStrangers(ctx context.Context, have mark) error {
	all, err := s.strangers(ctx, have)
	for _, w := range all {
		if err == nil {
			err = s.revoke(ctx, quote(w.user)+"@"+quote(w.host), w.by)
		}
	}
	return err
}
