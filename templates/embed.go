// Package templates holds the golden paths that pave ships, one folder each, in
// the form package template reads. Every file of a skeleton ends in .jinja or .raw:
// the go command would compile what ends in .go, and embed refuses a folder with a
// go.mod.
package templates

import "embed"

// FS has a folder for each template.
//
//go:embed all:go-http all:node-express all:python-service all:static-site all:worker
var FS embed.FS
