package pipeline

import (
	"path"
	"slices"
	"strings"

	"github.com/pave-platform/pave/internal/yamlsize"
	"sigs.k8s.io/yaml"
)

// drivers by the text that names them in a file of dependencies.
var drivers = []struct{ text, kind, engine string }{
	{"github.com/lib/pq", "database", "postgresql"}, {"github.com/jackc/pgx", "database", "postgresql"}, {"gorm.io/driver/postgres", "database", "postgresql"},
	{`"pg"`, "database", "postgresql"}, {`"postgres"`, "database", "postgresql"}, {`"pg-promise"`, "database", "postgresql"}, {"psycopg", "database", "postgresql"},
	{"asyncpg", "database", "postgresql"}, {"org.postgresql", "database", "postgresql"}, {"pg8000", "database", "postgresql"},
	{"github.com/go-sql-driver/mysql", "database", "mysql"}, {"gorm.io/driver/mysql", "database", "mysql"}, {`"mysql2"`, "database", "mysql"}, {`"mysql"`, "database", "mysql"},
	{"mysqlclient", "database", "mysql"}, {"pymysql", "database", "mysql"}, {"mysql-connector", "database", "mysql"}, {`"mariadb"`, "database", "mysql"},
	{"go.mongodb.org/mongo-driver", "database", "mongodb"}, {`"mongodb"`, "database", "mongodb"}, {`"mongoose"`, "database", "mongodb"}, {"pymongo", "database", "mongodb"},
	{"spring-boot-starter-data-mongodb", "database", "mongodb"}, {"motor", "database", "mongodb"},
	{"github.com/redis/go-redis", "cache", "redis"}, {"github.com/go-redis/redis", "cache", "redis"}, {"github.com/gomodule/redigo", "cache", "redis"}, {`"redis"`, "cache", "redis"},
	{`"ioredis"`, "cache", "redis"}, {"redis", "cache", "redis"}, {"spring-boot-starter-data-redis", "cache", "redis"}, {"jedis", "cache", "redis"},
	{"memcache", "cache", "memcached"},
	{"github.com/rabbitmq/amqp091-go", "queue", "rabbitmq"}, {`"amqplib"`, "queue", "rabbitmq"}, {"pika", "queue", "rabbitmq"}, {"spring-boot-starter-amqp", "queue", "rabbitmq"},
	{"github.com/segmentio/kafka-go", "queue", "kafka"}, {`"kafkajs"`, "queue", "kafka"}, {"kafka-python", "queue", "kafka"}, {"spring-kafka", "queue", "kafka"},
	{"github.com/nats-io/nats.go", "queue", "nats"}, {`"nats"`, "queue", "nats"}, {`"@nats-io/transport-node"`, "queue", "nats"}, {"nats-py", "queue", "nats"},
	{"io.nats", "queue", "nats"},
	{"github.com/aws/aws-sdk-go-v2/service/s3", "bucket", "s3"}, {"github.com/minio/minio-go", "bucket", "s3"}, {`"@aws-sdk/client-s3"`, "bucket", "s3"},
	{`"minio"`, "bucket", "s3"}, {"minio", "bucket", "s3"}, {"io.minio", "bucket", "s3"},
}

// images of compose files.
var images = []struct{ text, kind, engine string }{
	{"postgres", "database", "postgresql"}, {"postgis", "database", "postgresql"}, {"timescale", "database", "postgresql"}, {"mysql", "database", "mysql"},
	{"mariadb", "database", "mysql"}, {"mongo", "database", "mongodb"}, {"redis", "cache", "redis"}, {"valkey", "cache", "redis"}, {"memcached", "cache", "memcached"},
	{"rabbitmq", "queue", "rabbitmq"}, {"kafka", "queue", "kafka"}, {"nats", "queue", "nats"}, {"elasticsearch", "search", "elasticsearch"}, {"minio", "bucket", "s3"},
	{"localstack", "bucket", "s3"}, {"seaweedfs", "bucket", "s3"},
}

// findNeeds lists each kind and engine once, at the place that says so first.
func findNeeds(r, root *repo, folder string) []Need {
	var out []Need
	add := func(n Need) {
		if !slices.ContainsFunc(out, func(o Need) bool { return o.Kind == n.Kind && o.Engine == n.Engine }) {
			out = append(out, n)
		}
	}
	for _, file := range []string{"go.mod", packageFile, "requirements.txt", "requirements/base.txt", "requirements/production.txt", "pyproject.toml", "Pipfile", "setup.py",
		"pom.xml", "build.gradle", "build.gradle.kts"} {
		r.each([]string{file}, func(file string, n int, line string) bool {
			for _, d := range drivers {
				if names(file, line, d.text) {
					text := shown(line)
					if file == packageFile {
						text = d.text // the whole file may be one line
					}
					add(Need{d.kind, d.engine, path.Join(folder, file), n, text})
				}
			}
			return false
		})
	}
	for _, n := range composeNeeds(root) {
		add(n)
	}
	return out
}

// names reports whether a line of a file of dependencies names a package.
func names(file, line, text string) bool {
	lower := strings.ToLower(line)
	if !strings.Contains(lower, text) {
		return false
	}
	switch quotedName := strings.HasPrefix(text, `"`); {
	case file == packageFile:
		return quotedName && strings.Contains(line, text+":")
	case strings.HasPrefix(file, "go."):
		return strings.Contains(text, "/") && !strings.Contains(line, "// indirect")
	case path.Ext(file) == ".xml" || strings.HasPrefix(file, "build.gradle"):
		return strings.ContainsAny(text, ".-") && !quotedName || text == "jedis"
	case quotedName || strings.Contains(text, "/"):
		return false
	}
	// Python: the name at the beginning of the line, or of a quoted word.
	i := strings.Index(lower, text)
	before := strings.TrimSpace(lower[:i])
	return before == "" || strings.HasSuffix(before, `"`) || strings.HasSuffix(before, `'`)
}

// compose is what counts of a compose file.
type compose struct {
	Services map[string]struct {
		Image string `json:"image"`
	} `json:"services"`
}

var composeFiles = []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml", "docker-compose.dev.yml", ".devcontainer/docker-compose.yml"}

// composeNeeds are the servers a compose file starts beside the program. It is
// evidence only: one that cannot be read says nothing.
func composeNeeds(r *repo) (out []Need) {
	for _, file := range composeFiles {
		text := r.read(file)
		if text == "" || len(text) > maxFile {
			continue
		}
		for _, name := range composeServices(text) {
			for _, i := range images {
				if strings.Contains(path.Base(name), i.text) {
					line := lineOf(text, name)
					out = append(out, Need{i.kind, i.engine, file, line, "image: " + shown(name)})
					break
				}
			}
		}
	}
	return out
}

// composeServices are the images of a compose file, by service.
func composeServices(text string) (out []string) {
	var c compose
	if yamlsize.Check([]byte(text)) != nil || yaml.Unmarshal([]byte(text), &c) != nil {
		return nil
	}
	for _, name := range keys(c.Services) {
		if image := c.Services[name].Image; image != "" {
			image, _, _ = strings.Cut(image, "@")
			out = append(out, image)
		}
	}
	return out
}
