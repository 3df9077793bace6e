package gitlab

import (
	"bytes"
	"fmt"
	"path"

	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/resource"
)

var _ githost.Starter = (*Host)(nil)

// images are what a job runs in, by a file in the first folder of a repository. The first
// that is there counts.
var images = []struct{ file, image string }{
	{"go.mod", "golang:1.26"},
	{"package.json", "node:22"},
	{"pyproject.toml", "python:3.12"},
	{"requirements.txt", "python:3.12"},
	{"pom.xml", "maven:3-eclipse-temurin-21"},
	{"build.gradle", "gradle:8-jdk21"},
	{"build.gradle.kts", "gradle:8-jdk21"},
}

const builder = "golang:1.26" // builds pave itself

func image(tree []git.File) string {
	for _, i := range images {
		for _, f := range tree {
			if path.Clean(f.Path) == i.file {
				return i.image
			}
		}
	}
	return builder
}

// head is the same in all pipelines: branches that nobody asks about have none, and a
// newer commit ends the pipeline of the one before.
const head = `# The platform's own pipeline, run by GitLab: pave ci finds the steps in the repository
# (say them with: pave ci --list). What it says here only is where they run.
workflow:
  auto_cancel:
    on_new_commit: interruptible
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH

default:
  interruptible: true

variables:
  PAVE_VERSION:
    value: latest
    description: version of pave, such as v1.2.3

install pave:
  stage: .pre
  image: ` + builder + `
  timeout: 15 minutes
  script:
    - CGO_ENABLED=0 GOBIN="$CI_PROJECT_DIR/.pave-bin" go install "github.com/pave-platform/pave/cmd/pave@$PAVE_VERSION"
  artifacts:
    paths: [.pave-bin/pave]
    expire_in: 1 day

check:
  stage: test
  needs: [install pave]
  image: %s
  timeout: 15 minutes
`

// backings are what runs beside the tests of a service that has such an engine: services
// find their own settings among the variables of the job.
var backings = []struct{ engine, service, variables string }{
	{"postgresql", "    - name: postgres:15\n      alias: postgres\n",
		"    POSTGRES_PASSWORD: test\n    DATABASE_URL: postgres://postgres:test@postgres:5432/postgres\n"},
	{"mysql", "    - name: mariadb:10.11\n      alias: mariadb\n",
		"    MARIADB_DATABASE: test\n    MARIADB_USER: test\n    MARIADB_PASSWORD: test\n    MARIADB_RANDOM_ROOT_PASSWORD: \"1\"\n" +
			"    DATABASE_URL: mysql://test:test@mariadb:3306/test\n"},
	{"redis", "    - name: redis:7\n      alias: redis\n", "    REDIS_URL: redis://redis:6379\n"},
	{"nats", "    - name: nats:2\n      alias: nats\n      command: [\"--jetstream\"]\n", "    QUEUE_URL: nats://nats:4222\n"},
	{"rabbitmq", "    - name: rabbitmq:3.13\n      alias: rabbitmq\n",
		"    RABBITMQ_DEFAULT_USER: test\n    RABBITMQ_DEFAULT_PASS: test\n    QUEUE_URL: amqp://test:test@rabbitmq:5672\n"},
}

// Workflow is the pipeline that runs pave ci. Where the service has a database, a cache or
// a queue its tests have one.
func (h *Host) Workflow(s resource.RepositorySpec, tree []git.File) git.File {
	var b bytes.Buffer
	fmt.Fprintf(&b, head, image(tree))
	var services, vars string
	for _, one := range backings {
		if one.engine == s.Database || one.engine == s.Cache || one.engine == s.Queue {
			services += one.service
			vars += one.variables
		}
	}
	if services != "" {
		b.WriteString("  services:\n" + services + "  variables:\n" + vars)
	}
	b.WriteString("  script:\n    - .pave-bin/pave ci\n")
	return git.File{Path: ".gitlab-ci.yml", Mode: 0o644, Data: b.Bytes()}
}
