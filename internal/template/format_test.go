package template

import (
	"strings"
	"testing"
)

func TestNameOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"cookiecutter-PyPackage": "cookiecutter-pypackage", "1.0_x": "x", "": "template", "--": "template",
		strings.Repeat("ab-", 30): strings.TrimRight(strings.Repeat("ab-", 30)[:40], "-"), "a..b": "a-b", "über": "ber"} {
		if got := NameOf(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
