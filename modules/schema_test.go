package modules_test

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// An oracle is the schema of a provider as others wrote it down: the package of npm that
// has a class for each of its resources. It is fetched, never kept here.
type oracle struct{ provider, pack, version, integrity, providerVersion string }

var oracles = []oracle{
	{"aws", "@cdktf/provider-aws", "21.22.1", "BuSHeaQFUL9l33pBzIMRT7cTQ69AM2mLtijjteCPhVQRmvuhuj9Lvfymf7knAMhYqAT6+Lrls9jiGVW/Us3zrQ==", "6.25.0"},
	{"google", "@cdktf/provider-google", "16.12.1", "KqNA/5RiFT07r0PSZ6/07cJ2zESUgbj1JchVj21iBFBZVUbD+578xA/k8eq/r0cbyEgLmg9eYWeVslaYah4DCQ==", "6.50.0"},
	{"random", "@cdktf/provider-random", "12.0.1", "yE9fteVRxekOl6MhJeM6sac1VkljCwGFrZxozq0aE11zTBmB4oQBr3nk9Z1A2C5C3IB/0jKmabYDNPqgrZDfNw==", "3.7.2"},
}

type schemas struct {
	Resources map[string]*block `json:"resources"`
	Data      map[string]*block `json:"data"`
}

type block struct {
	Attributes map[string]attribute `json:"attributes"`
	Blocks     map[string]*nested   `json:"blocks"`
}

type attribute struct {
	Type     string `json:"type"`
	Required bool   `json:"required"`
	Optional bool   `json:"optional"`
	Computed bool   `json:"computed"`
}

type nested struct {
	*block
	Nesting string `json:"nesting"`
	Min     int64  `json:"min"`
	Max     int64  `json:"max"`
}

// fetch brings the package and reads the resources that are wanted from it.
func (o oracle) fetch(t *testing.T, wanted map[string]bool) schemas {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("npm", "pack", "--silent", "--pack-destination", dir, o.pack+"@"+o.version)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm pack %s: %v\n%s", o.pack, err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	f, err := os.Open(found[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha512.New()
	z, err := gzip.NewReader(io.TeeReader(f, sum))
	if err != nil {
		t.Fatal(err)
	}
	out := schemas{map[string]*block{}, map[string]*block{}}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(h.Name, "/index.js") {
			continue
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.read(string(text), wanted, out); err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
	}
	if _, err := io.Copy(io.Discard, io.TeeReader(f, sum)); err != nil {
		t.Fatal(err)
	}
	if got := base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != o.integrity {
		t.Fatalf("%s is not the package that this test knows: sha512-%s", o.pack, got)
	}
	return out
}

var (
	typeLine = regexp.MustCompile(`terraformResourceType: '(\w+)'`)
	partLine = regexp.MustCompile(`(?m)^(?:function (\w+)ToHclTerraform\(|class (\w+) extends (\S+))`)
	attrLine = regexp.MustCompile(`(?m)^ +(\w+): \{\n +value: (.*),\n +isBlock: (true|false),\n +type: "(\w+)",\n +storageClassType: "(\w+)",\n +\},`)
	resets   = regexp.MustCompile(`(?m)^    reset(\w+)\(\)`)
	getters  = regexp.MustCompile(`(?m)^        return this\.get(\w+)Attribute\('(\w+)'\);`)
	objects  = regexp.MustCompile(`(?m)^        this\._\w+ = new \S+\(this, "(\w+)"`)
	inner    = regexp.MustCompile(`(\w+)ToHclTerraform\b`)
	member   = regexp.MustCompile(`(?:struct\.|this\._)(\w+)`)
)

