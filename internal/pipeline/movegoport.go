package pipeline

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A port that stands in a call of a Go program is moved while it is built: go build
// takes another text for a file by -overlay, so the file itself stays as it is. Only
// where the port is an argument, a field or a variable: a constant must stay one.

// goMoveDir is where the build keeps the other texts; Go passes over its name.
const goMoveDir = ".pave-port"

// goMove is what puts PORT in the place of a port.
const goMove = `package %s

import (
	"os"
	"strings"
)

func pavePort(address string) string {
	port := os.Getenv("PORT")
	if port == "" {
		return address
	}
	return address[:strings.LastIndexByte(address, ':')+1] + port
}
`

// goMoveScript writes the texts: its arguments are the folder, what sed does to which
// file, the function, and the overlay.
const goMoveScript = `mkdir -p "$1" && sed "$2" "$3" > "$1/file.go" && printf %s "$4" > "$1/port.go" && printf %s "$5" > "$1/overlay.json"`

var (
	packageLine = regexp.MustCompile(`(?m)^package\s+(\w+)`)
	movable     = regexp.MustCompile(`\w\(|\bAddr:|:=`)
)

// moveGoPort makes the build put PORT in the place of the port of a line. It reports
// whether that can be done.
func (p *Pipeline) moveGoPort(f *found, r *repo, file string, n int, line, port string) bool {
	text := regexp.MustCompile(`"(?:[\w.]*:)?` + port + `"`).FindString(line)
	pkg := packageLine.FindStringSubmatch(r.read(file))
	i := slices.IndexFunc(p.Steps, func(s Step) bool {
		return s.Name == "build" && len(s.Run) > 2 && s.Run[0] == "go" && s.Run[1] == "build"
	})
	if f.language != "go" || text == "" || pkg == nil || i < 0 || strings.Contains(line, "const ") || !movable.MatchString(line) {
		return false
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		file: goMoveDir + "/file.go", path.Join(path.Dir(file), "pave_port.go"): goMoveDir + "/port.go"}})
	if err != nil {
		return false
	}
	edit := fmt.Sprintf("%ds/%s/pavePort(%s)/", n, strings.ReplaceAll(text, ".", `\.`), text)
	steps := slices.Clone(p.Steps)
	build := slices.Clone(steps[i].Run)
	steps[i].Run = slices.Insert(build, 2, "-overlay", goMoveDir+"/overlay.json")
	p.Steps = slices.Insert(steps, i, Step{Name: "port", Run: []string{"/bin/sh", "-c", goMoveScript, "sh", goMoveDir, edit, file, fmt.Sprintf(goMove, pkg[1]), string(overlay)}})
	p.Port = "moved from " + port
	return true
}
