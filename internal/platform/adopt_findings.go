package platform

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/pipeline"
)

// findings are what a repository says of itself, with the place it says it.
func findings(pipe pipeline.Pipeline, kept pave.Repository) []pave.Finding {
	commits := fmt.Sprintf("%d commits", kept.Commits)
	if kept.Commits == 1 {
		commits = "1 commit"
	}
	out := []pave.Finding{{What: "history", Text: fmt.Sprintf("%s, %d files at %.7s of %s", commits, kept.Files, kept.Commit, kept.Address)}}
	for _, f := range pipe.Evidence {
		out = append(out, pave.Finding{What: f.What, Text: f.Text, File: f.File, Line: f.Line})
	}
	for _, s := range pipe.Steps {
		if s.Name != "dependencies" && s.Name != "prune" && s.Name != "port" {
			out = append(out, pave.Finding{What: "step", Text: s.Name + ": " + clip(strings.Join(s.Run, " "), 120)})
		}
	}
	if len(pipe.Command) > 0 {
		out = append(out, pave.Finding{What: "runs", Text: clip(pipe.Line(), 200)})
	}
	for _, n := range pipe.Needs {
		out = append(out, pave.Finding{What: n.Kind, Text: n.Engine + ": " + n.Text, File: n.File, Line: n.Line})
	}
	for _, v := range pipe.Vars {
		text := v.Name
		if v.Default {
			text += " (has a default)"
		}
		out = append(out, pave.Finding{What: "variable", Text: text, File: v.File, Line: v.Line})
	}
	return out
}

// sourceNotes say what of a repository does not come along.
func sourceNotes(kept pave.Repository, tree fs.FS) []string {
	var out []string
	if kept.Changed > 0 {
		text := strings.Join(kept.LeftOut, ", ")
		if more := kept.Changed - len(kept.LeftOut); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		out = append(out, "changed and not committed, so left out: "+text)
	}
	if len(kept.Shallow) > 0 {
		out = append(out, "the history is not whole: it begins where the clone does")
	}
	if _, err := fs.Stat(tree, ".gitmodules"); err == nil {
		out = append(out, "submodules are not brought: their folders are empty (.gitmodules:1)")
	}
	if data, err := fs.ReadFile(tree, ".gitattributes"); err == nil && len(data) < 1<<20 && strings.Contains(string(data), "filter=lfs") {
		out = append(out, "files that git-lfs keeps come as pointers, not as what they point to (.gitattributes)")
	}
	return out
}

// connection are names by which code asks for the parts of an address, by the kind of
// what it speaks to.
var connection = map[string]*regexp.Regexp{
	pave.KindDatabase: regexp.MustCompile(`^(?:APP_)?(?:DB|DATABASE|POSTGRES|POSTGRESQL|PG|SQL)_?(URL|URI|DSN|HOST|HOSTNAME|SERVER|PORT|NAME|DB|DATABASE|DBNAME|USER|USERNAME|PASSWORD|PASS|PWD)$`),
	pave.KindCache:    regexp.MustCompile(`^(?:APP_)?(?:REDIS|CACHE)_?(URL|URI|HOST|HOSTNAME|PORT|USER|USERNAME|PASSWORD|PASS)$`),
	pave.KindQueue:    regexp.MustCompile(`^(?:APP_)?(?:NATS|QUEUE|RABBITMQ|AMQP|RABBIT)_?(URL|URI|HOST|HOSTNAME|PORT|USER|USERNAME|PASSWORD|PASS)$`),
	pave.KindBucket:   regexp.MustCompile(`^(?:APP_)?(?:S3|MINIO|BUCKET|AWS|AWS_S3)_?(ENDPOINT|ENDPOINT_URL|BUCKET|BUCKET_NAME|NAME|REGION|ACCESS_KEY|ACCESS_KEY_ID|SECRET_KEY|SECRET_ACCESS_KEY|ROOT_USER|ROOT_PASSWORD)$`),
}

// outputOf are the outputs of a resource by how code calls them.
var outputOf = map[string]string{"URL": "url", "URI": "url", "DSN": "url", "HOST": "host", "HOSTNAME": "host", "SERVER": "host", "PORT": "port",
	"NAME": "name", "DB": "name", "DATABASE": "name", "DBNAME": "name", "USER": "user", "USERNAME": "user", "PASSWORD": "password", "PASS": "password", "PWD": "password",
	"ENDPOINT": "endpoint", "ENDPOINT_URL": "endpoint", "BUCKET": "name", "BUCKET_NAME": "name", "REGION": "region", "ACCESS_KEY": "user", "ACCESS_KEY_ID": "user",
	"SECRET_KEY": "password", "SECRET_ACCESS_KEY": "password", "ROOT_USER": "user", "ROOT_PASSWORD": "password"}

// variablesOf are the variables of a service: those that were given, and references to
// its backings under the names by which the code asks for them.
func variablesOf(pipe pipeline.Pipeline, want pave.Wanted, given map[string]string) map[string]string {
	out := maps.Clone(given)
	for kind, names := range connection {
		if want.Engine(kind) == "" {
			continue
		}
		for _, v := range pipe.Vars {
			m := names.FindStringSubmatch(v.Name)
			_, secret := want.Settings.Secrets[v.Name]
			if _, set := out[v.Name]; m == nil || set || isBackings(want, v.Name) || secret || pave.CheckVariable(v.Name) != nil {
				continue
			}
			if out == nil {
				out = map[string]string{}
			}
			out[v.Name] = fmt.Sprintf("${{ resources.%s.%s }}", kind, outputOf[m[1]])
		}
	}
	return out
}
