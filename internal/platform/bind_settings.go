package platform

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// A bindSetting is one that a binding may have.
type bindSetting struct {
	of    []string // kinds that know it; nil: all
	check func(value string) error
}

// bindSettings are all of them.
var bindSettings = map[string]bindSetting{
	"drift":     {nil, oneOf("drift", "heal", "report")},
	"memory_mb": {[]string{pave.KindCache}, checkMemory},
	"public":    {[]string{pave.KindDatabase, pave.KindBucket}, oneOf("public", "true", "false")},

	resource.SettingVariable: {[]string{pave.KindRole}, checkRoleVariable},
}

// checkBindSettings holds the settings of a binding to their rules, all at once.
func checkBindSettings(kind string, settings map[string]string) error {
	names := slices.Sorted(maps.Keys(bindSettings))
	var bad problems
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		s, known := bindSettings[name]
		switch {
		case !known:
			bad.add(pave.BadField("setting", name, "is no setting of a binding", meantOf(name, names)))
		case s.of != nil && !slices.Contains(s.of, kind):
			bad.add(pave.BadField("setting", name, "has no effect on a "+kind, "it is for "+strings.Join(s.of, " and ")))
		default:
			bad.add(s.check(settings[name]))
		}
	}
	return bad.err()
}

func oneOf(name string, values ...string) func(string) error {
	return func(value string) error {
		if slices.Contains(values, value) {
			return nil
		}
		return pave.BadField(name, value, "is not one of "+strings.Join(values, ", "), "--setting "+name+"="+values[0])
	}
}

// The bounds of what a cache may hold, in MiB.
const (
	minMemory = 8
	maxMemory = 64 << 10
)

func checkMemory(value string) error {
	if n, err := strconv.Atoi(value); err != nil || n < minMemory || n > maxMemory {
		return pave.BadField("memory_mb", value, fmt.Sprintf("must be a whole number of %d to %d", minMemory, maxMemory), "--setting memory_mb=64")
	}
	return nil
}

// checkRoleVariable holds the variable of a role to the rules of all variables; those of
// backings are taken too.
func checkRoleVariable(name string) error {
	if err := pave.CheckVariable(name); err != nil {
		return err
	}
	for _, e := range pave.Backings {
		if slices.ContainsFunc(e.Variables, func(v pave.BackingVariable) bool { return v.Name == name }) {
			return pave.BadField(resource.SettingVariable, name, "is brought by a "+e.Kind, "choose another name")
		}
	}
	return nil
}

// ofOtherHosts notes that a host is given pipelines while new repositories are made elsewhere.
func (p *Platform) ofOtherHosts(ctx context.Context, b pave.Binding) []string {
	if b.Kind != pave.KindPipeline {
		return nil
	}
	bindings, err := p.bindings(ctx)
	if err != nil {
		p.Log.Warn("who makes repositories is not told", "err", err)
		return nil
	}
	if at := bindings[""][pave.KindRepository].Provider; at != b.Provider {
		return []string{fmt.Sprintf("this is for services whose repository %s makes, and new ones are made by %s: "+
			"pave bind default repository %s", b.Provider, at, b.Provider)}
	}
	return nil
}
