package bundle

import (
	"cmp"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Report tells the author how big a bundle is, what makes it so, and what it lacks.
type Report struct {
	SourceBytes    int64 `bson:"sourceBytes"`    // the author's files
	CodeBytes      int64 `bson:"codeBytes"`      // the script, with its packages; 0 if there is none
	ModuleBytes    int64 `bson:"moduleBytes"`    // node_modules, where it is a part of the bundle
	InstalledBytes int64 `bson:"installedBytes"` // node_modules as npm or the author made it, whether it is used or not
	// Packages are those that the bundle holds, the biggest first.
	Packages []Package `bson:"packages"`
	Missing  []Missing `bson:"missing"`
}

// Package is an npm package in a bundle.
type Package struct {
	Name    string `bson:"name"`
	Version string `bson:"version"` // empty if it does not say
	Bytes   int64  `bson:"bytes"`   // that it adds to the bundle
	Private bool   `bson:"private,omitempty"`
}

// Missing is a module that the author's code requires and that is not there: loading it will fail.
type Missing struct {
	Name  string   `bson:"name"`  // as the code has it: "lodash/fp", "./helper"
	Files []string `bson:"files"` // that require it
}

// report looks at a finished bundle.
func (w *build) report(ctx context.Context, c *compilation, b *Bundle) (Report, error) {
	r := Report{CodeBytes: int64(len(b.Code)), Missing: absent(c)}
	for _, f := range b.Files {
		if inModules(f.Path) {
			r.ModuleBytes += int64(len(f.Data))
		} else {
			r.SourceBytes += int64(len(f.Data))
		}
	}
	for _, dir := range []string{w.dir, w.modules} {
		if dir == "" {
			continue
		}
		n, err := folderBytes(ctx, filepath.Join(dir, "node_modules"))
		if err != nil {
			return r, err
		}
		r.InstalledBytes += n
	}
	if b.Mode == ModeUnbundled {
		r.Packages = packagesOfFiles(b.Files)
	} else {
		r.Packages = packagesOfCode(c)
	}
	slices.SortFunc(r.Packages, func(a, b Package) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
	return r, nil
}

// absent gathers what the author's files require in vain, by name.
func absent(c *compilation) []Missing {
	var list []Missing
	for _, m := range c.unresolved { // ordered by file
		if inModules(m.importer) {
			continue // packages try what they can do without
		}
		at := slices.IndexFunc(list, func(o Missing) bool { return o.Name == m.specifier })
		if at < 0 {
			list, at = append(list, Missing{Name: m.specifier}), len(list)
		}
		if !slices.Contains(list[at].Files, m.importer) {
			list[at].Files = append(list[at].Files, m.importer)
		}
	}
	slices.SortFunc(list, func(a, b Missing) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// packageDir returns the folder of the package that a file belongs to, and the package's name; empty for files of the
// author.
func packageDir(file string) (dir, name string) {
	at := strings.LastIndex(file, "node_modules/")
	if at < 0 {
		return "", ""
	}
	at += len("node_modules/")
	name = packageName(file[at:])
	return file[:at] + name, name
}

// packageFacts are what a report wants of a package's own package.json.
type packageFacts struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Private bool   `json:"private"`
}

// packages adds up files by package.
type packages map[string]*Package

func (p packages) add(file string, bytes int64) {
	dir, name := packageDir(file)
	if dir == "" {
		return
	}
	if p[dir] == nil {
		p[dir] = &Package{Name: name}
	}
	p[dir].Bytes += bytes
}

// describe takes the version from a package's package.json.
func (p packages) describe(dir string, manifest []byte) {
	var facts packageFacts
	if json.Unmarshal(manifest, &facts) == nil {
		p[dir].Version, p[dir].Private = facts.Version, facts.Private
	}
}

func (p packages) list() []Package {
	list := make([]Package, 0, len(p))
	for _, item := range p {
		list = append(list, *item)
	}
	return list
}

// packagesOfCode returns the packages in a script, with what they take in it.
func packagesOfCode(c *compilation) []Package {
	found := packages{}
	for name := range c.inputs {
		found.add(name, int64(c.taken[name]))
	}
	for dir := range found {
		if data, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(dir), "package.json")); err == nil {
			found.describe(dir, data)
		}
	}
	return found.list()
}

// packagesOfFiles returns the packages in a folder.
func packagesOfFiles(files []File) []Package {
	found := packages{}
	for _, f := range files {
		if !strings.HasPrefix(path.Base(path.Dir(f.Path)), ".") { // .bin holds links
			found.add(f.Path, int64(len(f.Data)))
		}
	}
	for _, f := range files {
		if dir, _ := packageDir(f.Path); dir != "" && f.Path == dir+"/package.json" {
			found.describe(dir, f.Data)
		}
	}
	for dir, p := range found {
		if p.Bytes == 0 || strings.HasPrefix(p.Name, ".") {
			delete(found, dir) // npm's own notes
		}
	}
	return found.list()
}

// folderBytes adds up the files of a folder; one that is not there has none.
func folderBytes(ctx context.Context, dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return ignoreAbsent(err)
		}
		info, err := d.Info()
		if err != nil {
			return ignoreAbsent(err)
		}
		sum += info.Size()
		return ctx.Err()
	})
	return sum, err
}

func ignoreAbsent(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
