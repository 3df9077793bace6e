package api

import (
	"context"

	"net/http"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// maxArchive is how large the archive of a template may be, in bytes.
const maxArchive = 33 << 20

// archiveBody marks a route whose body is a zip.
type archiveBody struct{}

// templateRef names a template: names and digests fit a path, addresses do not.
type templateRef struct {
	Ref string `query:"ref" required:"true" maxLength:"2000" doc:"name, alias, NAME@VERSION, digest or address"`
}

// templateRoutes are about golden paths.
func (s *server) templateRoutes() {
	p := s.Platform
	handle(s, operation{"GET", "/v1/templates", "list-templates", "Golden paths", access.Read, 0, nil},
		func(ctx context.Context, in *pageOnly) (*list[pave.Template], error) {
			return paged(in.Page, byTemplate)(p.ListTemplates(ctx))
		})
	handle(s, operation{"GET", "/v1/templates/{name}", "get-template", "A golden path: inputs, resources, files, versions, who uses it", access.Read, 0, nil},
		func(ctx context.Context, in *byName) (*one[pave.TemplateDetail], error) {
			return oneOf(p.Template(ctx, in.Name))
		})
	handle(s, operation{"GET", "/v1/template", "find-template", "A golden path by address or any other reference", access.Bring, 0, nil},
		func(ctx context.Context, in *templateRef) (*one[pave.TemplateDetail], error) {
			return oneOf(p.Template(ctx, in.Ref))
		})
	handle(s, operation{"POST", "/v1/templates", "upload-template", "Keep a template, sent as a zip of its folder", access.Bring, http.StatusCreated, archiveBody{}},
		func(ctx context.Context, in *struct {
			Name    string `query:"name" maxLength:"200" doc:"what it is called if it does not say"`
			RawBody []byte `contentType:"application/zip"`
		}) (*one[pave.TemplateDetail], error) {
			return oneOf(p.UploadTemplate(ctx, in.Name, in.RawBody))
		})
	handle(s, operation{"GET", "/v1/template-sources", "list-template-sources", "Where golden paths were imported from", access.Read, 0, nil},
		func(ctx context.Context, in *pageOnly) (*list[pave.TemplateSource], error) {
			return paged(in.Page, byAddress)(p.TemplateSources(ctx))
		})
	handle(s, operation{"POST", "/v1/template-sources", "import-templates", "Let all templates at an address serve", access.Admin, http.StatusCreated, nil},
		func(ctx context.Context, in *struct {
			Body struct {
				Address string `json:"address" minLength:"1" maxLength:"2000"`
			}
		}) (*one[pave.TemplateImport], error) {
			return oneOf(p.ImportTemplates(ctx, in.Body.Address))
		})
	handle(s, operation{"DELETE", "/v1/template-sources", "forget-templates", "Let the templates of an address serve no longer", access.Admin, http.StatusNoContent, nil},
		func(ctx context.Context, in *struct {
			Address string `query:"address" required:"true" maxLength:"2000"`
		}) (*struct{}, error) {
			return nil, p.ForgetTemplates(ctx, in.Address)
		})
}
