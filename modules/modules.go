// Package modules holds the Terraform modules that ship with pave, embedded: what it
// takes to have a database, a cache, a bucket or an identity at a cloud in the way that
// the standards ask for. They are plain modules; anybody may copy one and go on from it.
package modules

import (
	"embed"

	"github.com/pave-platform/pave"
)

// FS has a folder for each module.
//
//go:embed aws-* gcp-*
var FS embed.FS

// A Module is one of the folders.
type Module struct {
	Name string
	Kind string // of resource that it makes
	// Engine in pave's words, "" where there is no choice of one.
	Engine string
}

// All are the modules, by name.
var All = []Module{
	{"aws-elasticache", pave.KindCache, "redis"},
	{"aws-rds-mysql", pave.KindDatabase, "mysql"},
	{"aws-rds-postgresql", pave.KindDatabase, "postgresql"},
	{"aws-s3-bucket", pave.KindBucket, "s3"},
	{"aws-service-identity", pave.KindRole, ""},
	{"gcp-cloud-sql-mysql", pave.KindDatabase, "mysql"},
	{"gcp-cloud-sql-postgresql", pave.KindDatabase, "postgresql"},
	{"gcp-gcs-bucket", pave.KindBucket, "s3"},
	{"gcp-memorystore", pave.KindCache, "redis"},
	{"gcp-service-identity", pave.KindRole, ""},
}
