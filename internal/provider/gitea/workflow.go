package gitea

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/resource"
)

var _ githost.Starter = (*Host)(nil)

// ownFolder is where the workflow goes that a tree without any gets.
const ownFolder = ".gitea/workflows"

// folders are where servers look for workflows, in their order: they read the first that is
// there, and nothing of the others. The first of these Forgejo alone knows.
var folders = []string{".forgejo/workflows", ownFolder, ".github/workflows"}

// folder is where a workflow of a tree has to be: elsewhere nobody would read it, or it
// would switch off those that are there.
func folder(tree []git.File) string {
	for _, dir := range folders {
		if slices.ContainsFunc(tree, func(f git.File) bool { return strings.HasPrefix(path.Clean(f.Path), dir+"/") }) {
			return dir
		}
	}
	return ownFolder
}

// head is the same in all workflows. Older servers pass over permissions and concurrency.
const head = `# Runs the platform's own pipeline: what the repository needs is detected, or written in
# .pave/pipeline.yaml. The platform reads the result back.
name: ci
on:
  push:
    branches: [main]
  pull_request:
permissions:
  contents: read
concurrency:
  group: ci-${{ github.ref }}
  cancel-in-progress: true
jobs:
  check:
    runs-on: ${{ vars.PAVE_RUNS_ON || 'ubuntu-latest' }}
    timeout-minutes: 15
`

// backings are what runs beside the tests of a service that has such an engine. Jobs are
// containers in one network with these, so that each is found by its name.
var backings = []struct{ engine, service, variable string }{
	{"postgresql", `      postgres:
        image: postgres:15
        env:
          POSTGRES_PASSWORD: test
        options: --health-cmd pg_isready --health-interval 2s --health-retries 15
`, "DATABASE_URL: postgres://postgres:test@postgres:5432/postgres"},
	{"mysql", `      mariadb:
        image: mariadb:10.11
        env:
          MARIADB_DATABASE: test
          MARIADB_USER: test
          MARIADB_PASSWORD: test
          MARIADB_RANDOM_ROOT_PASSWORD: "1"
        options: --health-cmd "healthcheck.sh --connect --innodb_initialized" --health-interval 2s --health-retries 15
`, "DATABASE_URL: mysql://test:test@mariadb:3306/test"},
	{"redis", `      redis:
        image: redis:7
        options: --health-cmd "redis-cli ping" --health-interval 2s --health-retries 15
`, "REDIS_URL: redis://redis:6379"},
	{"rabbitmq", `      rabbitmq:
        image: rabbitmq:3.13
        env:
          RABBITMQ_DEFAULT_USER: test
          RABBITMQ_DEFAULT_PASS: test
        options: --health-cmd "rabbitmq-diagnostics --quiet check_port_connectivity" --health-interval 5s --health-timeout 10s --health-retries 15
`, "QUEUE_URL: amqp://test:test@rabbitmq:5672"},
	{"nats", "", "QUEUE_URL: nats://127.0.0.1:4222"}, // by startNATS
}

// startNATS is a step, since an image of NATS has to be told of streams by an argument,
// which services of a workflow cannot have.
const startNATS = `      - name: start the queue
        shell: bash
        timeout-minutes: 5
        run: |
          GOBIN="$RUNNER_TEMP" go install github.com/nats-io/nats-server/v2@v2.15.3
          "$RUNNER_TEMP/nats-server" --addr 127.0.0.1 --jetstream --store_dir "$RUNNER_TEMP/nats" > "$RUNNER_TEMP/nats.log" 2>&1 &
          until (: < /dev/tcp/127.0.0.1/4222) 2> /dev/null; do sleep 0.2; done
`

// begin brings the code, and Go, which pave is built with and the images of runners have
// not. The newest one compiles what older ones do.
const begin = `    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          persist-credentials: false
      - uses: actions/setup-go@b7ad1dad31e06c5925ef5d2fc7ad053ef454303e # v7.0.0
        with:
          go-version: stable
          cache: false
`

// languages are what brings others, by files in the first folder of a repository.
var languages = []struct {
	files []string
	step  string
}{
	{[]string{"package.json"}, `      - uses: actions/setup-node@820762786026740c76f36085b0efc47a31fe5020 # v7.0.0
        with:
          node-version: "22"
`},
	{[]string{"pyproject.toml", "requirements.txt"}, `      - uses: actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0
        with:
          python-version: "3.12"
`},
	{[]string{"pom.xml", "build.gradle", "build.gradle.kts"}, `      - uses: actions/setup-java@b6effb05e454b25005698d916606bdc6ffcbf961 # v5.7.0
        with:
          distribution: temurin
          java-version: "21"
`},
}

const end = `      - name: install pave
        run: GOBIN="$RUNNER_TEMP" go install "github.com/pave-platform/pave/cmd/pave@$PAVE_VERSION"
      - name: pipeline
        run: |
          "$RUNNER_TEMP/pave" ci
`

// Workflow is the file that starts pave ci for every push to main and every pull request.
// Where the service has a database, a cache or a queue its tests have one.
func (h *Host) Workflow(s resource.RepositorySpec, tree []git.File) git.File {
	var services, vars, steps string
	for _, b := range backings {
		if b.engine == s.Database || b.engine == s.Cache || b.engine == s.Queue {
			services += b.service
			vars += "      " + b.variable + "\n"
		}
	}
	for _, l := range languages {
		if slices.ContainsFunc(tree, func(f git.File) bool { return slices.Contains(l.files, path.Clean(f.Path)) }) {
			steps += l.step
		}
	}
	if s.Queue == "nats" {
		steps += startNATS
	}
	var b bytes.Buffer
	b.WriteString(head)
	if services != "" {
		b.WriteString("    services:\n" + services)
	}
	fmt.Fprintf(&b, "    env:\n      PAVE_VERSION: ${{ vars.PAVE_VERSION || 'latest' }}\n%s%s%s%s", vars, begin, steps, end)
	return git.File{Path: path.Join(folder(tree), "ci.yaml"), Mode: 0o644, Data: b.Bytes()}
}
