package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// needs says which packages must be installed: those of package.json, if the code cannot do without, and those that
// come with the official SDK and are required without being listed.
func (w *build) needs(c *compilation) (requirements, error) {
	declared := w.declared()
	absent := false
	for name := range declared {
		if _, err := os.Stat(filepath.Join(w.dir, "node_modules", filepath.FromSlash(name))); err != nil {
			absent = true
		}
	}
	packages, wantedBy := make(map[string]string), make(map[string]string)
	install := false
	for _, m := range c.unresolved {
		name := packageName(m.specifier)
		if isRelative(m.specifier) || inModules(m.importer) {
			continue
		}
		if wantedBy[name] == "" {
			wantedBy[name] = m.importer
		}
		if _, ok := declared[name]; ok {
			install = true
		} else if version, ok := companions()[name]; ok && !w.opted(name) {
			packages[name] = version
			w.warn("%s requires %q, which package.json does not list; version %s was installed, as the official SDK brings it along", m.importer, name, version)
		}
	}
	// Code that computes what it loads, or wants its node_modules as they are, may need any of them.
	if absent && !install && (w.options.Mode == ModeUnbundled || w.computes(c)) {
		install = true
	}
	if install {
		maps.Copy(packages, declared)
	}
	if len(packages) == 0 {
		return requirements{}, nil
	}
	r := requirements{packages: packages, locks: make(map[string][]byte), wantedBy: wantedBy}
	if w.b.trustSources || fromRegistry(w.pkg.Overrides) {
		r.overrides = w.pkg.Overrides
	} else if len(w.pkg.Overrides) > 0 {
		w.warn("the overrides of package.json name other sources than the package registry and are ignored")
	}
	if !install {
		return r, nil
	}
	for _, name := range lockNames {
		data, err := os.ReadFile(filepath.Join(w.dir, name))
		if err == nil && (w.b.trustSources || safeLock(name, data)) {
			r.locks[name] = data
			break
		} else if err == nil {
			w.warn("%s names other sources than the package registry and is ignored", name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return r, err
		}
	}
	return r, nil
}

// opted reports whether package.json asks for a package in a form that is not installed here.
func (w *build) opted(name string) bool { return w.pkg.Dependencies[name] != "" }

var (
	validPackage = regexp.MustCompile(`^(@[a-zA-Z0-9~_.-]+/)?[a-zA-Z0-9~_][a-zA-Z0-9~_.-]*$`)
	registrySpec = regexp.MustCompile(`^(npm:(@[a-zA-Z0-9~_.-]+/)?[a-zA-Z0-9~_.-]+(@[^:/]*)?|[^:/]*)$`)
)

// declared returns the packages of package.json that the platform installs.
func (w *build) declared() map[string]string {
	packages := make(map[string]string)
	for _, list := range []map[string]string{w.pkg.OptionalDependencies, w.pkg.Dependencies} {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			spec := strings.TrimSpace(list[name])
			switch {
			case !w.options.OfficialSDK && IsSDK(name):
			case !validPackage.MatchString(name):
				w.warn("package.json lists %q, which cannot name a package", name)
			case registrySpec.MatchString(spec):
				packages[name] = spec
			case w.b.trustSources && !strings.HasPrefix(spec, "file:") && !strings.HasPrefix(spec, "link:") && !strings.HasPrefix(spec, "workspace:"):
				packages[name] = spec
			default:
				w.warn("package.json takes %s from %q, which is not installed here; commit node_modules", name, spec)
			}
		}
	}
	return packages
}

// fromRegistry reports whether all overrides of package.json are versions in the registry.
func fromRegistry(overrides json.RawMessage) bool {
	var tree any
	if len(overrides) == 0 || json.Unmarshal(overrides, &tree) != nil {
		return len(overrides) == 0
	}
	return eachText(tree, func(_, text string) bool { return registrySpec.MatchString(strings.TrimSpace(text)) })
}

var yarnSource = regexp.MustCompile(`(?m)^\s+resolved\s+"?([^"\s]*)`)

