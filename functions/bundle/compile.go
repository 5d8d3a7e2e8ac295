package bundle

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"
	"github.com/tailscale/hujson"
)

// compilation is one run of the compiler.
type compilation struct {
	dir   string // of the function, a real path
	entry string
	root  string // files outside of it are not read
	// origin is where the files of dir were copied from, if they were: relative paths that lead out of dir are
	// followed from there.
	origin string
	// officialSDK treats the SDK names as any package.
	officialSDK bool
	// externalPackages leaves packages out of the code, except for those that only exist as ES modules.
	externalPackages bool

	mu         sync.Mutex
	unresolved []missing
	natives    []string
	escapes    []missing

	code      []byte
	sourceMap []byte
	inputs    map[string]input
	taken     map[string]int // bytes of the code by input
	errors    []api.Message
	warnings  []api.Message
}

// missing is an import that leads nowhere.
type missing struct {
	specifier string
	importer  string // relative to dir
}

func sortMissing(list []missing) {
	slices.SortFunc(list, func(a, b missing) int {
		return cmp.Or(strings.Compare(a.importer, b.importer), strings.Compare(a.specifier, b.specifier))
	})
}

// input is one file that became part of the code.
type input struct {
	Bytes  int    `json:"bytes"`
	Format string `json:"format"` // cjs, esm, or empty for data
}

// resolving marks the compiler's own look-ups, so that they do not come back to the plugin.
type resolving struct{}

func (c *compilation) run() {
	result := api.Build(api.BuildOptions{
		AbsWorkingDir: c.dir,
		EntryPoints:   []string{"./" + c.entry},
		Outfile:       filepath.Join(c.dir, filepath.FromSlash(c.entry)) + ".bundle",
		Bundle:        true,
		Platform:      api.PlatformNode,
		Format:        api.FormatCommonJS,
		Engines:       []api.Engine{{Name: api.EngineNode, Version: "20"}},
		// Whitespace only: names show in stack traces, and syntax stays the author's.
		MinifyWhitespace: true,
		LegalComments:    api.LegalCommentsNone,
		Sourcemap:        api.SourceMapExternal,
		SourcesContent:   api.SourcesContentExclude,
		Metafile:         true,
		LogLevel:         api.LogLevelSilent,
		// What Node.js itself does, in its order. TypeScript comes last.
		MainFields:        []string{"main", "module"},
		Conditions:        []string{},
		ResolveExtensions: []string{".js", ".json", ".node", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts"},
		Loader:            map[string]api.Loader{".node": api.LoaderCopy},
		// A file of the function's own folder is found by its bare name too, after node_modules.
		NodePaths:   []string{c.dir},
		TsconfigRaw: tsconfig(c.dir),
		Plugins:     []api.Plugin{{Name: "yunduo", Setup: func(build api.PluginBuild) { c.setup(build) }}},
	})
	c.errors, c.warnings = result.Errors, result.Warnings
	// Imports are resolved side by side; the bundle must not depend on who was first.
	sortMissing(c.unresolved)
	sortMissing(c.escapes)
	slices.Sort(c.natives)
	var meta struct {
		Inputs  map[string]input `json:"inputs"`
		Outputs map[string]struct {
			Inputs map[string]struct {
				Bytes int `json:"bytesInOutput"`
			} `json:"inputs"`
		} `json:"outputs"`
	}
	if json.Unmarshal([]byte(result.Metafile), &meta) == nil {
		c.inputs, c.taken = meta.Inputs, make(map[string]int, len(meta.Inputs))
		for _, out := range meta.Outputs {
			for name, in := range out.Inputs {
				c.taken[name] += in.Bytes
			}
		}
	}
	for _, file := range result.OutputFiles {
		switch path.Ext(file.Path) {
		case ".map":
			c.sourceMap = cleanSourceMap(file.Contents)
		case ".bundle":
			c.code = file.Contents
			if bytes.HasPrefix(c.code, []byte("#!")) {
				copy(c.code, "//") // the script will not be at the start of a file
			}
		}
	}
}

func (c *compilation) setup(build api.PluginBuild) {
	build.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		if _, own := args.PluginData.(resolving); own || args.Kind == api.ResolveEntryPoint {
			return api.OnResolveResult{}, nil
		}
		external := api.OnResolveResult{Path: args.Path, External: true}
		if isBuiltin(args.Path) || (!c.officialSDK && IsSDK(args.Path)) {
			return external, nil
		}
		found, ok := c.resolve(build, args, args.ResolveDir)
		if !ok && isRelative(args.Path) && c.origin != "" && within(c.dir, args.ResolveDir) {
			found, ok = c.resolve(build, args, filepath.Join(c.origin, relative(c.dir, args.ResolveDir)))
		}
		switch {
		case !ok:
			c.note(&c.unresolved, args)
			return external, nil
		case found.External:
			return api.OnResolveResult{Path: found.Path, External: true}, nil
		case !within(c.root, found.Path) && !(c.origin != "" && within(filepath.Dir(c.dir), found.Path)):
			if isRelative(args.Path) {
				c.note(&c.escapes, args)
			} else {
				c.note(&c.unresolved, args)
			}
			return external, nil
		case filepath.Ext(found.Path) == ".node":
			c.mu.Lock()
			c.natives = append(c.natives, relative(c.dir, found.Path))
			c.mu.Unlock()
			return external, nil
		case c.externalPackages && !isRelative(args.Path) && inModules(filepath.ToSlash(found.Path)) && !isModuleOnly(found.Path):
			return external, nil
		}
		sideEffects := api.SideEffectsTrue
		if !found.SideEffects {
			sideEffects = api.SideEffectsFalse
		}
		return api.OnResolveResult{Path: found.Path, Namespace: found.Namespace, Suffix: found.Suffix, SideEffects: sideEffects}, nil
	})
}

