package pipeline

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxVars is how many variables of a repository are told.
const maxVars = 200

// varReads find reads of environment variables, by the ending of a file. The first
// group is the name, the second what follows.
var varReads = map[string][]*regexp.Regexp{
	".go": {
		regexp.MustCompile(`os\.(?:Getenv|LookupEnv)\("(\w+)"(.*)`),
		regexp.MustCompile(`\b(?i:(?:get|lookup|must|read)?env\w*)\("([A-Z][A-Z0-9_]+)"(.*)`),
		regexp.MustCompile("\\b(?:env|envconfig|split_words):\"([A-Z][A-Z0-9_]+)[\",](.*)"),
		regexp.MustCompile(`viper\.BindEnv\((?:"[^"]*",\s*)?"([A-Z][A-Z0-9_]+)"(.*)`),
	},
	".js": {
		regexp.MustCompile(`process\.env\.([A-Za-z_]\w*)(.*)`),
		regexp.MustCompile(`process\.env\[["'](\w+)["']\](.*)`),
		regexp.MustCompile(`\benv\w*\.([A-Z][A-Z0-9_]+)\b(.*)`),
		regexp.MustCompile(`\b(?:Deno|Bun)\.env\.(?:get\(["'])?(\w+)(.*)`),
		regexp.MustCompile(`[cC]onfig(?:Service)?\.get(?:<\w+>)?\(["']([A-Z][A-Z0-9_]+)["'](.*)`),
	},
	".py": {
		regexp.MustCompile(`os\.environ\[["'](\w+)["']\](.*)`),
		regexp.MustCompile(`(?:os\.)?(?:environ\.get|getenv)\(\s*["'](\w+)["'](.*)`),
		regexp.MustCompile(`\b(?:config|env(?:\.\w+)?)\(\s*["']([A-Z][A-Z0-9_]+)["'](.*)`),
	},
	".java": {regexp.MustCompile(`System\.getenv\(\s*"(\w+)"(.*)`)},
	".yml":  {regexp.MustCompile(`\$\{([A-Z][A-Z0-9_]+)(.*)`)},
}

// sameReads are endings read as another one.
var sameReads = map[string]string{".mjs": ".js", ".cjs": ".js", ".ts": ".js", ".mts": ".js", ".cts": ".js", ".jsx": ".js", ".tsx": ".js",
	".kt": ".java", ".yaml": ".yml", ".properties": ".yml"}

// fallback follows a read that does without the variable.
var fallback = regexp.MustCompile(`^["']?\s*(?:,\s*\S|:[^}])|^["']?\)?\s*(?:\|\||\?\?|or\b|.*\b(?:default|envDefault))`)

// given are variables that every program has, or that pave or a tool sets.
var given = []string{"HOST", "NODE_ENV", "HOME", "PATH", "USER", "PWD", "TMPDIR", "TMP", "TEMP", "CI", "HOSTNAME", "TERM", "SHELL", "LANG", "TZ",
	"SERVICE_NAME", "SERVICE_VERSION", "PAVE_ENVIRONMENT", "PAVE_TEAM", "PAVE_RELEASE", "PAVE_TOKEN_FILE", "DJANGO_SETTINGS_MODULE",
	"VERCEL", "NO_COLOR", "FORCE_COLOR", "PYTHONPATH", "JEST_WORKER_ID", "GOPATH", "GOOS", "GOARCH", "APPDATA", "USERPROFILE"}

// mayRead is a quick look that spares most lines the slow one.
func mayRead(line string) bool {
	return strings.Contains(line, "env") || strings.Contains(line, "Env") || strings.Contains(line, "onfig") || strings.Contains(line, "${")
}

// kindOf is the ending a file is read as: a program without one counts as that of
// its first line.
func kindOf(file string) string {
	ext := path.Ext(file)
	if ext == "" {
		return ".js" // bin/www: programs of other languages are named
	}
	return orElse(sameReads[ext], ext)
}

// findVars lists the variables that code reads, each at its first place.
func findVars(r *repo, files []string) []Var {
	var out []Var
	seen := map[string]int{}
	r.each(files, func(file string, n int, line string) bool {
		if !mayRead(line) {
			return false
		}
		for _, re := range varReads[kindOf(file)] {
			m := re.FindStringSubmatch(line)
			for left := 8; m != nil && left > 0; left-- {
				v := Var{Name: m[1], Default: fallback.MatchString(m[2]), File: file, Line: n}
				if i, ok := seen[v.Name]; ok {
					out[i].Default = out[i].Default || v.Default
				} else if !slices.Contains(given, v.Name) && len(v.Name) <= 64 && !strings.HasPrefix(v.Name, "VITE_") {
					seen[v.Name] = len(out)
					out = append(out, v)
				}
				m = re.FindStringSubmatch(m[2])
			}
		}
		return len(out) >= maxVars
	})
	sortVars(out)
	return out
}

// otherServers are words in the names of ports that a program speaks to, or that
// are not where it serves HTTP.
var otherServers = []string{"DB", "DATABASE", "POSTGRES", "POSTGRESQL", "PG", "MYSQL", "MARIADB", "SQL", "MSSQL", "REDIS", "CACHE", "MONGO", "MONGODB", "SMTP", "MAIL", "MAILER",
	"EMAIL", "RABBIT", "RABBITMQ", "AMQP", "KAFKA", "METRICS", "PROMETHEUS", "DEBUG", "DEBUGGER", "ADMIN", "PROXY", "LDAP", "MEMCACHED", "ELASTIC", "ELASTICSEARCH", "ES",
	"SSH", "FTP", "MQTT", "NATS", "CONSUL", "GRPC", "HTTPS", "TLS", "SSL", "CLIENT", "FRONTEND", "UI", "STATSD", "DD", "JAEGER", "OTEL", "REMOTE", "TARGET", "UPSTREAM",
	"MINIO", "S3", "VAULT", "ETCD", "ZIPKIN", "SENTRY", "VITE", "HMR", "WEBPACK", "INSPECT", "SFTP", "IMAP", "INFLUX", "CLICKHOUSE", "CASSANDRA", "NEO4J", "PEER", "GOSSIP", "DNS"}

var ownPort = []string{"PORT", "HTTP_PORT", "SERVER_PORT", "APP_PORT", "API_PORT", "WEB_PORT", "LISTEN_PORT", "SERVICE_PORT", "NODE_PORT"}

// addressName is the name of a variable that holds host and port.
var addressName = regexp.MustCompile(`^(?:\w+_)?(?:ADDR|ADDRESS|LISTEN|BIND|LISTEN_ON)$`)

// portVar is the variable the program reads its port from.
func portVar(vars []Var) (Var, bool) {
	best, rank := Var{}, 99
	for _, v := range vars {
		at := slices.Index(ownPort, v.Name)
		words := strings.Split(strings.ToUpper(v.Name), "_")
		switch {
		case at >= 0:
		case slices.ContainsFunc(words, func(w string) bool { return slices.Contains(otherServers, w) }):
			continue
		case words[len(words)-1] == "PORT":
			at = 20
		case addressName.MatchString(v.Name) && !strings.Contains(v.Name, "IP_"):
			at = 30
		default:
			continue
		}
		if at < rank {
			best, rank = v, at
		}
	}
	return best, rank < 99
}

// portValue is what a port variable is set to.
func portValue(name string) string {
	if addressName.MatchString(name) {
		return hostMark + ":" + portMark
	}
	return portMark
}