// safeLock reports whether a lock file takes packages from the registry alone: npm follows it to files and Git
// repositories of this machine, too.
func safeLock(name string, data []byte) bool {
	isWeb := func(source string) bool {
		return strings.HasPrefix(source, "https://") || strings.HasPrefix(source, "http://")
	}
	if name == "yarn.lock" {
		for _, m := range yarnSource.FindAllSubmatch(data, -1) {
			if !isWeb(string(m[1])) {
				return false
			}
		}
		return true
	}
	var tree any
	if json.Unmarshal(data, &tree) != nil {
		return false
	}
	return eachText(tree, func(key, text string) bool {
		switch key {
		case "resolved":
			return isWeb(text)
		case "version":
			return registrySpec.MatchString(text)
		case "link":
			return false
		}
		return true
	})
}

// eachText calls check with every text in a JSON tree and its key, and "link" with every true value, until one fails.
func eachText(tree any, check func(key, text string) bool) bool {
	var visit func(key string, v any) bool
	visit = func(key string, v any) bool {
		switch v := v.(type) {
		case string:
			return check(key, v)
		case bool:
			return !v || key != "link" || check(key, "true")
		case []any:
			for _, item := range v {
				if !visit(key, item) {
					return false
				}
			}
		case map[string]any:
			for k, item := range v {
				if !visit(k, item) {
					return false
				}
			}
		}
		return true
	}
	return visit("", tree)
}

// computes reports whether the author's files load modules whose names only they know.
func (w *build) computes(c *compilation) bool {
	for name := range c.inputs {
		if inModules(name) || !isScript(name) {
			continue
		}
		source, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(name)))
		if err != nil {
			continue
		}
		if f := scan(name, source, true); f.computed || f.unparsed || f.tricks {
			return true
		}
	}
	return len(c.errors) > 0
}

// install brings the packages and puts a copy of the folder beside them, so that they are found as Node.js finds
// them and no path of this machine gets into the bundle.
func (w *build) install(ctx context.Context, r requirements) error {
	modules, err := w.b.install(ctx, r)
	if err != nil {
		return err
	}
	w.modules = modules
	if w.stage, err = os.MkdirTemp(modules, tempPrefix); err != nil {
		return err
	}
	if err := writeFiles(w.stage, w.own); err != nil {
		return err
	}
	own := filepath.Join(w.dir, "node_modules")
	if _, err := os.Stat(own); err != nil {
		return nil // there are no committed ones
	}
	if os.Symlink(own, filepath.Join(w.stage, "node_modules")) == nil {
		return nil
	}
	// Windows lets few people make links.
	files := folder{limits: w.b.limits}
	if err := files.add(ctx, own, "node_modules", skipNothing); err != nil {
		return err
	}
	return writeFiles(w.stage, files.sorted())
}

// moduleFiles collects every package that can be loaded at run time: the folder's own before the installed ones.
func (w *build) moduleFiles(ctx context.Context) ([]File, error) {
	files := folder{limits: w.b.limits, files: slices.Clone(w.own)}
	skip := skipSDK
	if w.options.OfficialSDK {
		skip = skipNothing
	}
	own, err := folderNames(filepath.Join(w.dir, "node_modules"))
	if err != nil {
		return nil, err
	}
	if len(own) > 0 {
		if err := files.add(ctx, filepath.Join(w.dir, "node_modules"), "node_modules", skip); err != nil {
			return nil, err
		}
	}
	if w.modules != "" {
		installed := func(rel string, d fs.DirEntry) bool { return own[rel] || skip(rel, d) }
		if err := files.add(ctx, filepath.Join(w.modules, "node_modules"), "node_modules", installed); err != nil {
			return nil, err
		}
	}
	return files.sorted(), nil
}

// folderNames returns the packages in a node_modules folder, scoped ones with their scope.
func folderNames(dir string) (map[string]bool, error) {
	names := make(map[string]bool)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return names, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "@") {
			names[e.Name()] = true
			continue
		}
		scoped, err := os.ReadDir(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		for _, s := range scoped {
			names[e.Name()+"/"+s.Name()] = true
		}
	}
	return names, nil
}

// used returns the packages that are part of the code, as name@version.
func used(list []Package) []string {
	var names []string
	for _, p := range list {
		name := p.Name
		if p.Version != "" {
			name += "@" + p.Version
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func keysOf[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }
