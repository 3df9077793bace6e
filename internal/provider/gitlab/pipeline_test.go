package gitlab

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/resource"
)

// A pipeline is what the test reads of the file.
type pipeline struct {
	Check struct {
		Image     string            `json:"image"`
		Needs     []string          `json:"needs"`
		Script    []string          `json:"script"`
		Variables map[string]string `json:"variables"`
		Services  []struct {
			Name  string `json:"name"`
			Alias string `json:"alias"`
		} `json:"services"`
	} `json:"check"`
	Install struct {
		Artifacts struct {
			Paths []string `json:"paths"`
		} `json:"artifacts"`
	} `json:"install pave"`
}

func TestWorkflow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		files  string
		spec   resource.RepositorySpec
		image  string
		hosts  string // that services have
	}{
		{"Go, with all there is", "go.mod main.go", resource.RepositorySpec{Database: "postgresql", Cache: "redis"}, "golang:1.26", "postgres redis"},
		{"Node", "package.json", resource.RepositorySpec{Database: "postgresql"}, "node:22", "postgres"},
		{"Go with a page", "package.json go.mod", resource.RepositorySpec{}, "golang:1.26", ""},
		{"Python", "requirements.txt", resource.RepositorySpec{Cache: "redis"}, "python:3.12", "redis"},
		{"deep down is not the first folder", "web/package.json", resource.RepositorySpec{}, "golang:1.26", ""},
		{"nothing known", "README.md", resource.RepositorySpec{Database: "mysql"}, "golang:1.26", "mariadb"},
		{"a queue by NATS", "go.mod", resource.RepositorySpec{Queue: "nats"}, "golang:1.26", "nats"},
		{"a queue by RabbitMQ", "go.mod", resource.RepositorySpec{Cache: "redis", Queue: "rabbitmq"}, "golang:1.26", "redis rabbitmq"},
		{"made by a module", "go.mod", resource.RepositorySpec{Database: "mongodb", Queue: "kafka"}, "golang:1.26", ""},
	} {
		var tree []git.File
		for f := range strings.FieldsSeq(c.files) {
			tree = append(tree, git.File{Path: f})
		}
		f := (&Host{}).Workflow(c.spec, tree)
		var p pipeline
		if err := yaml.Unmarshal(f.Data, &p); err != nil || f.Path != ".gitlab-ci.yml" {
			t.Fatalf("%s: %s: %v\n%s", c.reason, f.Path, err, f.Data)
		}
		var hosts []string
		for _, s := range p.Check.Services {
			hosts = append(hosts, s.Alias)
			all := ""
			for _, v := range p.Check.Variables {
				all += v
			}
			if !strings.Contains(all, s.Alias+":") {
				t.Errorf("%s: no variable leads to %s", c.reason, s.Alias)
			}
		}
		if p.Check.Image != c.image || strings.Join(hosts, " ") != c.hosts || len(p.Check.Script) != 1 || p.Check.Script[0] != p.Install.Artifacts.Paths[0]+" ci" {
			t.Errorf("%s: %+v", c.reason, p.Check)
		}
	}
}

// What other programs judge is what is generated: test/oracle/gitlabci reads this file.
func TestWorkflowOfOracle(t *testing.T) {
	t.Parallel()
	const file = "../../../test/oracle/gitlabci/gitlab-ci.yml"
	got := (&Host{}).Workflow(resource.RepositorySpec{Database: "postgresql", Cache: "redis", Queue: "nats"}, []git.File{{Path: "package.json"}}).Data
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %v: it is not\n%s(UPDATE=1 writes it)", file, err, got)
	}
}
