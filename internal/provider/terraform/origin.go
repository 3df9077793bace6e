package terraform

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/modules"
)

// shipped is how the source of a module that ships begins: pave:aws-rds-postgresql.
const shipped = "pave:"

// A brought module: its files, and what they say.
type brought struct {
	archive        []byte
	digest         string
	source, commit string
	iface          iface
	readme         string
	info           pave.ModuleInfo
}

// bring finds the files of a module: those that were sent, those of a module that ships,
// or what lies at an address.
func (d *Driver) bring(ctx context.Context, r pave.BindRequest) (brought, error) {
	b := brought{archive: r.Archive, source: r.Source}
	var err error
	switch name, ours := strings.CutPrefix(r.Source, shipped); {
	case r.Archive != nil:
		b.info = pave.ModuleInfo{Name: path.Base(strings.ReplaceAll(r.Source, "\\", "/")), Source: r.Source}
	case ours:
		b.info, b.archive, err = pack(name)
	case r.Source == "":
		err = pave.Errorf(pave.Invalid, "module: there is none").WithHint("--module FOLDER, --module %sNAME of pave list modules, or the address of a git repository", shipped)
	default:
		b.info = pave.ModuleInfo{Name: path.Base(r.Source), Source: r.Source}
		var address string
		if address, err = Address(r.Source); err == nil {
			b.archive, b.commit, err = d.Fetch(ctx, address)
		}
	}
	if err != nil {
		return b, err
	}
	files, err := openArchive(b.archive)
	if err != nil {
		return b, err
	}
	sum := sha256.Sum256(b.archive)
	b.digest = "sha256:" + hex.EncodeToString(sum[:])
	b.readme, b.info.Title = readme(files, b.info.Name)
	if b.iface, err = inspect(files); err != nil {
		return b, err
	}
	return b, within(files)
}

// maxReadme is how much of a README is shown.
const maxReadme = 64 << 10

// readme is the README of a module, and its title.
func readme(files fs.FS, name string) (text, title string) {
	for _, file := range []string{"README.md", "readme.md", "README"} {
		data, err := fs.ReadFile(files, file)
		if err != nil {
			continue
		}
		text = strings.ToValidUTF8(string(data[:min(len(data), maxReadme)]), "?")
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(line, "# "); ok {
				return text, strings.TrimSpace(rest)
			}
		}
	}
	return text, name
}

// Shipped are the modules that ship with pave.
func (d *Driver) Shipped() []pave.ModuleInfo {
	var out []pave.ModuleInfo
	for _, m := range modules.All {
		info := pave.ModuleInfo{Name: m.Name, Kind: m.Kind, Engine: m.Engine, Source: shipped + m.Name}
		if files, err := fs.Sub(modules.FS, m.Name); err == nil {
			_, info.Title = readme(files, m.Name)
		}
		out = append(out, info)
	}
	return out
}

// pack makes the archive of a module that ships: the same each time.
func pack(name string) (pave.ModuleInfo, []byte, error) {
	at := slices.IndexFunc(modules.All, func(m modules.Module) bool { return m.Name == name })
	if at < 0 {
		var names []string
		for _, m := range modules.All {
			names = append(names, m.Name)
		}
		hint := "one of " + strings.Join(names, ", ")
		if near := pave.DidYouMean(name, names); near != "" {
			hint = "did you mean " + shipped + near + "?"
		}
		return pave.ModuleInfo{}, nil, pave.Errorf(pave.NotFound, "no module %q ships with pave", name).WithHint("%s", hint)
	}
	m := modules.All[at]
	files, err := fs.Sub(modules.FS, name)
	if err != nil {
		return pave.ModuleInfo{}, nil, err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	if err := z.AddFS(files); err != nil {
		return pave.ModuleInfo{}, nil, err
	}
	err = z.Close()
	return pave.ModuleInfo{Name: name, Kind: m.Kind, Engine: m.Engine, Source: shipped + name}, out.Bytes(), err
}

var (
	registryForm = regexp.MustCompile(`^([a-z0-9.-]+/)?[A-Za-z0-9_-]+/[A-Za-z0-9_-]+/[a-z0-9]+(//.*)?$`)
	hostForm     = regexp.MustCompile(`^(github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)/`)
)

// Address makes of a source as terraform writes it an address as pave does: git::URL,
// HOST/OWNER/REPOSITORY, //FOLDER and ?ref=REVISION. What else there is in sources is
// refused, with the form that is read.
func Address(source string) (string, error) {
	bad := func(rule, hint string) (string, error) { return "", pave.BadField("module", source, rule, hint) }
	text, _ := strings.CutPrefix(source, "git::")
	if hostForm.MatchString(text) {
		text = "https://" + text
	}
	if !strings.Contains(text, "://") && registryForm.MatchString(text) {
		return bad("is a name in a registry, which is not read", "name the git repository that it is made from: https://github.com/OWNER/REPOSITORY//FOLDER?ref=v1.2.3")
	}
	text, query, asked := strings.Cut(text, "?")
	if !asked {
		return text, nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return bad("is not an address", "https://github.com/OWNER/REPOSITORY//FOLDER?ref=v1.2.3")
	}
	for key := range values {
		if key != "ref" && key != "depth" {
			return bad("asks for "+key+", which is not spoken", "?ref=REVISION alone")
		}
	}
	if ref := values.Get("ref"); ref != "" {
		text += "@" + ref
	}
	return text, nil
}
