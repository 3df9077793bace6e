package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/pave-platform/pave"
)

func team(name string) string { return "/v1/teams/" + url.PathEscape(name) }

// send is a call that changes something. It has a key of its own, by which the server
// carries it out once, so it is sent again when the connection broke.
func send[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	var out T
	err := c.do(ctx, keyed(method, path, body), &out)
	return out, err
}

func keyed(method, path string, body any) call {
	return call{method: method, path: path, body: body, repeat: true, header: http.Header{"Idempotency-Key": {pave.NewID("key")}}}
}

// remove is send without an answer.
func remove(ctx context.Context, c *Client, path string) error {
	return c.do(ctx, keyed(http.MethodDelete, path, nil), nil)
}

// sendOnce is a call of somebody who is not signed in: the server keeps no key of
// theirs.
func sendOnce[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	var out T
	err := c.do(ctx, call{method: http.MethodPost, path: path, body: body}, &out)
	return out, err
}

// Whoami returns who the token belongs to.
func (c *Client) Whoami(ctx context.Context) (pave.Identity, error) {
	return get[pave.Identity](ctx, c, "/v1/whoami", nil)
}

// Users returns all users.
func (c *Client) Users(ctx context.Context) ([]pave.User, error) {
	return list[pave.User](ctx, c, "/v1/users", nil)
}

// Invite makes a user, or lets one into a team.
func (c *Client) Invite(ctx context.Context, r pave.InviteRequest) (pave.Invitation, error) {
	return send[pave.Invitation](ctx, c, http.MethodPost, "/v1/invitations", r)
}

// Suspend shuts a user out, or lets them back in.
func (c *Client) Suspend(ctx context.Context, name string, suspended bool) (pave.User, error) {
	verb := "/resume"
	if suspended {
		verb = "/suspend"
	}
	return send[pave.User](ctx, c, http.MethodPost, "/v1/users/"+url.PathEscape(name)+verb, nil)
}

// Members returns who is in a team.
func (c *Client) Members(ctx context.Context, name string) ([]pave.Member, error) {
	return list[pave.Member](ctx, c, team(name)+"/members", nil)
}

// SetMember gives a user a role in a team.
func (c *Client) SetMember(ctx context.Context, m pave.Member) error {
	_, err := send[pave.Member](ctx, c, http.MethodPut, team(string(m.Team))+"/members/"+url.PathEscape(m.User), map[string]string{"role": m.Role})
	return err
}

// RemoveMember takes a user out of a team.
func (c *Client) RemoveMember(ctx context.Context, name, user string) error {
	return remove(ctx, c, team(name)+"/members/"+url.PathEscape(user))
}

// RenameTeam gives a team another name.
func (c *Client) RenameTeam(ctx context.Context, name, to string) (pave.Team, error) {
	return send[pave.Team](ctx, c, http.MethodPost, team(name)+"/rename", map[string]string{"name": to})
}

// SetTeam hands a service over to another team.
func (c *Client) SetTeam(ctx context.Context, name, to string) (pave.Service, error) {
	return send[pave.Service](ctx, c, http.MethodPut, service(name)+"/team", map[string]string{"team": to})
}

// Tokens returns the caller's tokens, for an admin all.
func (c *Client) Tokens(ctx context.Context) ([]pave.Token, error) {
	return list[pave.Token](ctx, c, "/v1/tokens", nil)
}

// CreateToken makes a token of the caller.
func (c *Client) CreateToken(ctx context.Context, r pave.TokenRequest) (pave.NewToken, error) {
	return send[pave.NewToken](ctx, c, http.MethodPost, "/v1/tokens", map[string]any{"name": r.Name, "scope": r.Scope, "days": r.Days})
}

// DeleteToken revokes a token; "current" is the client's own.
func (c *Client) DeleteToken(ctx context.Context, id string) error {
	return remove(ctx, c, "/v1/tokens/"+url.PathEscape(id))
}

// Policy returns the policies that serve.
func (c *Client) Policy(ctx context.Context) (pave.PolicyText, error) {
	return get[pave.PolicyText](ctx, c, "/v1/policy", nil)
}

// SetPolicy lets another text of policies serve.
func (c *Client) SetPolicy(ctx context.Context, text string) (pave.PolicyText, error) {
	return send[pave.PolicyText](ctx, c, http.MethodPut, "/v1/policy", map[string]string{"text": text})
}

// Can says whether the caller may do a verb, and why.
func (c *Client) Can(ctx context.Context, verb, name string) (pave.Decision, error) {
	q := url.Values{"verb": {verb}}
	setIf(q, "name", name)
	return get[pave.Decision](ctx, c, "/v1/can", q)
}

// VerifyAudit walks the whole audit log.
func (c *Client) VerifyAudit(ctx context.Context) (pave.AuditReport, error) {
	return get[pave.AuditReport](ctx, c, "/v1/audit/verify", nil)
}

// Login exchanges the code of an invitation for a token. The client needs none.
func (c *Client) Login(ctx context.Context, code, name string) (pave.NewToken, error) {
	return sendOnce[pave.NewToken](ctx, c, "/v1/login", map[string]string{"code": code, "name": name})
}

// StartDevice begins a login that a person ends on the server's page.
func (c *Client) StartDevice(ctx context.Context, name string) (pave.Device, error) {
	return sendOnce[pave.Device](ctx, c, "/v1/login/devices", map[string]string{"name": name})
}

// DeviceToken is the token once they have; Unavailable before.
func (c *Client) DeviceToken(ctx context.Context, secret string) (pave.NewToken, error) {
	return sendOnce[pave.NewToken](ctx, c, "/v1/login/devices/token", map[string]string{"secret": secret})
}

// ApproveRun lets a rollout go on that waits for approval, or ends it.
func (c *Client) ApproveRun(ctx context.Context, id string, approved bool, reason string) (pave.Run, error) {
	verb := "/deny"
	if approved {
		verb = "/approve"
	}
	return send[pave.Run](ctx, c, http.MethodPost, run(id)+verb, map[string]string{"reason": reason})
}

// SetEnvironment changes what an environment asks for.
func (c *Client) SetEnvironment(ctx context.Context, name string, r pave.EnvironmentChange) (pave.Environment, error) {
	return send[pave.Environment](ctx, c, http.MethodPut, "/v1/environments/"+url.PathEscape(name), r)
}
