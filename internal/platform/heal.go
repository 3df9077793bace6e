package platform

import (
	"context"
	"slices"

	"github.com/pave-platform/pave"
)

// resolveHeal: world -> revision n. What differs from what was applied is made again.
func (p *Platform) resolveHeal(ctx context.Context, r pave.Heal) (transition, error) {
	tr, err := p.ofService(ctx, r.Service, r.Verb())
	if err != nil {
		return tr, err
	}
	records, err := p.Resources.List(ctx, p.DB, tr.service.ID)
	if err != nil {
		return tr, err
	}
	var known []string
	for _, rec := range records {
		if rec.Live() {
			known = append(known, rec.Ref.String())
		}
	}
	for _, ref := range r.Resources {
		if !slices.Contains(known, ref) {
			return tr, pave.BadField("resource", ref, "is none of "+r.Service, didYouMean(ref, known))
		}
	}
	tr.follow = true
	tr.heal = func(ref pave.Ref) bool { return len(r.Resources) == 0 || slices.Contains(r.Resources, ref.String()) }
	return tr, nil
}
