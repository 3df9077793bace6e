package modules_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/pave-platform/pave/modules"
	"github.com/pave-platform/pave/test/tofu"
)

// Every folder is in the list, and has what a module has.
func TestAll(t *testing.T) {
	t.Parallel()
	entries, err := modules.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var folders, names []string
	for _, e := range entries {
		folders = append(folders, e.Name())
	}
	for _, m := range modules.All {
		names = append(names, m.Name)
		for _, file := range []string{"README.md", "main.tf", "variables.tf", "outputs.tf", "versions.tf", "tests/standards.tftest.hcl"} {
			if _, err := fs.Stat(modules.FS, m.Name+"/"+file); err != nil {
				t.Error(err)
			}
		}
	}
	if !slices.Equal(folders, names) {
		t.Errorf("the folders are %v, the list has %v", folders, names)
	}
}

// each calls f with every file of HCL.
func each(t *testing.T, f func(name string, text []byte, body *hclsyntax.Body)) {
	t.Helper()
	err := fs.WalkDir(modules.FS, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".tf") && !strings.HasSuffix(name, ".hcl") {
			return err
		}
		text, err := fs.ReadFile(modules.FS, name)
		if err != nil {
			return err
		}
		file, diags := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
		if diags.HasErrors() {
			return diags
		}
		f(name, text, file.Body.(*hclsyntax.Body))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFormatted(t *testing.T) {
	t.Parallel()
	each(t, func(name string, text []byte, _ *hclsyntax.Body) {
		if !bytes.Equal(hclwrite.Format(text), text) {
			t.Errorf("terraform fmt %s", name)
		}
	})
}

// What makes a thing public or open has no input: it is a constant where it stands. What
// loses it waits for an admin who names the service. A standard that a module does not
// name is not kept by it.
func TestStandards(t *testing.T) {
	t.Parallel()
	rds := []string{"storage_encrypted = true", "multi_az = true", "publicly_accessible = false", "deletion_protection = !local.deletable",
		"skip_final_snapshot = false", `storage_type = "gp3"`, "depends_on = [aws_vpc_security_group_ingress_rule.this]",
		"parameter_group_name = aws_db_parameter_group.this.name", "value = local.encrypted.value"}
	sql := []string{"deletion_protection = !local.deletable", "deletion_protection_enabled = !local.deletable", `deletion_policy = "ABANDON"`, "ipv4_enabled = false", `ssl_mode = "ENCRYPTED_ONLY"`,
		`availability_type = "REGIONAL"`}
	wanted := map[string][]string{
		"aws-rds-postgresql": rds, "aws-rds-mysql": rds, "gcp-cloud-sql-postgresql": sql, "gcp-cloud-sql-mysql": sql,
		"aws-elasticache": {"at_rest_encryption_enabled = true", "transit_encryption_enabled = true", "multi_az_enabled = true", "depends_on = [aws_vpc_security_group_ingress_rule.this]"},
		"aws-s3-bucket": {"force_destroy = local.deletable", "depends_on = [aws_kms_key.this]", "skip_destroy = true # it goes with the bucket, never before it", `status = "Enabled"`, `sse_algorithm = "aws:kms"`, "block_public_acls = true",
			"block_public_policy = true", "ignore_public_acls = true", "restrict_public_buckets = true"},
		"gcp-memorystore": {"auth_enabled = true", `transit_encryption_mode = "SERVER_AUTHENTICATION"`, `tier = "STANDARD_HA"`},
		"gcp-gcs-bucket":  {"force_destroy = local.deletable", "enabled = true", `public_access_prevention = "enforced"`, "uniform_bucket_level_access = true"},
	}
	has := map[string][]string{}
	spaces := regexp.MustCompile(` +`)
	each(t, func(name string, text []byte, _ *hclsyntax.Body) {
		for line := range strings.Lines(string(text)) {
			if path.Base(name) == "main.tf" {
				has[path.Dir(name)] = append(has[path.Dir(name)], spaces.ReplaceAllString(strings.TrimSpace(line), " "))
			}
		}
	})
	for module, lines := range wanted {
		for _, line := range lines {
			if !slices.Contains(has[module], line) {
				t.Errorf("%s does not say %s", module, line)
			}
		}
	}
	forbidden := regexp.MustCompile(`public|encrypt|protect|multi_az|skip_final|force_destroy|ipv4|tls|ssl|auth_enabled|versioning`)
	each(t, func(name string, _ []byte, body *hclsyntax.Body) {
		for _, b := range body.Blocks {
			if b.Type == "variable" && forbidden.MatchString(b.Labels[0]) {
				t.Errorf("%s: an input %s could switch a standard off", name, b.Labels[0])
			}
		}
	})
}

// What is the same is the same, so that a repair reaches both.
func TestTwins(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"aws-rds-postgresql", "aws-rds-mysql"}, {"gcp-cloud-sql-postgresql", "gcp-cloud-sql-mysql"}} {
		for _, file := range []string{"main.tf", "outputs.tf", "versions.tf"} {
			a, err := fs.ReadFile(modules.FS, pair[0]+"/"+file)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := fs.ReadFile(modules.FS, pair[1]+"/"+file); err != nil || !bytes.Equal(a, b) {
				t.Errorf("%s of %v differs: %v", file, pair, err)
			}
		}
	}
}

