package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// What the requests about settings share.

// ofSettings starts a transition that changes settings of one environment, or "" for
// all.
func (p *Platform) ofSettings(ctx context.Context, service, verb, environment string) (transition, pave.Name, error) {
	tr, err := p.ofService(ctx, service, verb)
	tr.follow = true
	if err != nil || environment == "" {
		return tr, "", err
	}
	env, err := p.environmentOf(ctx, tr, environment)
	return tr, env, err
}

// settings changes the settings of an environment; where nothing comes of that, the
// last run did it already.
func (t transition) settings(env pave.Name, change func(*pave.Settings)) transition {
	return t.towards(t.to.Change(env, change))
}

// towards sets what is wanted next.
func (t transition) towards(to pave.Wanted) transition {
	t.to, t.finished = to, ""
	if sameWanted(t.from, to) {
		t.finished = t.service.LastRun
	}
	return t
}

// sameWanted compares two wishes as they are written down.
func sameWanted(a, b pave.Wanted) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

// unset takes names out of one environment, or with "" out of all.
func (t transition) unset(env pave.Name, names []string, of func(pave.Settings) map[string]string) transition {
	to := t.to
	for _, in := range append(slices.Sorted(maps.Keys(t.to.In)), "") {
		if env == "" || in == env {
			to = to.Change(in, func(s *pave.Settings) {
				for _, name := range names {
					delete(of(*s), name)
				}
			})
		}
	}
	return t.towards(to)
}

// isSet is NotFound where no such thing is set, with the nearest name or the
// environment it is set in.
func isSet(w pave.Wanted, env pave.Name, kind, name string, of func(pave.Settings) map[string]string) error {
	everywhere := of(w.Settings)
	_, all := everywhere[name]
	_, own := of(w.In[env])[name]
	known := slices.Sorted(maps.Keys(everywhere))
	var in []string
	for _, e := range slices.Sorted(maps.Keys(w.In)) {
		known = append(known, slices.Sorted(maps.Keys(of(w.In[e])))...)
		if _, ok := of(w.In[e])[name]; ok {
			in = append(in, string(e))
		}
	}
	switch {
	case own, env == "" && (all || len(in) > 0):
		return nil
	case all:
		return pave.BadField(kind, name, fmt.Sprintf("is set for all environments, not for %s alone", env), "leave --env out")
	case len(in) > 0:
		return pave.BadField(kind, name, "is set in "+strings.Join(in, ", "), "--env "+in[0])
	}
	e := pave.Errorf(pave.NotFound, "no %s %q is set", kind, name).WithHint("pave list %ss --service NAME shows what is", kind)
	if near := pave.DidYouMean(name, known); near != "" {
		e = e.WithHint("did you mean %s?", near)
	}
	return e
}

// keepsOwn notes which environments have a value of their own that goes on holding.
func keepsOwn(w pave.Wanted, env pave.Name, names []string, of func(pave.Settings) map[string]string) []string {
	var out []string
	if env != "" {
		return nil
	}
	for _, in := range slices.Sorted(maps.Keys(w.In)) {
		for _, name := range names {
			if _, own := of(w.In[in])[name]; own {
				out = append(out, fmt.Sprintf("%s keeps its own %s: set or unset it with --env %s", in, name, in))
			}
		}
	}
	return out
}

// isSecret reports whether a name is a secret in any environment; isVariable,
// whether it is a variable.
func isSecret(w pave.Wanted, name string) bool {
	return inAny(w, name, func(s pave.Settings) map[string]string { return s.Secrets })
}

func isVariable(w pave.Wanted, name string) bool {
	return inAny(w, name, func(s pave.Settings) map[string]string { return s.Variables })
}

func inAny(w pave.Wanted, name string, of func(pave.Settings) map[string]string) bool {
	_, ok := of(w.Settings)[name]
	for _, s := range w.In {
		_, own := of(s)[name]
		ok = ok || own
	}
	return ok
}
