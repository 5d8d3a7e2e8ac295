package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// ScriptForm is how a script made of modules is used.
type ScriptForm string

// The forms of a script.
const (
	ScriptCommonJS ScriptForm = "commonjs" // for require(): functions and mini-programs
	ScriptBrowser  ScriptForm = "browser"  // for a <script> tag: its exports become a global variable
)

// Script joins the CommonJS module entry of files and all it requires into one text. global is the variable of
// ScriptBrowser. It is how the platform's own SDK reaches functions, pages and mini-programs.
func Script(files fs.FS, entry string, form ScriptForm, global string) ([]byte, error) {
	options := api.BuildOptions{
		EntryPoints: []string{entry}, Bundle: true, Write: false, LogLevel: api.LogLevelSilent, Outfile: "script.js",
		LegalComments: api.LegalCommentsNone, MinifyWhitespace: true, Format: api.FormatCommonJS, Target: api.ES2018,
		Platform: api.PlatformNeutral, MainFields: []string{"main"},
		Plugins: []api.Plugin{{Name: "files", Setup: func(b api.PluginBuild) { readFrom(b, files) }}},
	}
	switch form {
	case ScriptBrowser:
		options.Format, options.GlobalName, options.MinifySyntax, options.MinifyIdentifiers = api.FormatIIFE, global, true, true
	case ScriptCommonJS:
		options.Platform, options.Target = api.PlatformNode, api.ES2022
	}
	result := api.Build(options)
	if len(result.Errors) > 0 {
		return nil, errors.New("script " + entry + ": " + result.Errors[0].Text)
	}
	return result.OutputFiles[0].Contents, nil
}

// readFrom resolves relative requires inside a file system that is not on disk.
func readFrom(b api.PluginBuild, files fs.FS) {
	b.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		if a.Kind != api.ResolveEntryPoint && !strings.HasPrefix(a.Path, ".") {
			return api.OnResolveResult{Path: a.Path, External: true}, nil
		}
		name := a.Path
		if a.Kind != api.ResolveEntryPoint {
			name = path.Join(path.Dir(a.Importer), a.Path)
		}
		for _, candidate := range []string{name, name + ".js", path.Join(name, "index.js")} {
			if info, err := fs.Stat(files, candidate); err == nil && !info.IsDir() {
				return api.OnResolveResult{Path: candidate, Namespace: "files"}, nil
			}
		}
		return api.OnResolveResult{}, fmt.Errorf("%s requires %s, which does not exist", a.Importer, a.Path)
	})
	b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: "files"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
		text, err := fs.ReadFile(files, a.Path)
		if err != nil {
			return api.OnLoadResult{}, err
		}
		contents := string(text)
		return api.OnLoadResult{Contents: &contents, Loader: api.LoaderJS}, nil
	})
}
