package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// describeSettings prints what is set of a service's processes in each environment;
// of secrets the names.
func (a *app) describeSettings(w pave.Wanted) {
	a.heading("Settings")
	t := table{titles: []string{"ENVIRONMENT", "REPLICAS", "MEMORY", "CPU", "VARIABLES", "SECRETS"}}
	for _, env := range w.Environments {
		s := w.SettingsIn(env)
		memory, cpu := "", ""
		if s.MemoryMB > 0 {
			memory = fmt.Sprintf("%dMi", s.MemoryMB)
		}
		if s.CPU > 0 {
			cpu = fmt.Sprintf("%dm", s.CPU)
		}
		t.rows = append(t.rows, []any{env, max(1, s.Replicas), dash(memory), dash(cpu), dash(sortedNames(s.Variables)), dash(sortedNames(s.Secrets))})
	}
	a.indented(t)
}

func sortedNames(m map[string]string) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}
