package mysql

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

var _ resource.Connector = (*Driver)(nil)

// visitConnections is how many connections one visitor may have.
const visitConnections = 4

// visitName is the user of a visitor.
func visitName(id string) string { return "visit_" + strings.ToLower(id[max(0, len(id)-16):]) }

// Connect makes a user for a visitor, with the rights of the service or to read. The
// server itself shuts the visitor out at the end, whoever is down by then.
func (d *Driver) Connect(ctx context.Context, r resource.Resource, v resource.Visit) (pave.Secret, error) {
	s, err := d.open(ctx, false)
	if err != nil {
		return pave.Secret{}, err
	}
	defer s.close()
	have, err := s.find(ctx, r)
	if err != nil {
		return pave.Secret{}, err
	}
	if have.id == "" || have.aside || !have.there {
		return pave.Secret{}, pave.Errorf(pave.Conflict, "database %s is not in use", r.ExternalID).WithHint("pave status %s", r.Ref.Service)
	}
	name := visitName(v.ID)
	rights := "ALL PRIVILEGES"
	if v.ReadOnly {
		rights = "SELECT, SHOW VIEW"
	}
	// The end is set before the beginning: no crash leaves a visit without one.
	err = s.exec(ctx, "set the end of a visit", fmt.Sprintf(`CREATE OR REPLACE EVENT pave.%s ON SCHEDULE AT '%s' DO BEGIN
		ALTER USER IF EXISTS %s ACCOUNT LOCK; KILL HARD CONNECTION USER %s; END`,
		quote(name), v.Until.UTC().Format(time.DateTime), account(name), account(name)))
	if err != nil {
		return pave.Secret{}, err
	}
	password := d.password("visit", v.ID)
	err = s.letIn(ctx, have, login{user: name, number: visitor}, rights, password, visitConnections)
	return s.url(name, have.database, password), err
}

// Disconnect ends a visit: connections and user.
func (d *Driver) Disconnect(ctx context.Context, r resource.Resource, id string) error {
	s, err := d.open(ctx, false)
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close()
	have, err := s.marks(ctx, "id = ?", r.ID)
	if err != nil || len(have) == 0 {
		return err
	}
	all, err := s.logins(ctx, r.ID)
	for _, l := range all {
		if err == nil && l.user == visitName(id) {
			err = s.retire(ctx, have[0], l)
		}
	}
	if err == nil {
		err = s.exec(ctx, "forget the end of a visit", "DROP EVENT IF EXISTS pave."+quote(visitName(id)))
	}
	return err
}
