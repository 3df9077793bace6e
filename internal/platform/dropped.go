package platform

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// droppedBy says what a binding of a module was told before and is told no more, where the
// same module is bound again: secrets stay, and all else is what the command says.
func droppedBy(was *pave.Module, r pave.BindRequest) (notes []string) {
	if was == nil || unversioned(was.Source) != unversioned(r.Source) {
		return nil
	}
	set := map[string]string{}
	for name, value := range was.Set {
		text, plain := value.(string)
		if !plain {
			data, _ := json.Marshal(value) // it was JSON before
			text = string(data)
		}
		set[name] = text
	}
	for _, flag := range []struct {
		name     string
		was, now map[string]string
	}{{"set", set, r.Set}, {"import", was.Import, r.Import}} {
		for _, name := range slices.Sorted(maps.Keys(flag.was)) {
			if _, given := flag.now[name]; !given {
				what := name + "=" + flag.was[name]
				notes = append(notes, fmt.Sprintf("%s was given before, and is not any more: to keep it, give --%s %s again", what, flag.name, quoted(what)))
			}
		}
	}
	if was.Mirror != "" && r.Mirror == "" {
		notes = append(notes, fmt.Sprintf("providers came from %s before, and come from registries now: to keep it, give --mirror %s again", was.Mirror, quoted(was.Mirror)))
	}
	return notes
}

// unversioned is a source without its revision.
func unversioned(source string) string {
	source, _, _ = strings.Cut(source, "?")
	return source
}

// quoted is a text as a shell takes it.
func quoted(text string) string {
	if strings.ContainsAny(text, " \"'[]{}$`\\*?&;|<>()!#~") {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}
