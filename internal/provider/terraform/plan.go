package terraform

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// A planned change, as terraform show -json tells it.
type plannedChange struct {
	Address string
	Mode    string
	Reason  string `json:"action_reason"`
	Change  struct {
		Actions         []string
		Before, After   map[string]any
		AfterUnknown    map[string]any `json:"after_unknown"`
		BeforeSensitive any            `json:"before_sensitive"`
		AfterSensitive  any            `json:"after_sensitive"`
		Importing       *struct{ ID string }
	}
}

// planLines says what a plan does, one line for each thing that it touches:
// "+ TYPE.NAME", "< TYPE.NAME: imported, ID", "~ TYPE.NAME: limit 20 -> 30", "! TYPE.NAME: destroyed and made anew",
// "- TYPE.NAME".
func planLines(data []byte) ([]string, error) {
	var p struct {
		Changes []plannedChange `json:"resource_changes"`
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, pave.Errorf(pave.Unavailable, "the plan of terraform cannot be read: %d bytes that are no JSON", len(data)).
			WithHint("pave retry goes on from here")
	}
	var out []string
	for _, c := range p.Changes {
		a := c.Change.Actions
		switch {
		case c.Mode != "managed":
		case c.Change.Importing != nil && len(a) == 1: // what is there already is taken over
			line := "< " + c.Address + ": imported, " + short(c.Change.Importing.ID, 100)
			if differs := c.differs(); a[0] == "update" && differs != "" {
				line += ", " + differs
			}
			out = append(out, line)
		case len(a) == 2 && c.Reason == "replace_because_tainted":
			out = append(out, "! "+c.Address+tainted)
		case len(a) == 2:
			out = append(out, strings.TrimSuffix("! "+c.Address+": destroyed and made anew, "+c.differs(), ", "))
		case slices.Equal(a, []string{"create"}):
			out = append(out, "+ "+c.Address)
		case slices.Equal(a, []string{"delete"}):
			out = append(out, "- "+c.Address)
		case slices.Equal(a, []string{"update"}):
			out = append(out, "~ "+c.Address+": "+c.differs())
		}
	}
	return bounded(out), nil
}

// tainted ends the line of what was made, but not to its end: nothing of it ever worked.
const tainted = ": destroyed and made anew, as its making failed (tainted)"

// maxLines is how many lines of a plan are shown of what takes nothing away.
const maxLines = 100

// bounded keeps every line that takes something away, and so many of the others.
func bounded(lines []string) []string {
	var out []string
	n, more := 0, map[byte]int{}
	for _, l := range lines {
		if takesAway(l) {
			out = append(out, l)
		} else if n++; n <= maxLines {
			out = append(out, l)
		} else {
			more[l[0]]++
		}
	}
	for _, op := range []byte("+<~") {
		if more[op] > 0 {
			out = append(out, fmt.Sprintf("%c %d more", op, more[op]))
		}
	}
	return out
}

// takesAway reports whether a line of a plan takes something away.
func takesAway(line string) bool { return strings.HasPrefix(line, "-") || strings.HasPrefix(line, "!") }

// unshown are the lines of a plan that were not shown. Where none was, as in a repair
// that goes on by itself, they are those that take something away.
func unshown(lines, shown []string) []string {
	strict := slices.ContainsFunc(shown, isPlanned)
	var out []string
	for _, l := range lines {
		if slices.Contains(shown, l) || !strict && !takesAway(l) {
			continue
		}
		// What is new has other values once it has its id: its address is what was shown.
		if what := head(l); (l[0] == '+' || l[0] == '<') && slices.ContainsFunc(shown, func(s string) bool { return head(s) == what }) {
			continue
		}
		out = append(out, l)
	}
	return out
}

// isPlanned tells lines of plans from others that a change may have.
func isPlanned(line string) bool {
	return len(line) > 2 && strings.IndexByte("+-~!<", line[0]) >= 0 && line[1] == ' '
}

// head is what is done to which address.
func head(line string) string {
	what, _, _ := strings.Cut(line, ": ")
	return what
}

// differs names the attributes that change, with their values where those are plain and
// no secret.
func (c plannedChange) differs() string {
	ch := c.Change
	var out []string
	for _, k := range slices.Sorted(maps.Keys(ch.After)) {
		if reflect.DeepEqual(ch.Before[k], ch.After[k]) {
			continue
		}
		if marked(ch.BeforeSensitive, k) || marked(ch.AfterSensitive, k) || !scalar(ch.Before[k]) || !scalar(ch.After[k]) {
			out = append(out, k)
			continue
		}
		out = append(out, fmt.Sprintf("%s %v -> %v", k, told(ch.Before[k]), told(ch.After[k])))
	}
	for _, k := range slices.Sorted(maps.Keys(ch.AfterUnknown)) {
		if _, has := ch.After[k]; !has && ch.Before[k] != nil && ch.AfterUnknown[k] == true {
			out = append(out, k)
		}
	}
	return strings.Join(out, ", ")
}

// marked reports whether an attribute, or a part of it, is a secret.
func marked(sensitive any, key string) bool {
	m, ok := sensitive.(map[string]any)
	if !ok {
		return sensitive == true
	}
	v, ok := m[key]
	return ok && v != false
}

func scalar(v any) bool {
	switch v.(type) {
	case nil, string, float64, bool:
		return true
	}
	return false
}

func told(v any) any {
	if v == nil {
		return "nothing"
	}
	if s, ok := v.(string); ok {
		return short(s, 60)
	}
	return v
}
