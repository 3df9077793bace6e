package api

import (
	"context"
	"net/http"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// byTeam and byMember name a team, and a user in it.
type (
	byTeam struct {
		Name string `path:"name"`
	}
	byMember struct {
		Name string `path:"name"`
		User string `path:"user" maxLength:"60"`
	}
	byUser struct {
		User string `path:"user" maxLength:"60"`
	}
	noContent struct{}
)

// peopleRoutes are about users, teams, tokens and policies.
func (s *server) peopleRoutes() {
	s.userRoutes()
	s.teamRoutes()
	s.tokenRoutes()
	a, p := s.Access, s.Platform
	handle(s, operation{"GET", "/v1/policy", "get-policy", "The policies that say who may do what", access.Admin, 0, nil},
		func(ctx context.Context, _ *none) (*one[pave.PolicyText], error) { return oneOf(a.Policy(ctx)) })
	handle(s, operation{"PUT", "/v1/policy", "set-policy", "Let another text of policies serve; an empty one is the default", access.Admin, 0, nil},
		func(ctx context.Context, in *struct {
			Body struct {
				Text string `json:"text" maxLength:"65536"`
			}
		}) (*one[pave.PolicyText], error) {
			return oneOf(a.SetPolicy(ctx, in.Body.Text))
		})
	handle(s, operation{"GET", "/v1/can", "can", "Whether the caller may do a verb, and why", access.Read, 0, nil},
		func(ctx context.Context, in *struct {
			Verb string `query:"verb" required:"true" maxLength:"60"`
			Name string `query:"name" maxLength:"60" doc:"a service or a team; the platform without"`
		}) (*one[pave.Decision], error) {
			return oneOf(p.Can(ctx, in.Verb, in.Name))
		})
	for _, r := range []struct {
		verb, summary string
		approved      bool
	}{{"approve", "Let a rollout go on that waits for approval", true}, {"deny", "End a rollout that waits for approval", false}} {
		handle(s, operation{"POST", "/v1/runs/{id}/" + r.verb, r.verb + "-run", r.summary, access.Approve, 0, nil},
			func(ctx context.Context, in *struct {
				ID   string `path:"id"`
				Body struct {
					Reason string `json:"reason,omitempty" maxLength:"200"`
				}
			}) (*one[pave.Run], error) {
				return oneOf(p.ApproveRun(ctx, in.ID, r.approved, in.Body.Reason))
			})
	}
	handle(s, operation{"GET", "/v1/environments/{name}", "get-environment", "An environment and what is bound there", access.Read, 0, nil},
		func(ctx context.Context, in *byName) (*one[pave.Environment], error) {
			return oneOf(s.environment(ctx, in.Name))
		})
	handle(s, operation{"PUT", "/v1/environments/{name}", "set-environment", "What an environment asks for", access.Admin, 0, nil},
		func(ctx context.Context, in *struct {
			Name string `path:"name"`
			Body pave.EnvironmentChange
		}) (*one[pave.Environment], error) {
			return oneOf(p.SetEnvironment(ctx, in.Name, in.Body))
		})
	handle(s, operation{"GET", "/v1/whoami", "whoami", "Who the caller is", access.Own, 0, nil},
		func(ctx context.Context, _ *none) (*one[pave.Identity], error) { return oneOf(a.Identity(ctx)) })
}

func (s *server) userRoutes() {
	a := s.Access
	handle(s, operation{"GET", "/v1/users", "list-users", "Users", access.Admin, 0, nil},
		func(ctx context.Context, in *pageOnly) (*list[pave.User], error) {
			return paged(in.Page, byUserName)(a.Users(ctx))
		})
	handle(s, operation{"GET", "/v1/users/{user}", "get-user", "A user", access.Admin, 0, nil},
		func(ctx context.Context, in *byUser) (*one[pave.User], error) { return oneOf(a.User(ctx, in.User)) })
	handle(s, operation{"POST", "/v1/invitations", "invite", "Make a user, or let one into a team", access.Lead, http.StatusCreated, nil},
		func(ctx context.Context, in *struct{ Body pave.InviteRequest }) (*one[pave.Invitation], error) {
			inv, err := a.Invite(ctx, in.Body)
			inv.URL = s.Address
			return oneOf(inv, err)
		})
	for _, r := range []struct {
		verb, summary string
		suspended     bool
	}{{"suspend", "Shut a user out", true}, {"resume", "Let a suspended user back in", false}} {
		handle(s, operation{"POST", "/v1/users/{user}/" + r.verb, r.verb + "-user", r.summary, access.Admin, 0, nil},
			func(ctx context.Context, in *byUser) (*one[pave.User], error) {
				return oneOf(a.Suspend(ctx, in.User, r.suspended))
			})
	}
}

// environment is one of the few there are.
func (s *server) environment(ctx context.Context, name string) (pave.Environment, error) {
	all, err := s.Platform.Environments(ctx)
	for _, e := range all {
		if string(e.Name) == name {
			return e, nil
		}
	}
	if err == nil {
		err = pave.Errorf(pave.NotFound, "no environment %q", clip(name, 60)).WithHint("pave list environments")
	}
	return pave.Environment{}, err
}

// team is one that the caller may know of, by the name it has.
func (s *server) team(ctx context.Context, name string) (pave.Team, error) {
	all, err := s.Platform.Teams(ctx)
	for _, t := range all {
		if string(t.Name) == name {
			return t, nil
		}
	}
	if err == nil {
		err = pave.Errorf(pave.NotFound, "no team %q", clip(name, 60)).WithHint("pave list teams")
	}
	return pave.Team{}, err
}

func (s *server) teamRoutes() {
	a, p := s.Access, s.Platform
	handle(s, operation{"GET", "/v1/teams/{name}/members", "list-members", "Who is in a team", access.Read, 0, nil},
		func(ctx context.Context, in *pageNamed) (*list[pave.Member], error) {
			return paged(in.Page, byMemberName)(a.Members(ctx, in.Name))
		})
	handle(s, operation{"GET", "/v1/teams/{name}", "get-team", "A team", access.Read, 0, nil},
		func(ctx context.Context, in *byTeam) (*one[pave.Team], error) { return oneOf(s.team(ctx, in.Name)) })
	handle(s, operation{"PUT", "/v1/teams/{name}/members/{user}", "set-member", "Give a user a role in a team", access.Lead, 0, nil},
		func(ctx context.Context, in *struct {
			Name string `path:"name"`
			User string `path:"user" maxLength:"60"`
			Body struct {
				Role string `json:"role"`
			}
		}) (*one[pave.Member], error) {
			m := pave.Member{User: in.User, Team: pave.Name(in.Name), Role: in.Body.Role}
			return oneOf(m, a.SetMember(ctx, m))
		})
	handle(s, operation{"DELETE", "/v1/teams/{name}/members/{user}", "remove-member", "Take a user out of a team", access.Lead, http.StatusNoContent, nil},
		func(ctx context.Context, in *byMember) (*noContent, error) {
			return nil, a.RemoveMember(ctx, in.Name, in.User)
		})
	handle(s, operation{"POST", "/v1/teams/{name}/rename", "rename-team", "Give a team another name", access.Lead, 0, nil},
		func(ctx context.Context, in *struct {
			Name string `path:"name"`
			Body struct {
				Name string `json:"name"`
			}
		}) (*one[pave.Team], error) {
			return oneOf(p.RenameTeam(ctx, in.Name, in.Body.Name))
		})
	handle(s, operation{"PUT", "/v1/services/{name}/team", "set-team", "Hand a service over to another team", access.Lead, 0, nil},
		func(ctx context.Context, in *struct {
			Name string `path:"name"`
			Body struct {
				Team string `json:"team"`
			}
		}) (*one[pave.Service], error) {
			return oneOf(p.SetTeam(ctx, in.Name, in.Body.Team))
		})
}

func (s *server) tokenRoutes() {
	a, p := s.Access, s.Platform
	handle(s, operation{"GET", "/v1/tokens", "list-tokens", "The caller's tokens; for an admin all", access.Own, 0, nil},
		func(ctx context.Context, in *pageOnly) (*list[pave.Token], error) {
			return paged(in.Page, byOwner)(a.Tokens(ctx))
		})
	handle(s, operation{"POST", "/v1/tokens", "create-token", "Make a token; its value is shown once", access.Own, http.StatusCreated, nil},
		func(ctx context.Context, in *struct {
			Body struct {
				Name  string `json:"name" maxLength:"100"`
				Scope string `json:"scope" maxLength:"60" doc:"read, write or service:NAME"`
				Days  int    `json:"days,omitempty" minimum:"0" maximum:"366"`
			}
		}) (*one[pave.NewToken], error) {
			return oneOf(p.CreateToken(ctx, pave.TokenRequest{Name: in.Body.Name, Scope: in.Body.Scope, Days: in.Body.Days}))
		})
	handle(s, operation{"DELETE", "/v1/tokens/{id}", "delete-token", "Revoke a token; current is the one that calls", access.Own, http.StatusNoContent, nil},
		func(ctx context.Context, in *byID) (*noContent, error) { return nil, a.DeleteToken(ctx, in.ID) })
	handle(s, operation{"POST", "/v1/login", "login", "Exchange the code of an invitation for a token", access.Public, http.StatusCreated, nil},
		func(ctx context.Context, in *struct {
			Body struct {
				Code string `json:"code" maxLength:"100"`
				Name string `json:"name,omitempty" maxLength:"80" doc:"of the machine"`
			}
		}) (*one[pave.NewToken], error) {
			return oneOf(a.Login(ctx, in.Body.Code, in.Body.Name))
		})
	handle(s, operation{"POST", "/v1/login/devices", "start-device", "Wait for a person to sign this program in", access.Public, http.StatusCreated, nil},
		func(ctx context.Context, in *struct {
			Body struct {
				Name string `json:"name,omitempty" maxLength:"80" doc:"of the machine"`
			}
		}) (*one[pave.Device], error) {
			d, err := a.StartDevice(ctx, in.Body.Name)
			d.Page = s.Address + "/login"
			return oneOf(d, err)
		})
	handle(s, operation{"POST", "/v1/login/devices/token", "device-token", "The token, once a person has signed the program in", access.Public, http.StatusCreated, nil},
		func(ctx context.Context, in *struct {
			Body struct {
				Secret string `json:"secret" maxLength:"100"`
			}
		}) (*one[pave.NewToken], error) {
			return oneOf(a.DeviceToken(ctx, in.Body.Secret))
		})
}