// Terraform itself accepts every module against the schema of the real providers, and
// runs its tests. The providers cannot do anything here: each is mocked.
func TestTerraform(t *testing.T) {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("PAVE_TEST_REAL=1 (make test-real) runs this")
	}
	terraform := tofu.Find(t)
	dir := t.TempDir()
	stub := filepath.Join(dir, "stub")
	build := exec.Command("go", "build", "-o", stub, ".")
	build.Dir = "../tools/terraform-provider-schema"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the provider: %v\n%s", err, out)
	}
	wanted := map[string]bool{}
	each(t, func(_ string, _ []byte, body *hclsyntax.Body) {
		for _, b := range body.Blocks {
			if b.Type == "resource" {
				wanted[b.Labels[0]] = true
			}
		}
	})
	for _, o := range oracles {
		s := o.fetch(t, wanted)
		for name := range s.Resources {
			delete(wanted, name)
		}
		for _, registry := range []string{"registry.terraform.io", "registry.opentofu.org"} {
			home := filepath.Join(dir, "mirror", registry, "hashicorp", o.provider, o.providerVersion, runtime.GOOS+"_"+runtime.GOARCH)
			if err := os.MkdirAll(home, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Link(stub, filepath.Join(home, "terraform-provider-"+o.provider+"_v"+o.providerVersion)); err != nil {
				t.Fatal(err)
			}
			s.write(t, filepath.Join(home, "schema.json"))
		}
	}
	if len(wanted) > 0 {
		t.Fatalf("the packages do not have %v", wanted)
	}
	rc := filepath.Join(dir, "rc")
	text := "disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = \"" + dir + "/mirror\"\n  }\n}\n"
	if err := os.WriteFile(rc, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(t *testing.T, in string, args ...string) (string, error) {
		cmd := exec.Command(terraform, args...)
		cmd.Dir = in
		cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+rc, "TF_IN_AUTOMATION=1")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, m := range modules.All {
		t.Run(m.Name, func(t *testing.T) {
			in := filepath.Join(t.TempDir(), m.Name)
			sub, err := fs.Sub(modules.FS, m.Name)
			if err == nil {
				err = os.CopyFS(in, sub)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"fmt", "-check", "-recursive"}, {"init", "-input=false", "-no-color"}, {"validate", "-no-color"}, {"test", "-no-color"}} {
				if out, err := run(t, in, args...); err != nil {
					t.Fatalf("terraform %s: %v\n%s", args[0], err, out)
				}
			}
		})
	}
	// What the schema does not have is refused: the check can fail.
	t.Run("refused", func(t *testing.T) {
		in := t.TempDir()
		for text, want := range map[string]string{
			`publicly_accesible = false`: "Unsupported argument", // no such attribute
			`multi_az = ["yes"]`:         "bool required",
			`versioning { enabled = 1 }`: "Unsupported block type",
		} {
			main := "resource \"aws_db_instance\" \"x\" {\n  instance_class = \"db.t3.medium\"\n  " + text + "\n}\n"
			if err := os.WriteFile(filepath.Join(in, "main.tf"), []byte(main), 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := run(t, in, "init", "-input=false", "-no-color"); err != nil {
				t.Fatal(out)
			}
			if out, err := run(t, in, "validate", "-no-color"); err == nil || !strings.Contains(out, want) {
				t.Errorf("%s: %v\n%s", text, err, out)
			}
		}
	})
}
