package server

import (
	"context"
	"net/http"
	"os"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/api"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/store"
)

// gitDoor serves the repositories of services to those who may.
type gitDoor struct {
	s     *instance
	db    *store.DB
	repos *repositories
	hook  pave.Secret
}

func (d gitDoor) handler() http.Handler {
	return http.StripPrefix("/git", git.NewHandler(d.s.log, git.Hooks{Authorize: d.authorize, Open: d.open, Env: d.env}))
}

// authorize asks for the permission of the verb that git runs, in the team that
// owns the service. A push is in the audit log before it has an effect.
func (d gitDoor) authorize(r *http.Request, repository string, write bool) (string, error) {
	who, err := api.Caller(r.Context(), d.s.access, r)
	if err != nil {
		return "", err
	}
	ctx := pave.WithPrincipal(r.Context(), who)
	svc, err := d.s.platform.Service(ctx, repository) // not found where the caller may not see it
	if err != nil {
		return who.User.ID, err
	}
	perm, verb := access.Read, "fetch"
	if write {
		perm, verb = access.Write, "push"
	}
	if err := d.s.access.May(ctx, perm, access.Service(svc).For(verb, "")); err != nil {
		return who.User.ID, err
	}
	if write && svc.Repository != "" { // what is here is a copy of what the host has
		return who.User.ID, pave.Errorf(pave.Conflict, "%s lies at %s: push there", svc.Name, svc.Repository).
			WithHint("git remote set-url origin %s", svc.Repository)
	}
	if write && r.Method == http.MethodPost {
		err = d.db.Tx(ctx, func(tx *store.Tx) error {
			return d.s.access.AuditTx(ctx, tx, "push", "service:"+string(svc.Name), "")
		})
	}
	return who.User.ID, err
}

// open finds the repository of a service by the service's name.
func (d gitDoor) open(ctx context.Context, repository string) (string, error) {
	name, err := d.s.platform.RepositoryName(ctx, repository)
	if err != nil {
		return "", err
	}
	return d.repos.Dir(name), nil
}

// env is what the post-receive hook needs to start the pipeline and to show it:
// the pusher's own rights, nothing more.
func (d gitDoor) env(r *http.Request, repository, user string) []string {
	_, token, _ := r.BasicAuth()
	return []string{"PAVE_HOOK_URL=" + d.s.state.URL, "PAVE_HOOK_TOKEN=" + d.hook.Reveal(), "PAVE_HOOK_SERVICE=" + repository,
		"PAVE_HOOK_USER=" + user, "PAVE_HOOK_API_TOKEN=" + token, "PAVE_HOME=" + d.s.cfg.Home, "PATH=" + os.Getenv("PATH")}
}
