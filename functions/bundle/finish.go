package bundle

import (
	"context"
	"path"
	"strings"
)

// finish decides the form of the bundle.
func (w *build) finish(ctx context.Context, c *compilation) (*Bundle, error) {
	b := &Bundle{Mode: ModeBundled, Entry: w.entry, Code: c.code, SourceMap: c.sourceMap, Files: w.own, Packages: used(packagesOfCode(c))}
	if w.options.Mode == ModeUnbundled || len(w.doubts) > 0 || c.code == nil {
		return w.finishUnbundled(ctx, c, b)
	}
	b.Shared = append(w.facts.shared, w.deps.shared...)
	b.Exclusive = len(b.Shared) > 0
	b.NeedsFolder = w.facts.folder || w.hasData(c)
	b.Warnings = w.warnings
	return b, nil
}

// finishUnbundled keeps the folder as it is. Only a TypeScript or ES module entry is compiled, with its own files:
// Node.js could not require it.
func (w *build) finishUnbundled(ctx context.Context, c *compilation, b *Bundle) (*Bundle, error) {
	if len(w.doubts) > 0 {
		b.Reason = w.doubts[0]
	}
	// All requests of a process share Node's own module cache here.
	b.Mode, b.Exclusive, b.NeedsFolder = ModeUnbundled, true, true
	b.Code, b.SourceMap = nil, nil
	if w.mustCompile(c) {
		c = w.compile(c.dir, true)
		if err := ownErrors(c); err != nil {
			return nil, err
		}
		if c.code == nil {
			return nil, syntaxError(c.errors)
		}
		b.Code, b.SourceMap = c.code, c.sourceMap
		b.Entry = strings.TrimSuffix(w.entry, path.Ext(w.entry)) + ".yunduo.cjs"
		for _, m := range c.unresolved {
			if isRelative(m.specifier) && !inModules(m.importer) {
				w.warn("%s is compiled, so that computed requires of its own files may fail", w.entry)
				break
			}
		}
	}
	files, err := w.moduleFiles(ctx)
	if err != nil {
		return nil, err
	}
	b.Files, b.Warnings = files, w.warnings
	return b, nil
}

// mustCompile reports whether the author's code is in a form that Node.js cannot require, or uses files from outside
// of its folder.
func (w *build) mustCompile(c *compilation) bool {
	if isTypeScript(w.entry) || path.Ext(w.entry) == ".mjs" {
		return true
	}
	for name, in := range c.inputs {
		if inModules(name) {
			continue
		}
		if in.Format == "esm" || isTypeScript(name) || path.Ext(name) == ".jsx" || strings.HasPrefix(name, "../") {
			return true
		}
	}
	return false
}

// hasData reports whether the folder holds files that the code may read while it runs.
func (w *build) hasData(c *compilation) bool {
	for _, f := range w.own {
		if _, compiled := c.inputs[f.Path]; !compiled && !isScript(f.Path) && !isAccompanying(path.Base(f.Path)) {
			return true
		}
	}
	return false
}

// isAccompanying reports whether a file is there for people and tools rather than for the running code.
func isAccompanying(name string) bool {
	switch name {
	case "package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "config.json", "tsconfig.json", "jsconfig.json", "project.config.json":
		return true
	case ".env":
		return false
	}
	upper := strings.ToUpper(name)
	return strings.HasPrefix(name, ".") || strings.HasPrefix(upper, "LICENSE") || path.Ext(upper) == ".MD" || strings.HasSuffix(name, ".map")
}
