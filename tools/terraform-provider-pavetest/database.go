package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/jackc/pgx/v5"
)

// A database belongs to a role, which is its marker.
type database struct{ server server }

type databaseModel struct {
	Name  types.String `tfsdk:"name"`
	Owner types.String `tfsdk:"owner"`
	Host  types.String `tfsdk:"host"`
	Port  types.Int64  `tfsdk:"port"`
}

func (d *database) Metadata(_ context.Context, in resource.MetadataRequest, out *resource.MetadataResponse) {
	out.TypeName = in.ProviderTypeName + "_database"
}

func (d *database) Schema(_ context.Context, _ resource.SchemaRequest, out *resource.SchemaResponse) {
	fixed := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	out.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"name":  schema.StringAttribute{Required: true, PlanModifiers: fixed},
		"owner": schema.StringAttribute{Required: true, PlanModifiers: fixed},
		"host":  schema.StringAttribute{Computed: true},
		"port":  schema.Int64Attribute{Computed: true},
	}}
}

func (d *database) Configure(_ context.Context, in resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	d.server, _ = in.ProviderData.(server) // nil before the provider is configured
}

func (d *database) owner(ctx context.Context, name string) (owner string, err error) {
	err = d.server.do(ctx, func(c *pgx.Conn) error {
		return c.QueryRow(ctx, `SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1`, name).Scan(&owner)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return owner, err
}

func (d *database) Create(ctx context.Context, in resource.CreateRequest, out *resource.CreateResponse) {
	var m databaseModel
	out.Diagnostics.Append(in.Plan.Get(ctx, &m)...)
	if out.Diagnostics.HasError() {
		return
	}
	_, err := fault("database.create")
	if err == nil {
		err = d.create(ctx, m)
	}
	if err == nil {
		_, err = fault("database.create.after")
	}
	if err == nil {
		err = d.place(&m)
	}
	if err != nil {
		out.Diagnostics.AddError("the database was not made", err.Error())
		return
	}
	out.Diagnostics.Append(out.State.Set(ctx, m)...)
}

func (d *database) create(ctx context.Context, m databaseModel) error {
	name, want := m.Name.ValueString(), m.Owner.ValueString()
	owner, err := d.owner(ctx, name)
	switch {
	case err != nil || owner == want:
		return err
	case owner != "":
		return fmt.Errorf("database %q already exists and is not ours", name)
	}
	if err := d.server.exec(ctx, fmt.Sprintf(`CREATE DATABASE %s OWNER %s`, quote(name), quote(want))); err != nil {
		return err
	}
	return d.server.exec(ctx, fmt.Sprintf(`REVOKE CONNECT ON DATABASE %s FROM PUBLIC`, quote(name)))
}

func (d *database) place(m *databaseModel) error {
	host, port, err := d.server.address()
	m.Host, m.Port = types.StringValue(host), types.Int64Value(port)
	return err
}

func (d *database) Read(ctx context.Context, in resource.ReadRequest, out *resource.ReadResponse) {
	var m databaseModel
	out.Diagnostics.Append(in.State.Get(ctx, &m)...)
	if out.Diagnostics.HasError() {
		return
	}
	owner, err := d.owner(ctx, m.Name.ValueString())
	if err == nil {
		err = d.place(&m)
	}
	switch {
	case err != nil:
		out.Diagnostics.AddError("the database cannot be read", err.Error())
	case owner == "":
		out.State.RemoveResource(ctx)
	default:
		m.Owner = types.StringValue(owner)
		out.Diagnostics.Append(out.State.Set(ctx, m)...)
	}
}

// Update has nothing to do: every attribute that may be set is fixed.
func (d *database) Update(ctx context.Context, in resource.UpdateRequest, out *resource.UpdateResponse) {
	var m databaseModel
	out.Diagnostics.Append(in.Plan.Get(ctx, &m)...)
	if err := d.place(&m); err != nil {
		out.Diagnostics.AddError("the database was not changed", err.Error())
		return
	}
	out.Diagnostics.Append(out.State.Set(ctx, m)...)
}

func (d *database) Delete(ctx context.Context, in resource.DeleteRequest, out *resource.DeleteResponse) {
	var m databaseModel
	out.Diagnostics.Append(in.State.Get(ctx, &m)...)
	if out.Diagnostics.HasError() {
		return
	}
	owner, err := d.owner(ctx, m.Name.ValueString())
	if err == nil && owner == m.Owner.ValueString() {
		err = d.server.exec(ctx, fmt.Sprintf(`DROP DATABASE IF EXISTS %s WITH (FORCE)`, quote(m.Name.ValueString())))
	}
	if err == nil {
		_, err = fault("database.delete.after")
	}
	if err != nil {
		out.Diagnostics.AddError("the database was not deleted", err.Error())
	}
}

// ImportState takes a database over by its name.
func (d *database) ImportState(ctx context.Context, in resource.ImportStateRequest, out *resource.ImportStateResponse) {
	resource.ImportStatePassthroughID(ctx, path.Root("name"), in, out)
}
