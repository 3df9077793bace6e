package githost

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// Fields are those of every host, and the vendor's own; one of the vendor's that has the
// name of another takes its place.
func (d *Driver) Fields() []pave.BindingField {
	own := d.Vendor.Fields()
	out := slices.DeleteFunc(slices.Clone(fields), func(f pave.BindingField) bool {
		return slices.ContainsFunc(own, func(o pave.BindingField) bool { return o.Name == f.Name })
	})
	out = append(out, own...)
	slices.SortStableFunc(out, func(a, b pave.BindingField) int {
		switch {
		case a.Required == b.Required:
			return 0
		case a.Required:
			return -1
		}
		return 1
	})
	return out
}

// CheckBinding says what the host and the binding lack.
func (d *Driver) CheckBinding(ctx context.Context, b resource.Opened) []pave.Check {
	w, host, err := d.bound(b)
	if err == nil {
		err = d.sound(b)
	}
	if err != nil {
		return []pave.Check{{Name: d.Vendor.Name() + " settings", Detail: err.Error(), Fix: pave.HintOf(err)}}
	}
	out := host.Check(ctx)
	if g, ok := host.(Granter); ok && !slices.ContainsFunc(out, func(c pave.Check) bool { return !c.OK }) {
		out = append(out, d.teams(ctx, g, b, w.role)...)
	}
	return out
}

// sound is Invalid, by field, for what no repository could be made with. What was made with
// it before can be looked at and let go all the same, so that read does not ask.
func (d *Driver) sound(b resource.Opened) error {
	for _, f := range d.Fields() {
		if v := setting(b, f.Name); v != "" && len(f.OneOf) > 0 && !slices.Contains(f.OneOf, v) {
			return pave.BadField(f.Name, v, "is not known to "+d.Vendor.Name(), "--set "+f.Name+"= one of "+strings.Join(f.OneOf, ", "))
		}
	}
	if text := setting(b, "callback"); text != "" {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return pave.BadField("callback", text, "is not an http or https address with a host", "--set callback=https://pave.example.com")
		}
	}
	_, err := teamsOf(b)
	return err
}

// teams looks for those that the binding names: every service of theirs would fail.
func (d *Driver) teams(ctx context.Context, g Granter, b resource.Opened, role string) (out []pave.Check) {
	named, _ := teamsOf(b) // sound says what is wrong
	c := pave.Check{Name: d.Vendor.Name() + " teams"}
	for _, team := range slices.Sorted(maps.Keys(named)) {
		err := g.CheckTeam(ctx, named[team], role)
		switch {
		case err == nil:
			continue
		case pave.CodeOf(err) == pave.NotFound:
			c.Detail = fmt.Sprintf("the organisation has no team %s, which teams names for %s", named[team], team)
			c.Fix = fmt.Sprintf("make it there, or name another: --set teams=%s=TEAM, or same, or none", team)
		default:
			c.Detail, c.Fix = err.Error(), pave.HintOf(err)
		}
		return []pave.Check{c}
	}
	if len(named) > 0 {
		c.OK, c.Detail = true, strings.Join(slices.Sorted(maps.Values(named)), ", ")
		return []pave.Check{c}
	}
	return nil
}
