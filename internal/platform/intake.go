package platform

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/catalog"
	"github.com/pave-platform/pave/internal/catalog/entityfile"
	"github.com/pave-platform/pave/internal/store"
)

const (
	// sourceFile is the source of facts that a file says.
	sourceFile = "file"
	// maxTargets bounds how many targets of the Locations of one file are looked at.
	maxTargets = 50
	// maxFacts and maxSaid bound what is taken in of one file: facts, as many relations,
	// and the bytes of both.
	maxFacts = 2000
	maxSaid  = 2 << 20
	// maxFaults bounds how much is said of what is wrong with a file.
	maxFaults = 10
	maxValue  = 1000 // bytes of a fact
)

// An intake tells the catalog what files of an organisation say.
type intake struct {
	*Platform
	allow []string
	kept  map[string]pave.Name // services by the address of their repository
}

// prefix begins the names of what an organisation's files describe, as those of its
// repositories: what pave observes itself has names without.
func (f entityFile) prefix() string { return f.provider + ":" + f.org + "/" }

// take takes in a file, or that it could not be read. One that was not given out says
// nothing new: what it said before stays, and it is due. What it said before stays too
// where not all of it can be read, lest a slip of the pen gives a name away.
func (in intake) take(ctx context.Context, f entityFile, text []byte, failed error) error {
	now := store.Micros(time.Now())
	switch pave.CodeOf(failed) {
	case "", pave.NotFound, pave.Invalid:
	case pave.Denied:
		if err := in.noteFile(ctx, f, `looked = $1, error = $2`, now, oneFault(f, failed)); err != nil {
			return err
		}
		return in.tellRepository(ctx, f)
	default:
		return in.noteFile(ctx, f, `looked = $1`, now)
	}
	faults := []string{}
	entities := []entityfile.Entity(nil)
	switch {
	case failed == nil:
		found, wrong := entityfile.Parse(text)
		entities = found
		for _, err := range wrong {
			faults = append(faults, oneFault(f, err))
		}
	case pave.CodeOf(failed) == pave.Invalid || f.via != "": // a Location names what is not there
		faults = append(faults, oneFault(f, failed))
	}
	said := said{told: map[string]bool{}, named: map[string]bool{}}
	if err := in.tell(ctx, f, entities, &said); err != nil {
		return err
	}
	if whole := len(faults) == 0 || pave.CodeOf(failed) == pave.NotFound; whole && !said.more {
		if err := in.drop(ctx, f, said.told); err != nil {
			return err
		}
		if err := in.forgetTargets(ctx, f, said.named); err != nil {
			return err
		}
	}
	if faults = append(faults, said.faults...); len(faults) > maxFaults {
		faults = append(faults[:maxFaults], fmt.Sprintf("and %d more", len(faults)-maxFaults))
	}
	if err := in.noteFile(ctx, f, `done = $1, looked = $2, error = $3`, f.pushed, now, strings.Join(faults, "; ")); err != nil {
		return err
	}
	return in.tellRepository(ctx, f)
}

// oneFault is a fault with the file it is in and what mends it.
func oneFault(f entityFile, err error) string {
	text := f.path + ": " + err.Error()
	if hint := pave.HintOf(err); hint != "" {
		text += " (" + hint + ")"
	}
	return cut(text)
}

func (p *Platform) noteFile(ctx context.Context, f entityFile, set string, args ...any) error {
	n := len(args)
	_, err := p.DB.Exec(ctx, fmt.Sprintf(`UPDATE entity_files SET %s WHERE provider = $%d AND org = $%d AND repository = $%d AND path = $%d`,
		set, n+1, n+2, n+3, n+4), append(args, f.provider, f.org, f.repository, f.path)...)
	return err
}

// said is what a file came to.
type said struct {
	told   map[string]bool // what it describes, as the catalog calls it
	named  map[string]bool // the files that its Locations lead to
	faults []string

	targets                 int                   // that were looked at
	pages                   map[string]entityFile // where it lies, by the page of a repository in lower case
	facts, relations, bytes int
	more                    bool // there was more than is taken in
}

// take reports whether there is room for what is said of one more entity, and takes it.
func (s *said) take(o catalog.Observation) bool {
	s.facts += len(o.Facts)
	s.relations += len(o.Relations)
	for _, f := range o.Facts {
		s.bytes += len(f.Key) + len(f.Value) + len(f.Evidence)
	}
	for _, r := range o.Relations {
		s.bytes += len(r.Target) + len(r.Evidence)
	}
	s.more = s.more || s.facts > maxFacts || s.relations > maxFacts || s.bytes > maxSaid
	return !s.more
}

