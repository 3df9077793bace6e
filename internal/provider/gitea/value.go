package gitea

import (
	"context"
	"net/http"
	"strings"

	"github.com/pave-platform/pave"
)

// Variables and secrets belong to a repository here: there are no environments. Those
// of an environment carry its name before their own, as in PRODUCTION_DATABASE_URL.

func prefix(env string) string {
	if env == "" {
		return ""
	}
	return strings.ToUpper(strings.ReplaceAll(env, "-", "_")) + "_"
}

// Variables that workflows see.
func (h *Host) Variables(ctx context.Context, name, env string) (map[string]string, error) {
	vars, err := list[struct{ Name, Data string }](ctx, h.api, h.repo(name, "actions", "variables"))
	if err != nil {
		return nil, h.lacks(ctx, err, "variables of Actions", "1.22")
	}
	out := map[string]string{}
	for _, v := range vars {
		if key, ok := strings.CutPrefix(v.Name, prefix(env)); ok {
			out[key] = v.Data
		}
	}
	return out, nil
}

// SetVariable makes or changes one. A server knows no empty one: that is none.
func (h *Host) SetVariable(ctx context.Context, name, env, key, value string) error {
	is, err := h.Variables(ctx, name, env)
	if err != nil {
		return err
	}
	key = strings.ToUpper(key)
	old, there := is[key]
	switch {
	case value == "":
		return h.DropVariable(ctx, name, env, key)
	case there && old == value:
		return nil
	}
	method := http.MethodPost
	if there {
		method = http.MethodPut
	}
	return h.call(ctx, method, h.repo(name, "actions", "variables", prefix(env)+key), map[string]string{"value": value}, nil)
}

// SecretNames are the names of those that are set.
func (h *Host) SecretNames(ctx context.Context, name, env string) ([]string, error) {
	secrets, err := list[struct{ Name string }](ctx, h.api, h.repo(name, "actions", "secrets"))
	if err != nil {
		return nil, h.lacks(ctx, err, "secrets of Actions", "1.22")
	}
	var out []string
	for _, s := range secrets {
		if key, ok := strings.CutPrefix(s.Name, prefix(env)); ok {
			out = append(out, key)
		}
	}
	return out, nil
}

// SetSecret makes or changes one. The server seals it.
func (h *Host) SetSecret(ctx context.Context, name, env, key string, value pave.Secret) error {
	in := map[string]string{"data": value.Reveal()}
	return h.call(ctx, http.MethodPut, h.repo(name, "actions", "secrets", prefix(env)+strings.ToUpper(key)), in, nil)
}

// DropVariable takes one back.
func (h *Host) DropVariable(ctx context.Context, name, env, key string) error {
	return h.drop(ctx, h.repo(name, "actions", "variables", prefix(env)+strings.ToUpper(key)))
}

// DropSecret takes one back.
func (h *Host) DropSecret(ctx context.Context, name, env, key string) error {
	return h.drop(ctx, h.repo(name, "actions", "secrets", prefix(env)+strings.ToUpper(key)))
}

func (h *Host) drop(ctx context.Context, path string) error {
	err := h.call(ctx, http.MethodDelete, path, nil, nil)
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	return err
}
