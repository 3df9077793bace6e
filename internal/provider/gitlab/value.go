package gitlab

import (
	"context"
	"regexp"
	"slices"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave"
)

// Environments that a project has, running or stopped.
func (h *Host) Environments(ctx context.Context, name string) ([]string, error) {
	all, err := pages(firstPage(), func(o gitlab.ListOptions) ([]*gitlab.Environment, *gitlab.Response, error) {
		return h.api.Environments.ListEnvironments(h.path(name), &gitlab.ListEnvironmentsOptions{ListOptions: o}, with(ctx))
	})
	var out []string
	for _, e := range all {
		out = append(out, e.Name)
	}
	return out, h.failed("environments of "+h.path(name), err)
}

// AddEnvironment makes one.
func (h *Host) AddEnvironment(ctx context.Context, name, env string) error {
	_, _, err := h.api.Environments.CreateEnvironment(h.path(name), &gitlab.CreateEnvironmentOptions{Name: &env}, with(ctx))
	err = h.failed("environment "+env+" of "+h.path(name), err)
	if pave.CodeOf(err) != pave.Conflict {
		return err
	}
	has, again := h.Environments(ctx, name)
	if again == nil && !slices.Contains(has, env) {
		return err
	}
	return again
}

// kept is what the description of a secret says: one that cannot be masked looks like
// any other variable otherwise.
const kept = "secret, kept by pave"

// scope is which environment a variable is for.
func scope(env string) string {
	if env == "" {
		return "*"
	}
	return env
}

func (h *Host) values(ctx context.Context, name, env string) ([]*gitlab.ProjectVariable, error) {
	all, err := pages(firstPage(), func(o gitlab.ListOptions) ([]*gitlab.ProjectVariable, *gitlab.Response, error) {
		return h.api.ProjectVariables.ListVariables(h.path(name), &gitlab.ListProjectVariablesOptions{ListOptions: o}, with(ctx))
	})
	var out []*gitlab.ProjectVariable
	for _, v := range all {
		if v.EnvironmentScope == scope(env) {
			out = append(out, v)
		}
	}
	return out, h.failed("variables of "+h.path(name), err)
}

func secret(v *gitlab.ProjectVariable) bool { return v.Masked || v.Hidden || v.Description == kept }

// Variables that pipelines see.
func (h *Host) Variables(ctx context.Context, name, env string) (map[string]string, error) {
	all, err := h.values(ctx, name, env)
	out := map[string]string{}
	for _, v := range all {
		if !secret(v) {
			out[v.Key] = v.Value
		}
	}
	return out, err
}

// SetVariable makes or changes one. It is taken as it is: a dollar in it names nothing.
func (h *Host) SetVariable(ctx context.Context, name, env, key, value string) error {
	no := gitlab.Ptr(false)
	return h.set(ctx, name, env, key, value, "", no, no)
}

// SecretNames are the names of those that are set.
func (h *Host) SecretNames(ctx context.Context, name, env string) ([]string, error) {
	all, err := h.values(ctx, name, env)
	var out []string
	for _, v := range all {
		if secret(v) {
			out = append(out, v.Key)
		}
	}
	return out, err
}

// maskable is a value that a server can take out of logs: one line of 8 or more
// characters without a space.
var maskable = regexp.MustCompile(`^\S{8,}$`)

// SetSecret makes or changes one: for protected branches alone and, where the value
// allows it, masked in logs.
func (h *Host) SetSecret(ctx context.Context, name, env, key string, value pave.Secret) error {
	if maskable.MatchString(value.Reveal()) {
		err := h.set(ctx, name, env, key, value.Reveal(), kept, gitlab.Ptr(true), gitlab.Ptr(true))
		if pave.CodeOf(err) != pave.Invalid { // older servers mask fewer characters
			return err
		}
	}
	return h.set(ctx, name, env, key, value.Reveal(), kept, gitlab.Ptr(true), gitlab.Ptr(false))
}

// set changes a variable that is there with other contents, or makes it.
func (h *Host) set(ctx context.Context, name, env, key, value, description string, protected, masked *bool) error {
	all, err := h.values(ctx, name, env)
	if err != nil {
		return err
	}
	raw, in := true, scope(env)
	for _, v := range all {
		if v.Key != key {
			continue
		}
		if v.Value == value && v.Protected == *protected && v.Masked == *masked && v.Description == description {
			return nil
		}
		_, _, err = h.api.ProjectVariables.UpdateVariable(h.path(name), key, &gitlab.UpdateProjectVariableOptions{Value: &value, Description: &description,
			Protected: protected, Masked: masked, Raw: &raw, EnvironmentScope: &in, Filter: &gitlab.VariableFilter{EnvironmentScope: in}}, with(ctx))
		return h.failed("variable "+key+" of "+h.path(name), err)
	}
	_, _, err = h.api.ProjectVariables.CreateVariable(h.path(name), &gitlab.CreateProjectVariableOptions{Key: &key, Value: &value, Description: &description,
		Protected: protected, Masked: masked, Raw: &raw, EnvironmentScope: &in}, with(ctx))
	if err = h.failed("variable "+key+" of "+h.path(name), err); pave.CodeOf(err) == pave.Conflict {
		return pave.Errorf(pave.Unavailable, "variable %s was made meanwhile: %w", key, err)
	}
	return err
}

// DropVariable takes one back.
func (h *Host) DropVariable(ctx context.Context, name, env, key string) error {
	_, err := h.api.ProjectVariables.RemoveVariable(h.path(name), key,
		&gitlab.RemoveProjectVariableOptions{Filter: &gitlab.VariableFilter{EnvironmentScope: scope(env)}}, with(ctx))
	if err = h.failed("variable "+key+" of "+h.path(name), err); pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	return err
}

// DropSecret takes one back.
func (h *Host) DropSecret(ctx context.Context, name, env, key string) error {
	return h.DropVariable(ctx, name, env, key)
}
