package pipeline

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/yamlsize"
	"sigs.k8s.io/yaml"
)

// File is the optional file that overrides what is detected.
const File = ".pave/pipeline.yaml"

// maxFile is how large the file may be, in bytes.
const maxFile = 64 << 10

// file is the strict form of .pave/pipeline.yaml.
type file struct {
	Version int      `json:"version"`
	Steps   *[]Step  `json:"steps"`
	Run     []string `json:"run"`
	Ready   string   `json:"ready"`
}

var stepName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

func readFile(tree fs.FS) (file, bool, error) {
	var f file
	data, err := readBounded(tree, File, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return f, false, nil
	}
	if errors.Is(err, errTooLarge) {
		return f, false, pave.Errorf(pave.Invalid, "%s is larger than %d bytes", File, maxFile)
	}
	if err != nil {
		return f, false, err
	}
	if err := yamlsize.Check(data); err != nil {
		return f, false, pave.Errorf(pave.Invalid, "%s: %w", File, err).WithHint("%s", pave.HintOf(err))
	}
	if err := yaml.UnmarshalStrict(data, &f); err != nil {
		return f, false, pave.Errorf(pave.Invalid, "%s: %s", File, reasonOf(err)).WithHint("known keys are version, steps (name, run, test), run and ready, for example %s", example)
	}
	return f, true, f.check()
}

// example is a whole file, in one line as hints are.
const example = `{version: 1, steps: [{name: build, run: [npm, run, build]}], run: [node, dist/server.js], ready: /healthz}`

// reasonOf says what is wrong in the words of the file.
func reasonOf(err error) string {
	wrong := &json.UnmarshalTypeError{}
	if !errors.As(err, &wrong) {
		return strings.NewReplacer("error unmarshaling JSON: ", "", "while decoding JSON: ", "", "json: ", "").Replace(err.Error())
	}
	want := map[reflect.Kind]string{reflect.Int: "a number", reflect.String: "a text", reflect.Bool: "true or false", reflect.Slice: "a list", reflect.Struct: "keys with values"}
	return fmt.Sprintf("%s must be %s, not a %s", cmp.Or(wrong.Field, "the file"), cmp.Or(want[wrong.Type.Kind()], wrong.Type.String()), wrong.Value)
}

func (f file) check() error {
	if f.Version != 1 {
		return pave.Errorf(pave.Invalid, "%s: version %d is not known, only 1 is", File, f.Version)
	}
	if !readyOK(f.Ready) {
		return pave.Errorf(pave.Invalid, "%s: ready %q must begin with /, or be %s", File, f.Ready, TCP)
	}
	if f.Steps == nil {
		return nil
	}
	seen := map[string]bool{}
	if len(*f.Steps) > 20 {
		return pave.Errorf(pave.Invalid, "%s: %d steps, at most 20 are allowed", File, len(*f.Steps))
	}
	for _, s := range *f.Steps {
		switch {
		case !stepName.MatchString(s.Name), seen[s.Name], slices.Contains(ownSteps, s.Name):
			return pave.Errorf(pave.Invalid, "%s: step name %q must be unique, lower case, and none of %v", File, s.Name, ownSteps)
		case len(s.Run) == 0 || s.Run[0] == "":
			return pave.Errorf(pave.Invalid, "%s: step %q has nothing to run", File, s.Name)
		}
		seen[s.Name] = true
	}
	return nil
}

// ownSteps are the steps every pipeline has around those of the repository.
var ownSteps = []string{"source", "release", "rollout", "cleanup"}

func readyOK(ready string) bool {
	return ready == "" || ready == TCP || strings.HasPrefix(ready, "/") && !strings.ContainsAny(ready, " \r\n#")
}
