package githost

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/gitlocal"
	"github.com/pave-platform/pave/internal/resource"
)

// owned renders trees with the owner of the code written as the host writes teams.
type owned struct {
	gitlocal.Trees
	file, owner string
}

// Render adds the file of owners where the template has none.
func (o owned) Render(ctx context.Context, s resource.RepositorySpec) ([]git.File, error) {
	files, err := o.Trees.Render(ctx, s)
	if err != nil {
		return nil, err
	}
	// "@web" and not the beginning of "@web-devs" or of "@web/devs".
	team := regexp.MustCompile(`(^|\s)@` + regexp.QuoteMeta(string(s.Team)) + `(\s|$)`)
	has := false
	for i, f := range files {
		dir, name := "", f.Path
		if at := strings.LastIndexByte(f.Path, '/'); at >= 0 {
			dir, name = f.Path[:at], f.Path[at+1:]
		}
		if name != "CODEOWNERS" || !slices.Contains([]string{"", "docs", ".github", ".gitlab", ".gitea"}, dir) {
			continue
		}
		has = true
		files[i].Data = team.ReplaceAll(f.Data, []byte("${1}"+strings.ReplaceAll(o.owner, "$", "$$")+"${2}"))
	}
	if !has {
		files = append(files, git.File{Path: o.file, Mode: 0o644, Data: []byte("* " + o.owner + "\n")})
	}
	return files, nil
}
