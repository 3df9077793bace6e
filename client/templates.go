package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/pave-platform/pave"
)

// ListTemplates returns the golden paths.
func (c *Client) ListTemplates(ctx context.Context) ([]pave.Template, error) {
	return list[pave.Template](ctx, c, "/v1/templates", nil)
}

// Template returns all there is to know of a golden path.
func (c *Client) Template(ctx context.Context, ref string) (pave.TemplateDetail, error) {
	return get[pave.TemplateDetail](ctx, c, "/v1/template", url.Values{"ref": {ref}})
}

// TemplateSources returns where golden paths were imported from.
func (c *Client) TemplateSources(ctx context.Context) ([]pave.TemplateSource, error) {
	return list[pave.TemplateSource](ctx, c, "/v1/template-sources", nil)
}

// UploadTemplate keeps a template, sent as a zip. It may be repeated.
func (c *Client) UploadTemplate(ctx context.Context, name string, archive []byte) (pave.TemplateDetail, error) {
	var out pave.TemplateDetail
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/templates", query: url.Values{"name": {name}}, body: zipBody(archive), repeat: true}, &out)
	return out, err
}

// zipBody is a body that is sent as it is.
type zipBody []byte

// ImportTemplates lets all templates at an address serve. It may be repeated.
func (c *Client) ImportTemplates(ctx context.Context, address string) (pave.TemplateImport, error) {
	var out pave.TemplateImport
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/template-sources", body: map[string]string{"address": address}, repeat: true}, &out)
	return out, err
}

// ForgetTemplates lets the templates of an address serve no longer.
func (c *Client) ForgetTemplates(ctx context.Context, address string) error {
	k := keyed(http.MethodDelete, "/v1/template-sources", nil)
	k.query = url.Values{"address": {address}}
	return c.do(ctx, k, nil)
}
