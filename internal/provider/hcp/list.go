package hcp

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/go-tfe"
	"github.com/pave-platform/pave/internal/resource"
)

// List has the workspaces of pave in all organizations that were ever bound.
func (d *Driver) List(ctx context.Context) ([]resource.Found, error) {
	bounds, err := d.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	failed := map[string]error{} // by place; nil once it was listed
	var out []resource.Found
	for _, b := range bounds {
		place := b.Settings["url"] + " " + b.Settings["org"]
		if err, tried := failed[place]; tried && err == nil { // a binding that signs in another way
			continue
		}
		var found []resource.Found
		if found, failed[place] = d.listBy(ctx, b); failed[place] == nil {
			out = append(out, found...)
		}
	}
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d *Driver) listBy(ctx context.Context, b resource.Bound) ([]resource.Found, error) {
	opened, err := b.Open(ctx, d.Vault)
	if err != nil {
		return nil, err
	}
	c, err := d.dial(opened)
	if err != nil {
		return nil, err
	}
	all, err := c.workspaces(ctx, workspacePrefix)
	var out []resource.Found
	for _, ws := range all {
		if id := strings.TrimPrefix(ws.Name, workspacePrefix); strings.HasPrefix(id, "res_") {
			out = append(out, resource.Found{ID: id, ExternalID: ws.Name})
		}
	}
	return out, err
}

// workspaces are those whose names begin with a text.
func (c *client) workspaces(ctx context.Context, prefix string) ([]*tfe.Workspace, error) {
	var out []*tfe.Workspace
	for page := 1; page > 0; {
		list, err := c.api.Workspaces.List(ctx, c.org, &tfe.WorkspaceListOptions{Search: prefix, ListOptions: tfe.ListOptions{PageNumber: page, PageSize: 100}})
		if err != nil {
			return nil, c.failed("list the workspaces of "+c.org, err)
		}
		for _, ws := range list.Items {
			if strings.HasPrefix(ws.Name, prefix) { // the search finds parts of names
				out = append(out, ws)
			}
		}
		page = 0
		if list.Pagination != nil && len(list.Items) > 0 {
			page = list.NextPage
		}
	}
	return out, nil
}

// planName is the name of a workspace that only plans: others of people stay.
var planName = regexp.MustCompile(`^` + workspacePrefix + planPrefix + `[0-9a-hjkmnp-tv-z]{26}$`)

// tidy removes workspaces that plans have left behind whose server died. It is no matter
// where that fails: the next plan does it.
func (c *client) tidy(ctx context.Context) {
	old, err := c.workspaces(ctx, workspacePrefix+planPrefix)
	if err != nil {
		return
	}
	for _, ws := range old {
		if planName.MatchString(ws.Name) && time.Since(ws.CreatedAt) > 2*runTime {
			_ = c.api.Workspaces.SafeDeleteByID(ctx, ws.ID)
		}
	}
}