func (c *compilation) resolve(build api.PluginBuild, args api.OnResolveArgs, dir string) (api.ResolveResult, bool) {
	found := build.Resolve(args.Path, api.ResolveOptions{
		Importer: args.Importer, Namespace: args.Namespace, ResolveDir: dir, Kind: args.Kind, With: args.With, PluginData: resolving{},
	})
	return found, len(found.Errors) == 0 && found.Path != ""
}

func (c *compilation) note(list *[]missing, args api.OnResolveArgs) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*list = append(*list, missing{specifier: args.Path, importer: relative(c.dir, args.Importer)})
}

// isModuleOnly reports whether a resolved file of a package is an ES module, which require cannot be relied on to load.
func isModuleOnly(name string) bool {
	switch filepath.Ext(name) {
	case ".mjs":
		return true
	case ".js":
	default:
		return false
	}
	for dir := filepath.Dir(name); filepath.Base(dir) != "node_modules" && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		data, err := os.ReadFile(filepath.Join(dir, "package.json"))
		if err != nil {
			continue
		}
		var p struct {
			Type string `json:"type"`
		}
		return json.Unmarshal(data, &p) == nil && p.Type == "module"
	}
	return false
}

// tsconfig returns the compiler options of the function's tsconfig.json that change what code does. Strictness is a
// matter of the author's type checker: here it would put "use strict" over code that relies on sloppy mode.
func tsconfig(dir string) string {
	var config struct {
		CompilerOptions map[string]any `json:"compilerOptions"`
	}
	data, err := os.ReadFile(filepath.Join(dir, "tsconfig.json"))
	if err == nil {
		if data, err = hujson.Standardize(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))); err == nil {
			err = json.Unmarshal(data, &config)
		}
	}
	if err != nil {
		return "{}"
	}
	options := map[string]any{}
	for _, name := range []string{"baseUrl", "paths", "target", "experimentalDecorators", "useDefineForClassFields", "verbatimModuleSyntax",
		"jsx", "jsxFactory", "jsxFragmentFactory", "jsxImportSource"} {
		if value, ok := config.CompilerOptions[name]; ok {
			options[name] = value
		}
	}
	raw, err := json.Marshal(map[string]any{"compilerOptions": options})
	if err != nil {
		return "{}"
	}
	return string(raw)
}

// cleanSourceMap drops what depends on the place of the build from the paths of a source map.
func cleanSourceMap(data []byte) []byte {
	var m struct {
		Version  int      `json:"version"`
		Sources  []string `json:"sources"`
		Mappings string   `json:"mappings"`
		Names    []string `json:"names"`
	}
	if json.Unmarshal(data, &m) != nil {
		return nil
	}
	for i, source := range m.Sources {
		if at := strings.Index(source, "node_modules/"); at >= 0 && strings.Trim(source[:at], "./") == "" {
			m.Sources[i] = source[at:]
		}
	}
	m.Names = []string{}
	clean, err := json.Marshal(m)
	if err != nil {
		return nil
	}
	return clean
}
