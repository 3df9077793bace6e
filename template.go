package pave

import "time"

// Template is the view of a golden path.
type Template struct {
	Name        string   `json:"name"`
	Version     string   `json:"version"`
	Format      string   `json:"format"` // pave or cookiecutter
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Owner       string   `json:"owner"`
	Aliases     []string `json:"aliases,omitempty"`
	Source      string   `json:"source"`
	Inputs      []string `json:"inputs,omitempty"`
	Resources   []string `json:"resources,omitempty"`
	Files       int      `json:"files"`
	Error       string   `json:"error,omitempty"` // of a newer, broken version that does not serve
}

// TemplateDetail is all there is to know of one golden path.
type TemplateDetail struct {
	Template
	Digest   string            `json:"digest"`
	Fields   []TemplateInput   `json:"fields,omitempty"`
	Tree     []string          `json:"tree,omitempty"` // files of an example
	Notes    []string          `json:"notes,omitempty"`
	Versions []TemplateVersion `json:"versions,omitempty"` // newest first
	Services []TemplateUse     `json:"services,omitempty"` // made from it
}

// TemplateInput is one value a golden path asks for.
type TemplateInput struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Description string   `json:"description,omitempty"`
	Rule        string   `json:"rule"`
	Default     string   `json:"default,omitempty"`
	Choices     []string `json:"choices,omitempty"`
	Required    bool     `json:"required"`
}

// TemplateVersion is one version of a golden path that is kept.
type TemplateVersion struct {
	Version string    `json:"version"`
	Digest  string    `json:"digest"`
	Format  string    `json:"format"`
	Source  string    `json:"source"`
	Commit  string    `json:"commit,omitempty"`
	Created time.Time `json:"created"` // first seen here
}

// TemplateUse is a service that was made from a golden path.
type TemplateUse struct {
	Service Name   `json:"service"`
	Team    Name   `json:"team"`
	Version string `json:"version"`
}

// TemplateSource is where golden paths were imported from.
type TemplateSource struct {
	Address string    `json:"address"`
	Commit  string    `json:"commit,omitempty"`
	Error   string    `json:"error,omitempty"` // of the last look
	Actor   string    `json:"actor"`
	Created time.Time `json:"created"`
	Checked time.Time `json:"checked"`
}

// How a template fared in an import.
const (
	ImportWorks  = "works"
	ImportNotes  = "works with notes"
	ImportCannot = "cannot"
)

// TemplateImport is the report of an import.
type TemplateImport struct {
	Source    string             `json:"source"`
	Commit    string             `json:"commit,omitempty"`
	Templates []ImportedTemplate `json:"templates"`
}

// ImportedTemplate says how one template fared.
type ImportedTemplate struct {
	Folder  string   `json:"folder"`
	Name    string   `json:"name,omitempty"`
	Version string   `json:"version,omitempty"`
	Format  string   `json:"format,omitempty"`
	Result  string   `json:"result"`
	Notes   []string `json:"notes,omitempty"`
	Error   string   `json:"error,omitempty"`
	Hint    string   `json:"hint,omitempty"`
	Serving string   `json:"serving,omitempty"` // version that goes on serving in its place
}
