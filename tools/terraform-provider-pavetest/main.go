// Command terraform-provider-pavetest is a Terraform provider for tests: it makes real
// PostgreSQL roles and databases. What it makes carries a marker, so that a create that
// was cut off is met again, and what is not its own is refused. A file can make it slow,
// fail or die at a given place.
package main

import (
	"context"
	"log"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func main() {
	err := providerserver.Serve(context.Background(), func() provider.Provider { return &pavetest{} },
		providerserver.ServeOpts{Address: "registry.terraform.io/pave-platform/pavetest"})
	if err != nil {
		log.Fatal(err)
	}
}

type pavetest struct{}

type config struct {
	URL types.String `tfsdk:"url"`
}

func (p *pavetest) Metadata(_ context.Context, _ provider.MetadataRequest, out *provider.MetadataResponse) {
	out.TypeName = "pavetest"
}

func (p *pavetest) Schema(_ context.Context, _ provider.SchemaRequest, out *provider.SchemaResponse) {
	out.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"url": schema.StringAttribute{Optional: true, Sensitive: true, Description: "of a PostgreSQL superuser; PAVETEST_URL without"},
	}}
}

func (p *pavetest) Configure(ctx context.Context, in provider.ConfigureRequest, out *provider.ConfigureResponse) {
	var c config
	out.Diagnostics.Append(in.Config.Get(ctx, &c)...)
	url := c.URL.ValueString()
	if url == "" {
		url = os.Getenv("PAVETEST_URL")
	}
	if url == "" {
		out.Diagnostics.AddError("no server", "set url, or the variable PAVETEST_URL")
	}
	out.ResourceData = server(url)
}

func (p *pavetest) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource { return &role{} }, func() resource.Resource { return &database{} }}
}

func (p *pavetest) DataSources(context.Context) []func() datasource.DataSource { return nil }
