package resource

import (
	"encoding/json"
	"strings"
	"testing"
)

// What a plan changes of a module is told so that people see it.
func TestBoundDiff(t *testing.T) {
	t.Parallel()
	const was = `{"engine":"postgresql","module":{"digest":"sha256:1","source":"a","set":{"size":"small"},"secrets":{"KEY":"sec_1"}}}`
	for now, want := range map[string]string{
		`{"engine":"postgresql","module":{"digest":"sha256:1","source":"a","set":{"size":"large"},"secrets":{"KEY":"sec_1"}}}`: "size small -> large",
		`{"engine":"postgresql","module":{"digest":"sha256:1","source":"b","set":{"size":"small"},"secrets":{"KEY":"sec_2"}}}`: "module of a -> b; secret KEY is another",
		`{"engine":"mysql","module":{"digest":"sha256:2","source":"a","set":{"size":"small"},"secrets":{"KEY":"sec_1"}}}`:      `engine "postgresql" -> "mysql"; module sha256:1 -> sha256:2`,
		was: "",
	} {
		if got := strings.Join(specDiff(json.RawMessage(was), json.RawMessage(now)), "; "); got != want {
			t.Errorf("%s: %q, want %q", now, got, want)
		}
	}
	told := `{"binding":{"settings":{"org":"acme"},"secrets":{"token":"sec_1"}}}`
	if got := specDiff(json.RawMessage(told), json.RawMessage(strings.ReplaceAll(told, "acme", "other"))); len(got) != 1 || got[0] != "org acme -> other" {
		t.Errorf("a system: %q", got)
	}
}