// tell tells the catalog of the entities of a file. What is not taken in is a fault.
func (in intake) tell(ctx context.Context, f entityFile, entities []entityfile.Entity, s *said) error {
	for _, e := range entities {
		if !slices.Contains(in.allow, e.Kind) {
			s.faults = append(s.faults, fmt.Sprintf("%s: %s, %s %s is not taken in: the kinds that are, are %s (pave import %s --allow)",
				f.path, e.Where, e.Kind, e.Name, strings.Join(in.allow, ", "), f.provider))
			continue
		}
		ref, o := in.subject(f, e.Ref()), catalog.Observation{}
		if !in.own(f, e.Ref()) { // else the look at the service itself reads it
			o = observed(e, f.evidence(), func(to entityfile.Ref) string { return in.refOf(f, to) })
		}
		if !s.take(o) {
			s.faults = append(s.faults, fmt.Sprintf("%s: %s and what follows is not taken in: the file says more than %d facts or relations, or %d MiB (split it, and name the parts in a Location)",
				f.path, e.Where, maxFacts, maxSaid>>20))
			return nil
		}
		other, err := in.claimEntity(ctx, f, e.Ref().String(), ref)
		if err != nil {
			return err
		}
		if other != "" {
			s.faults = append(s.faults, fmt.Sprintf("%s: %s, %s %s is described by %s already (give it another name or namespace)", f.path, e.Where, e.Kind, e.Name, other))
			continue
		}
		s.told[ref] = true
		if o.Kind == "" {
			continue
		}
		_, o.Name, _ = strings.Cut(ref, ":")
		if e.Kind == "Location" {
			fact, err := in.follow(ctx, f, e, s)
			if err != nil {
				return err
			}
			o.Facts = append(o.Facts, fact...)
		}
		if err := in.Catalog.Observe(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// own reports whether a reference from within a file is to the service that lives in the
// repository of the file.
func (in intake) own(f entityFile, r entityfile.Ref) bool {
	return r.String() == "component:"+string(in.kept[strings.ToLower(f.page)])
}

// subject is what the catalog calls what a file describes: a service only where it lives
// in the repository of the file, whose word on it nobody else's is.
func (in intake) subject(f entityFile, r entityfile.Ref) string {
	if in.own(f, r) {
		return r.String()
	}
	return catalog.Ref(r.Kind, f.prefix()+r.Path())
}

// refOf is what the catalog calls what a file refers to.
func (in intake) refOf(f entityFile, r entityfile.Ref) string {
	if in.own(f, r) {
		return r.String()
	}
	for _, svc := range in.kept {
		if r.String() == "component:"+string(svc) && in.lives(f, svc) {
			return r.String()
		}
	}
	return catalog.Ref(r.Kind, f.prefix()+r.Path())
}

// lives reports whether the repository of a service is one of the organisation of a file.
func (in intake) lives(f entityFile, svc pave.Name) bool {
	org := strings.ToLower(strings.TrimSuffix(f.page, f.repository))
	for address, name := range in.kept {
		if name == svc && strings.HasPrefix(address, org) {
			return true
		}
	}
	return false
}

// observed is an entity as the catalog takes it.
func observed(e entityfile.Entity, evidence string, ref func(entityfile.Ref) string) catalog.Observation {
	o := catalog.Observation{Kind: e.Ref().Kind, Source: sourceFile}
	fact := func(key, value string) {
		if value = strings.TrimSpace(value); value != "" {
			o.Facts = append(o.Facts, catalog.Fact{Key: key, Value: cut(value), Evidence: evidence})
		}
	}
	fact("title", e.Title)
	fact("description", e.Description)
	fact("type", e.Type)
	fact("lifecycle", e.Lifecycle)
	fact("owner", e.Owner.String())
	fact("tags", strings.Join(e.Tags, ", "))
	fact("targets", strings.Join(e.Targets, ", "))
	links := []string{}
	for _, l := range e.Links {
		links = append(links, strings.TrimSpace(l.Title+" "+l.URL))
	}
	fact("links", strings.Join(links, ", "))
	if e.Definition {
		fact("definition", "in the file")
	}
	for _, key := range slices.Sorted(maps.Keys(e.Labels)) {
		fact("label."+cut(key), e.Labels[key])
	}
	for _, key := range slices.Sorted(maps.Keys(e.Annotations)) {
		fact("annotation."+cut(key), e.Annotations[key])
	}
	o.Owner = e.Owner.Path()
	if e.Owner.Kind != "group" {
		o.Owner = e.Owner.String()
	}
	for _, r := range e.Relations {
		o.Relations = append(o.Relations, catalog.Relation{Kind: r.Kind, Target: ref(r.To), Evidence: evidence})
	}
	return o
}

// cut makes of what a file says what every store can keep.
func cut(s string) string {
	if len(s) > maxValue {
		s = strings.ToValidUTF8(s[:maxValue], "") + "..."
	}
	return strings.ReplaceAll(s, "\x00", "")
}

// claimEntity notes that a file tells of an entity. Where another one does, it says which.
func (p *Platform) claimEntity(ctx context.Context, f entityFile, entity, ref string) (other string, err error) {
	_, err = p.DB.Exec(ctx, `INSERT INTO entity_sources (provider, org, entity, ref, repository, path) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT DO NOTHING`, f.provider, f.org, entity, ref, f.repository, f.path)
	if err != nil {
		return "", err
	}
	rows, err := p.DB.Query(ctx, `SELECT org, repository, path FROM entity_sources WHERE ref = $1 OR provider = $2 AND org = $3 AND entity = $4`,
		ref, f.provider, f.org, entity)
	all, err := store.Collect(rows, err, func(row store.Scanner) (o entityFile, err error) { return o, row.Scan(&o.org, &o.repository, &o.path) })
	for _, o := range all {
		if o.org != f.org || o.at() != f.at() {
			return o.path + " of " + o.org + "/" + o.repository, err
		}
	}
	return "", err
}

// drop lets the catalog forget what a file told of before and no longer does. Others that
// tell of the same are read again: it was a fault of theirs.
func (p *Platform) drop(ctx context.Context, f entityFile, told map[string]bool) error {
	rows, err := p.DB.Query(ctx, `SELECT ref FROM entity_sources WHERE provider = $1 AND org = $2 AND repository = $3 AND path = $4`,
		f.provider, f.org, f.repository, f.path)
	refs, err := store.Collect(rows, err, func(row store.Scanner) (ref string, err error) { return ref, row.Scan(&ref) })
	if err != nil {
		return err
	}
	dropped := false
	for _, ref := range refs {
		if told[ref] {
			continue
		}
		dropped = true
		if strings.HasPrefix(ref[strings.IndexByte(ref, ':')+1:], f.prefix()) { // else it is a service
			if err := p.Catalog.Lost(ctx, ref); err != nil {
				return err
			}
		}
		if _, err := p.DB.Exec(ctx, `DELETE FROM entity_sources WHERE ref = $1`, ref); err != nil {
			return err
		}
	}
	if dropped {
		_, err = p.DB.Exec(ctx, `UPDATE entity_files SET done = -1 WHERE provider = $1 AND org = $2 AND error <> ''`, f.provider, f.org)
	}
	return err
}

// dropFiles forgets files, what they told of, and what their Locations named.
func (p *Platform) dropFiles(ctx context.Context, where string, args ...any) error {
	rows, err := p.DB.Query(ctx, `SELECT `+fileColumns+` FROM entity_files WHERE `+where+` AND (error <> '' OR EXISTS (SELECT 1 FROM entity_sources s
		WHERE s.provider = entity_files.provider AND s.org = entity_files.org AND s.repository = entity_files.repository AND s.path = entity_files.path))`, args...)
	files, err := store.Collect(rows, err, scanFile)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := p.drop(ctx, f, nil); err != nil {
			return err
		}
		if err := p.noteFile(ctx, f, `error = $1`, ""); err != nil {
			return err
		}
		if err := p.forgetTargets(ctx, f, nil); err != nil {
			return err
		}
		if err := p.tellRepository(ctx, f); err != nil {
			return err
		}
	}
	_, err = p.DB.Exec(ctx, `DELETE FROM entity_files WHERE `+where, args...)
	return err
}

// tellRepository tells the catalog what the files of a repository come to.
func (p *Platform) tellRepository(ctx context.Context, f entityFile) error {
	rows, err := p.DB.Query(ctx, `SELECT error FROM entity_files WHERE provider = $1 AND org = $2 AND repository = $3 AND error <> '' ORDER BY path`,
		f.provider, f.org, f.repository)
	text := func(row store.Scanner) (s string, err error) { return s, row.Scan(&s) }
	faults, err := store.Collect(rows, err, text)
	if err != nil {
		return err
	}
	rows, err = p.DB.Query(ctx, `SELECT ref FROM entity_sources WHERE provider = $1 AND org = $2 AND repository = $3 ORDER BY ref`, f.provider, f.org, f.repository)
	refs, err := store.Collect(rows, err, text)
	if err != nil {
		return err
	}
	o := catalog.Observation{Kind: entityRepository, Name: f.prefix() + f.repository, Source: sourceFile, Fault: strings.Join(faults, "; ")}
	for _, ref := range refs {
		o.Relations = append(o.Relations, catalog.Relation{Kind: "holds", Target: ref, Evidence: f.evidence()})
	}
	return p.Catalog.Observe(ctx, o)
}

// validFile reports whether a path may be that of a file in a repository.
func validFile(name string) bool {
	return name != "" && name != "." && len(name) <= 200 && !strings.ContainsAny(name, "*?\\\x00\n") && path.Clean("/"+name) == "/"+name
}
