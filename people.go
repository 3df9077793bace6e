package pave

import (
	"context"
	"time"
)

// Roles. A viewer of no team sees everything; the other roles are those of a team,
// but for admin, who may do all that policy does not forbid.
const (
	RoleViewer    = "viewer"
	RoleDeveloper = "developer"
	RoleLead      = "lead"
	RoleAdmin     = "admin"
)

// A User is a person or a program that acts.
type User struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Email     string    `json:"email,omitempty"`
	Admin     bool      `json:"admin"`
	Viewer    bool      `json:"viewer,omitempty"` // sees what every team owns
	Created   time.Time `json:"created"`
	Suspended time.Time `json:"suspended,omitzero"`
}

// A Membership is the role of a user in a team.
type Membership struct {
	Team Name   `json:"team"`
	Role string `json:"role"`
}

// A Member is a user of a team.
type Member struct {
	User string `json:"user"`
	Team Name   `json:"team"`
	Role string `json:"role"`
}

// Scopes of tokens. A further one is "service:NAME": what its user may with that
// service, and nothing else.
const (
	ScopeAll   = ""      // whatever its user may
	ScopeRead  = "read"  // see what its user may see
	ScopeWrite = "write" // and change it; no rights over people
)

// A Token is a key to pave. Its value is shown once, when it is made.
type Token struct {
	ID      string    `json:"id"`
	User    string    `json:"user"` // name
	Name    string    `json:"name"`
	Scope   string    `json:"scope"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
}

// A NewToken is a token with its value.
type NewToken struct {
	Token
	Value string `json:"value"`
}

// TokenRequest asks for a token of the caller.
type TokenRequest struct {
	Name  string `json:"name"`
	Scope string `json:"scope"`
	Days  int    `json:"days"` // until its end
}

// An Invitation is a code that lets somebody sign in, once. Code is empty where the
// user has signed in already.
type Invitation struct {
	User    User      `json:"user"`
	Team    Name      `json:"team,omitempty"`
	Role    string    `json:"role,omitempty"`
	Code    string    `json:"code,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	URL     string    `json:"url,omitempty"` // where to sign in
}

// InviteRequest asks for a user, made where there is none, as a member of a team;
// without a team for the role viewer or admin of all.
type InviteRequest struct {
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
	Team  string `json:"team,omitempty"`
	Role  string `json:"role,omitempty"`
}

// Identity is who the server takes a caller for.
type Identity struct {
	User
	Teams []Membership `json:"teams"`
	Token Token        `json:"token"`
}

// A Device is a program that waits for a person to sign it in on the server's page.
type Device struct {
	Secret  string    `json:"secret"` // for the program alone
	Code    string    `json:"code"`   // for the person to compare and to type
	Page    string    `json:"page"`
	Expires time.Time `json:"expires"`
}

// A Decision says whether somebody may do something, and why.
type Decision struct {
	Allowed bool     `json:"allowed"`
	Verb    string   `json:"verb"`
	Object  string   `json:"object"`
	Why     []string `json:"why"` // ids of the policies that decided, or what is lacking
}

// A PolicyText is the text of the policies that say who may do what.
type PolicyText struct {
	Text    string    `json:"text"`
	Default bool      `json:"default"` // nobody has changed it
	Error   string    `json:"error,omitempty"`
	Changed time.Time `json:"changed,omitzero"`
}

// EnvironmentChange is what an environment is to ask for.
type EnvironmentChange struct {
	Approval string `json:"approval"`          // lead, admin or none
	Seconds  int64  `json:"seconds,omitempty"` // how long a rollout waits; 0 is a day
	// Calls is open or declared; "" leaves it. With it an Approval of "" is left too.
	Calls string `json:"calls,omitempty"`
}

// AuditFilter narrows the audit log; zero fields match all.
type AuditFilter struct {
	After  int64 // rows with a larger Seq
	Limit  int   // at most 200; 0 is 200
	Actor  string
	Action string // prefix
	Object string // whole, or what follows its kind: "shop" is "service:shop"
	Since  time.Time
}

// AuditReport is what a walk over the whole audit log found.
type AuditReport struct {
	Rows   int64 `json:"rows"`
	Broken int64 `json:"broken,omitempty"` // number of the first row that was changed or removed
}

// People are users, teams and what they may. The caller is the principal of the
// context. Errors: Invalid, NotFound, Conflict, Denied.
type People interface {
	Users(ctx context.Context) ([]User, error)
	Invite(ctx context.Context, r InviteRequest) (Invitation, error)
	// Suspend ends all that a user may within 5 s; false lets them back in.
	Suspend(ctx context.Context, name string, suspended bool) (User, error)
	Members(ctx context.Context, team string) ([]Member, error)
	SetMember(ctx context.Context, m Member) error
	RemoveMember(ctx context.Context, team, user string) error
	Tokens(ctx context.Context) ([]Token, error)
	CreateToken(ctx context.Context, r TokenRequest) (NewToken, error)
	DeleteToken(ctx context.Context, id string) error
	Policy(ctx context.Context) (PolicyText, error)
	SetPolicy(ctx context.Context, text string) (PolicyText, error)
	// Can says whether the caller may do a verb to a service, a team or, with "",
	// to the platform.
	Can(ctx context.Context, verb, name string) (Decision, error)
	RenameTeam(ctx context.Context, team, to string) (Team, error)
	SetTeam(ctx context.Context, service, team string) (Service, error)
	// ApproveRun lets a rollout go on that waits for approval, or ends it.
	ApproveRun(ctx context.Context, id string, approved bool, reason string) (Run, error)
	SetEnvironment(ctx context.Context, name string, r EnvironmentChange) (Environment, error)
	// Bind says who makes resources of a kind in an environment, or in all with
	// "default"; Unbind takes that back. What was made stays with its provider.
	Bind(ctx context.Context, env, kind string, r BindRequest) (Bound, error)
	Unbind(ctx context.Context, env, kind string) (Bound, error)
	// ReadModule says what a Terraform module asks for, and binds nothing.
	ReadModule(ctx context.Context, kind string, r BindRequest) (ModuleReading, error)
}
