package server

import (
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/pipeline"
	"github.com/pave-platform/pave/internal/provider/embedded"
	"github.com/pave-platform/pave/internal/provider/mysql"
	"github.com/pave-platform/pave/internal/provider/postgres"
	"github.com/pave-platform/pave/internal/provider/rabbitmq"
	"github.com/pave-platform/pave/internal/provider/redis"
	"github.com/pave-platform/pave/internal/resource"
)

// A backing makes what services ask for, and throw-away ones for tests.
type backing interface {
	resource.Driver
	pipeline.Scratch
}

// backings are what makes the engines of the catalogue on this machine.
func backings(n *node.Client, postgresURL pave.Secret, derive func(purpose, id string) pave.Secret) map[string]backing {
	return map[string]backing{
		"postgresql": &postgres.Driver{Node: n, URL: postgresURL, Derive: derive},
		"mysql":      &mysql.Driver{Node: n, Derive: derive},
		"redis":      &redis.Driver{Node: n, Derive: derive},
		"nats":       embedded.NATS(n, derive),
		"rabbitmq":   &rabbitmq.Driver{Node: n, Derive: derive},
		"s3":         embedded.S3(n, derive),
	}
}
