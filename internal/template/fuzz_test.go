package template

import (
	"testing"

	"github.com/pave-platform/pave"
)

// FuzzLoad: whatever template.yaml says, there is a template or an invalid error.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		manifestText, "", "[]", "a: &a [*a]", "name: 1", "inputs: {properties: {a: {default: [1]}}}", "inputs: []", "files: [{path: .}]",
		"a: &a [1,1]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]", "run: {command: 1}", "? [a]: b", "\xff", "---\n---\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, manifest string) {
		tmpl, err := Load(folderOf("template.yaml", manifest))
		if err != nil && pave.CodeOf(err) != pave.Invalid {
			t.Fatalf("code %s: %v", pave.CodeOf(err), err)
		}
		if (tmpl == nil) != (err != nil) {
			t.Fatalf("got %v and %v", tmpl, err)
		}
	})
}
