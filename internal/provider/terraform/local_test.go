package terraform

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pave-platform/pave"
)

// What a module calls has to be in its folder, also what those call that it calls.
func TestWithin(t *testing.T) {
	t.Parallel()
	call := func(source string) *fstest.MapFile {
		return &fstest.MapFile{Data: fmt.Appendf(nil, "\nmodule \"x\" {\n  source = %q\n}\n", source)}
	}
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  string // in the error; "" for none
	}{
		"below":          {fstest.MapFS{"main.tf": call("./a"), "a/main.tf": call("../b"), "b/main.tf": call("acme/rds/aws")}, ""},
		"a circle":       {fstest.MapFS{"main.tf": call("./a"), "a/main.tf": call("../")}, ""},
		"outside":        {fstest.MapFS{"main.tf": call("../common")}, `main.tf:3: source "../common" leads out`},
		"outside, below": {fstest.MapFS{"main.tf": call("./a"), "a/net.tf": call("../../common")}, `a/net.tf:3: source "../../common" leads out`},
		"JSON":           {fstest.MapFS{"main.tf.json": {Data: []byte(`{"module": {"x": {"source": "../common"}}}`)}}, `main.tf.json:1: source "../common" leads out`},
		"not there":      {fstest.MapFS{"main.tf": call("./a")}, `main.tf:3: source "./a" is no folder`},
		"not called":     {fstest.MapFS{"main.tf": {}, "examples/main.tf": call("../../x")}, ""},
		"elsewhere":      {fstest.MapFS{"main.tf": call("git::https://git.example.com/a.git//b")}, ""},
	} {
		err := within(c.files)
		if (err != nil) != (c.want != "") || err != nil && (!strings.Contains(err.Error(), c.want) || pave.CodeOf(err) != pave.Invalid || pave.HintOf(err) == "") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
