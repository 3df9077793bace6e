package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/pave-platform/pave/internal/resource"
)

var _ resource.Drifter = (*Driver)(nil)

// Drift says whether the cache still has its name, port and bound of memory.
func (d *Driver) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	have, err := d.find(ctx, r)
	if err != nil {
		return nil, err
	}
	if have.Name != serverID(r.ExternalID) {
		return []string{"it was set aside outside pave"}, nil
	}
	var spec resource.CacheSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return nil, err
	}
	st, err := d.Node.Server(ctx, serverID(r.ExternalID))
	if err != nil {
		return nil, err
	}
	var out []string
	if port := strconv.Itoa(st.Port); r.Outputs["port"] != "" && port != r.Outputs["port"] {
		out = append(out, fmt.Sprintf("it listens on port %s, not %s", port, r.Outputs["port"]))
	}
	if memory := cmp.Or(spec.MemoryMB, st.MemoryMB); st.MemoryMB != memory {
		out = append(out, fmt.Sprintf("it may hold %d MB, not %d", st.MemoryMB, memory))
	}
	return out, nil
}
