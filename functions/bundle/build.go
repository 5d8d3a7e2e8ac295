package bundle

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"yunduo"
)

// Options are wishes for one bundle. The zero value is right for most functions.
type Options struct {
	// Entry names the module with the handler, without its extension: "index" or "src/index".
	Entry string
	// Root is the outermost folder whose files the code may include; the function's own by default. A project's
	// folder lets functions share code that lies beside them.
	Root string
	// OfficialSDK takes wx-server-sdk and its kind from npm instead of the platform.
	OfficialSDK bool
	// Mode forces ModeUnbundled; empty decides by the code.
	Mode Mode
}

// build is one bundle in the making.
type build struct {
	b       *Builder
	options Options
	dir     string // real path of the function's folder
	root    string
	entry   string
	pkg     packageJSON
	own     []File
	modules string // where packages were installed; empty if nowhere
	stage   string // copy of the folder beside them

	warnings []string
	// doubts are reasons not to trust a single script.
	doubts []string
	facts  facts // of the author's files
	deps   facts // of the packages'
}

// Build makes a bundle of the function in dir. Errors: invalid_bundle for a folder that cannot be a function or whose
// packages cannot be installed; function_load_failed for code with a syntax error, together with a bundle that holds
// the author's files and nothing to run.
func (b *Builder) Build(ctx context.Context, dir string, o Options) (*Bundle, error) {
	w := &build{b: b, options: o}
	if err := w.open(ctx, dir); err != nil {
		return nil, err
	}
	defer w.close()
	c := w.compile(w.dir, false)
	needed, err := w.needs(c)
	if err != nil {
		return nil, err
	}
	if len(needed.packages) > 0 {
		if err := w.install(ctx, needed); err != nil {
			return nil, err
		}
		c = w.compile(w.stage, false)
	}
	if broken := ownErrors(c); broken != nil {
		bundle := &Bundle{Mode: ModeBundled, Entry: w.entry, Files: w.own, Warnings: w.warnings}
		if err := bundle.seal(); err != nil {
			return nil, err
		}
		return bundle, broken
	}
	if len(c.escapes) > 0 {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidBundle, "%s requires %s, which lies outside of the function's folder; copy the shared files into the folder", c.escapes[0].importer, c.escapes[0].specifier)
	}
	w.read(c)
	bundle, err := w.finish(ctx, c)
	if err != nil {
		return nil, err
	}
	if bundle.Report, err = w.report(ctx, c, bundle); err != nil {
		return nil, err
	}
	return bundle, bundle.seal()
}

func (w *build) open(ctx context.Context, dir string) error {
	real, err := realDir(dir)
	if err != nil {
		return err
	}
	w.dir, w.root = real, real
	if w.options.Root != "" {
		if w.root, err = realDir(w.options.Root); err != nil {
			return err
		}
		if !within(w.root, w.dir) {
			w.root = w.dir
		}
	}
	var warning string
	if w.pkg, warning = readPackage(w.dir); warning != "" {
		w.warn("%s", warning)
	}
	if w.entry, err = findEntry(w.dir, w.options.Entry, w.pkg.Main); err != nil {
		return err
	}
	files := folder{limits: w.b.limits}
	if err := files.add(ctx, w.dir, "", skipModules); err != nil {
		return err
	}
	w.own = files.sorted()
	return nil
}

func (w *build) close() {
	if w.stage != "" {
		os.RemoveAll(w.stage)
	}
}

func realDir(dir string) (string, error) {
	real, err := filepath.Abs(dir)
	if err == nil {
		real, err = filepath.EvalSymlinks(real)
	}
	if err == nil {
		var info os.FileInfo
		if info, err = os.Stat(real); err == nil && !info.IsDir() {
			return "", yunduo.Errorf(yunduo.ReasonInvalidBundle, "%s is not a folder", filepath.Base(dir))
		}
	}
	if err != nil {
		return "", yunduo.Wrap(err, yunduo.ReasonInvalidBundle, "the folder %s cannot be read", filepath.Base(dir))
	}
	return real, nil
}

func (w *build) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); len(w.warnings) < 20 && !slices.Contains(w.warnings, text) {
		w.warnings = append(w.warnings, text)
	}
}

func (w *build) doubt(format string, args ...any) {
	w.doubts = append(w.doubts, fmt.Sprintf(format, args...))
}

func (w *build) compile(dir string, externalPackages bool) *compilation {
	c := &compilation{dir: dir, entry: w.entry, root: w.root, officialSDK: w.options.OfficialSDK, externalPackages: externalPackages}
	if dir != w.dir {
		c.origin = w.dir
	}
	c.run()
	return c
}

// ownErrors returns the error for the author's own files, nil if only packages could not be compiled.
func ownErrors(c *compilation) error {
	for i, m := range c.errors {
		if m.Location == nil || inModules(cleanPath(m.Location.File)) {
			continue
		}
		if strings.HasPrefix(m.Text, "No loader is configured") {
			continue
		}
		return syntaxError(c.errors[i:])
	}
	return nil
}

// read learns from every file of the code whether it may become one script and whether its slots may share a process.
func (w *build) read(c *compilation) {
	for _, m := range c.errors {
		w.doubt("%s", strings.ReplaceAll(describe(m), "\n", " "))
	}
	for _, name := range slices.Sorted(keysOf(c.inputs)) {
		if !isScript(name) && path.Ext(name) != "" {
			continue
		}
		source, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(name)))
		if err != nil {
			w.doubt("%s cannot be read", cleanPath(name))
			continue
		}
		if inModules(name) {
			w.readPackageFile(cleanPath(name), scan(name, source, false))
		} else {
			w.readOwnFile(name, scan(name, source, true))
		}
	}
	for _, native := range c.natives {
		w.doubt("%s is a native addon", cleanPath(native))
	}
	for _, m := range c.unresolved {
		switch {
		case inModules(m.importer):
		case isRelative(m.specifier):
			w.warn("%s requires %s, which is not in the folder; the call will fail", m.importer, m.specifier)
			w.doubt("%s requires a file that is not there", m.importer)
		default:
			w.warn("%s requires %q, which is neither in package.json nor in the folder; the call will fail", m.importer, m.specifier)
		}
	}
	for _, m := range c.warnings {
		if m.Location != nil && !inModules(cleanPath(m.Location.File)) {
			w.warn("%s: %s", place(*m.Location), m.Text)
		}
	}
}

func (w *build) readOwnFile(name string, f facts) {
	switch {
	case f.unparsed:
		w.doubt("%s could not be analysed", name)
		w.facts.share(name)
	case f.computed:
		w.doubt("%s computes the name of a module that it loads", name)
	case f.tricks:
		w.doubt("%s looks into the module system", name)
	case f.workers:
		w.doubt("%s starts workers", name)
	case f.ownPath && (name != w.entry || path.Dir(name) != "."):
		w.doubt("%s asks for its own path", name)
	}
	if f.eval {
		w.facts.share("eval")
	}
	w.facts.folder = w.facts.folder || f.folder || f.ownPath
	for _, s := range f.shared {
		w.facts.share(s)
	}
}

func (w *build) readPackageFile(name string, f facts) {
	switch {
	case f.unparsed:
		w.doubt("%s could not be analysed", name)
	case f.computed:
		w.doubt("%s computes the name of a module that it loads", name)
	case f.tricks:
		w.doubt("%s looks into the module system", name)
	case f.workers:
		w.doubt("%s starts workers", name)
	case f.ownPath:
		w.doubt("%s asks for its own path", name)
	}
	for _, s := range f.shared {
		w.deps.share(s)
	}
}
