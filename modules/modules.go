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
}

// All are the modules, by name.
var All = []Module{
	{"aws-elasticache", pave.KindCache},
	{"aws-rds-mysql", pave.KindDatabase},
	{"aws-rds-postgresql", pave.KindDatabase},
	{"aws-s3-bucket", "bucket"},
	{"aws-service-identity", pave.KindIdentity},
	{"gcp-cloud-sql-mysql", pave.KindDatabase},
	{"gcp-cloud-sql-postgresql", pave.KindDatabase},
	{"gcp-gcs-bucket", "bucket"},
	{"gcp-memorystore", pave.KindCache},
	{"gcp-service-identity", pave.KindIdentity},
}