// read reads the classes of one resource, where it is wanted.
func (o oracle) read(text string, wanted map[string]bool, out schemas) error {
	m := typeLine.FindStringSubmatch(text)
	if m == nil || !wanted[m[1]] {
		return nil
	}
	if !strings.Contains(text, "providerVersion: '"+o.providerVersion+"'") {
		return errors.New("it is of another version than " + o.providerVersion)
	}
	c := classes{functions: map[string]string{}, bodies: map[string]string{}}
	main, data := "", false
	at := partLine.FindAllStringSubmatchIndex(text, -1)
	for i, p := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		part := text[p[0]:end]
		switch {
		case p[2] >= 0:
			c.functions[text[p[2]:p[3]]] = part
		case strings.HasPrefix(text[p[6]:p[7]], "cdktf.TerraformResource"), strings.HasPrefix(text[p[6]:p[7]], "cdktf.TerraformDataSource"):
			main, data = part, strings.HasSuffix(text[p[6]:p[7]], "DataSource")
		default:
			c.bodies[text[p[4]:p[5]]] = part
		}
	}
	b, err := c.block(main[strings.Index(main, "synthesizeHclAttributes()"):], main)
	if err != nil {
		return err
	}
	for _, g := range getters.FindAllStringSubmatch(main, -1) {
		if _, known := b.Attributes[g[2]]; !known {
			kinds := map[string]string{"String": "string", "Number": "number", "Boolean": "bool", "List": "list string", "StringMap": "map string"}
			b.Attributes[g[2]] = attribute{Type: kinds[g[1]], Computed: true}
		}
	}
	for _, g := range objects.FindAllStringSubmatch(main, -1) {
		if _, known := b.Attributes[g[1]]; !known && b.Blocks[g[1]] == nil {
			b.Attributes[g[1]] = attribute{Type: "any", Computed: true}
		}
	}
	for _, name := range []string{"id", "region"} { // the provider fills them where nobody does
		if a, has := b.Attributes[name]; has && !a.Required {
			a.Computed = true
			b.Attributes[name] = a
		}
	}
	if data {
		out.Data[m[1]] = b
	} else {
		out.Resources[m[1]] = b
	}
	return nil
}

// classes are the parts of a file: functions that write a block as HCL, and the classes
// that say which of its attributes can be left out.
type classes struct{ functions, bodies map[string]string }

func (c classes) block(attrs, class string) (*block, error) {
	b := &block{map[string]attribute{}, map[string]*nested{}}
	optional := map[string]bool{}
	for _, r := range resets.FindAllStringSubmatch(class, -1) {
		optional[r[1]] = true
	}
	for _, a := range attrLine.FindAllStringSubmatch(attrs, -1) {
		name, value, isBlock, nesting, storage := a[1], a[2], a[3] == "true", a[4], a[5]
		m := member.FindStringSubmatch(value)
		if m == nil {
			return nil, errors.New(name + ": the value " + value + " says not whose it is")
		}
		free := optional[strings.ToUpper(m[1][:1])+m[1][1:]]
		if !isBlock {
			kinds := map[string]string{"string": "string", "number": "number", "boolean": "bool"}
			kind := kinds[storage]
			if nesting != "simple" {
				kind = nesting + " " + kinds[regexp.MustCompile(`^(string|number|boolean)`).FindString(storage)]
			}
			if strings.TrimSpace(kind) == "" || strings.HasSuffix(kind, " ") {
				kind = "any"
			}
			b.Attributes[name] = attribute{Type: kind, Required: !free, Optional: free}
			continue
		}
		f := inner.FindStringSubmatch(value)
		if f == nil || c.functions[f[1]] == "" {
			return nil, errors.New(name + ": there is no class for " + value)
		}
		below, err := c.block(c.functions[f[1]], c.bodies[strings.ToUpper(f[1][:1])+f[1][1:]+"OutputReference"])
		if err != nil {
			return nil, err
		}
		n := &nested{block: below, Nesting: map[string]string{"struct": "single", "list": "list", "set": "set"}[nesting]}
		if n.Nesting != "single" {
			if !free {
				n.Min = 1
			}
			if !strings.Contains(value, "listMapperHcl") {
				n.Max = 1
			}
		}
		b.Blocks[name] = n
	}
	return b, nil
}

// write puts the schema beside a provider that knows nothing else.
func (s schemas) write(t *testing.T, file string) {
	t.Helper()
	data, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(file, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
