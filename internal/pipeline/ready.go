package pipeline

import (
	"regexp"
	"slices"
	"strings"
)

// readyPaths in the order of what they say: ready to serve, healthy, alive.
var readyPaths = []string{"/health/ready", "/ready", "/readyz", "/readiness", "/healthz", "/health", "/healthcheck", "/health-check", "/-/healthy",
	"/_health", "/api/health", "/api/healthz", "/api/v1/health", "/health/live", "/livez", "/live", "/ping", "/status", "/up"}

// routes find a path that is registered at the top of an application: below a
// router of its own it would have a prefix that is not in the line.
var routes = map[string]*regexp.Regexp{
	".go": regexp.MustCompile(`\b(?:mux|http|router|r|e|app|server|srv|s|engine|api)\.(?:\w+\.)?(?:HandleFunc|Handle|GET|Get|Any|All)\(\s*"(?:GET )?(/[\w/.-]*)"`),
	".js": regexp.MustCompile(`\b(?:app|server|fastify|instance)\.(?:get|all|use)\(\s*["'` + "`" + `](/[\w/.-]*)["'` + "`" + `]`),
	".py": regexp.MustCompile(`@(?:app|application|server|api)\.(?:get|route|api_route)\(\s*["'](/[\w/.-]*)["']`),
}

// pathTests find a path that a plain server compares with.
var pathTests = map[string]*regexp.Regexp{
	".js": regexp.MustCompile(`(?:\burl|pathname|path)\s*===?\s*["'](/[\w/.-]*)["']|\bcase\s+["'](/[\w/.-]*)["']`),
	".py": regexp.MustCompile(`\bpath\s*==\s*["'](/[\w/.-]*)["']|\bpath\s+in\s+[(\[{]["'](/[\w/.-]*)["']`),
	".go": regexp.MustCompile(`URL\.Path\s*==\s*"(/[\w/.-]*)"|\bcase\s+"(/[\w/.-]*)"`),
}

// grouped says that Go's routes of a file may have a prefix.
var grouped = regexp.MustCompile(`\.(?:Route|Group|Mount|PathPrefix)\(\s*"/[^"]`)

// findReady says when the service may serve: at a health path of the code or the
// Dockerfile, else when its port takes a connection.
func (p *Pipeline) findReady(f *found, r *repo) {
	if f.ready != "" {
		p.Ready = f.ready
		return
	}
	best, fact := len(readyPaths), Fact{}
	take := func(word string, at Fact) {
		if i := slices.Index(readyPaths, strings.TrimSuffix(word, "/")); i >= 0 && i < best {
			best, fact = i, at
		}
	}
	r.each(f.sources, func(file string, n int, line string) bool {
		if !strings.Contains(line, "/") {
			return false
		}
		ext := kindOf(file)
		for _, re := range []*regexp.Regexp{routes[ext], pathTests[ext]} {
			if re == nil || re == routes[".go"] && grouped.MatchString(r.read(file)) {
				continue
			}
			if m := re.FindStringSubmatch(line); m != nil {
				take(strings.Join(m[1:], ""), factAt("ready", file, n, line))
			}
		}
		return false
	})
	if best < len(readyPaths) {
		p.Ready = readyPaths[best]
		p.Evidence = append(p.Evidence, fact)
		return
	}
	p.readyOfDocker(r)
	if p.Ready == "" {
		p.Ready = TCP
		p.fact("ready", "", 0, "no health path found: it is ready when its port takes a connection")
	}
}

var checkURL = regexp.MustCompile(`https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::[\w${}:-]+)?(/[\w/.-]*)`)

func (p *Pipeline) readyOfDocker(r *repo) {
	d, err := readDockerfile(r)
	if d == nil || err != nil {
		return
	}
	if m := checkURL.FindStringSubmatch(d.health.rest); m != nil {
		p.Ready = m[1]
		p.fact("ready", d.name, d.health.line, "HEALTHCHECK "+d.health.rest)
	}
}
