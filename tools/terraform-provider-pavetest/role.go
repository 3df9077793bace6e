package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/jackc/pgx/v5"
)

// A role can log in with a password that the provider makes.
type role struct{ server server }

type roleModel struct {
	Name     types.String `tfsdk:"name"`
	Marker   types.String `tfsdk:"marker"`
	Limit    types.Int64  `tfsdk:"connection_limit"`
	Password types.String `tfsdk:"password"`
}

func (r *role) Metadata(_ context.Context, in resource.MetadataRequest, out *resource.MetadataResponse) {
	out.TypeName = in.ProviderTypeName + "_role"
}

func (r *role) Schema(_ context.Context, _ resource.SchemaRequest, out *resource.SchemaResponse) {
	fixed := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	out.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"name":             schema.StringAttribute{Required: true, PlanModifiers: fixed},
		"marker":           schema.StringAttribute{Required: true, Description: "says whose it is"},
		"connection_limit": schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(-1)},
		"password": schema.StringAttribute{Computed: true, Sensitive: true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}},
	}}
}

func (r *role) Configure(_ context.Context, in resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.server, _ = in.ProviderData.(server) // nil before the provider is configured
}

// find reads the comment and the limit of a role; found is false where there is none.
func (r *role) find(ctx context.Context, name string) (marker string, limit int64, found bool, err error) {
	err = r.server.do(ctx, func(c *pgx.Conn) error {
		return c.QueryRow(ctx, `SELECT coalesce(shobj_description(oid, 'pg_authid'), ''), rolconnlimit FROM pg_roles WHERE rolname = $1`,
			name).Scan(&marker, &limit)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", 0, false, nil
	}
	return marker, limit, err == nil, err
}

func (r *role) Create(ctx context.Context, in resource.CreateRequest, out *resource.CreateResponse) {
	var m roleModel
	out.Diagnostics.Append(in.Plan.Get(ctx, &m)...)
	if out.Diagnostics.HasError() {
		return
	}
	warning, err := fault("role.create")
	if warning != "" {
		out.Diagnostics.AddWarning("much to say", warning)
	}
	m.Password = types.StringValue(password())
	if err == nil {
		err = r.create(ctx, m)
	}
	if err == nil {
		_, err = fault("role.create.after")
	}
	if err != nil {
		out.Diagnostics.AddError("the role was not made", err.Error())
		return
	}
	out.Diagnostics.Append(out.State.Set(ctx, m)...)
}

func (r *role) create(ctx context.Context, m roleModel) error {
	name := m.Name.ValueString()
	marker, _, found, err := r.find(ctx, name)
	switch {
	case err != nil:
		return err
	case found && marker != m.Marker.ValueString():
		return fmt.Errorf("role %q already exists and is not ours", name)
	case found:
		return r.set(ctx, m)
	}
	return r.server.exec(ctx, fmt.Sprintf(`BEGIN; CREATE ROLE %s LOGIN PASSWORD %s CONNECTION LIMIT %d; COMMENT ON ROLE %[1]s IS %[4]s; COMMIT`,
		quote(name), text(m.Password.ValueString()), m.Limit.ValueInt64(), text(m.Marker.ValueString())))
}

func (r *role) set(ctx context.Context, m roleModel) error {
	return r.server.exec(ctx, fmt.Sprintf(`BEGIN; ALTER ROLE %s LOGIN PASSWORD %s CONNECTION LIMIT %d; COMMENT ON ROLE %[1]s IS %[4]s; COMMIT`,
		quote(m.Name.ValueString()), text(m.Password.ValueString()), m.Limit.ValueInt64(), text(m.Marker.ValueString())))
}

func (r *role) Read(ctx context.Context, in resource.ReadRequest, out *resource.ReadResponse) {
	var m roleModel
	out.Diagnostics.Append(in.State.Get(ctx, &m)...)
	if out.Diagnostics.HasError() {
		return
	}
	marker, limit, found, err := r.find(ctx, m.Name.ValueString())
	switch {
	case err != nil:
		out.Diagnostics.AddError("the role cannot be read", err.Error())
	case !found || !m.Marker.IsNull() && marker != m.Marker.ValueString():
		out.State.RemoveResource(ctx)
	default:
		m.Limit, m.Marker = types.Int64Value(limit), types.StringValue(marker)
		out.Diagnostics.Append(out.State.Set(ctx, m)...)
	}
}

func (r *role) Update(ctx context.Context, in resource.UpdateRequest, out *resource.UpdateResponse) {
	var m roleModel
	out.Diagnostics.Append(in.Plan.Get(ctx, &m)...)
	if out.Diagnostics.HasError() {
		return
	}
	if m.Password.IsUnknown() { // it was imported, and nobody can read the one it has
		m.Password = types.StringValue(password())
	}
	if err := r.set(ctx, m); err != nil {
		out.Diagnostics.AddError("the role was not changed", err.Error())
		return
	}
	out.Diagnostics.Append(out.State.Set(ctx, m)...)
}

func (r *role) Delete(ctx context.Context, in resource.DeleteRequest, out *resource.DeleteResponse) {
	var m roleModel
	out.Diagnostics.Append(in.State.Get(ctx, &m)...)
	if out.Diagnostics.HasError() {
		return
	}
	if _, err := fault("role.delete"); err != nil {
		out.Diagnostics.AddError("the role was not deleted", err.Error())
		return
	}
	marker, _, found, err := r.find(ctx, m.Name.ValueString())
	if err == nil && found && marker == m.Marker.ValueString() {
		err = r.server.exec(ctx, `DROP ROLE IF EXISTS `+quote(m.Name.ValueString()))
	}
	if err != nil {
		out.Diagnostics.AddError("the role was not deleted", err.Error())
	}
}

// ImportState takes a role over by its name.
func (r *role) ImportState(ctx context.Context, in resource.ImportStateRequest, out *resource.ImportStateResponse) {
	resource.ImportStatePassthroughID(ctx, path.Root("name"), in, out)
}
