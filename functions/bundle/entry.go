package bundle

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/tailscale/hujson"

	"yunduo"
)

// entryExtensions are tried in this order; a compiled .js wins over the .ts it was made from.
var entryExtensions = []string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx"}

// packageJSON is what a bundle needs from package.json.
type packageJSON struct {
	Main                 string
	Dependencies         map[string]string
	OptionalDependencies map[string]string
	Overrides            json.RawMessage
}

// UnmarshalJSON takes each member on its own, so that an odd one does not hide the others.
func (p *packageJSON) UnmarshalJSON(data []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	*p = packageJSON{Overrides: members["overrides"]}
	if json.Unmarshal(members["main"], &p.Main) != nil {
		p.Main = ""
	}
	for name, target := range map[string]*map[string]string{"dependencies": &p.Dependencies, "optionalDependencies": &p.OptionalDependencies} {
		var versions map[string]any
		if json.Unmarshal(members[name], &versions) != nil {
			continue
		}
		*target = make(map[string]string, len(versions))
		for k, v := range versions {
			if s, ok := v.(string); ok {
				(*target)[k] = s
			}
		}
	}
	return nil
}

// readPackage reads package.json of dir. A missing one is empty; one that is not JSON is empty too, with a warning,
// because the code may well run without it.
func readPackage(dir string) (packageJSON, string) {
	var p packageJSON
	data, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return p, ""
	}
	if data, err = hujson.Standardize(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))); err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil {
		return packageJSON{}, "package.json is not valid JSON (" + err.Error() + "), so its main and dependencies are ignored"
	}
	return p, ""
}

// findEntry returns the module that exports the handler, relative to dir: the wanted one if there is a wish
// ("index" or "src/index"), else the index file, else what package.json calls main.
func findEntry(dir, wanted, main string) (string, error) {
	if wanted != "" {
		name, ok := cleanEntry(wanted)
		if !ok {
			return "", yunduo.Errorf(yunduo.ReasonInvalidBundle, "the handler's file %q must lie in the function's folder", wanted)
		}
		if found := probeEntry(dir, name); found != "" {
			return found, nil
		}
		return "", yunduo.Errorf(yunduo.ReasonInvalidBundle, "the function's folder has no file %s.js, which its handler names", strings.TrimSuffix(name, ".js"))
	}
	if found := probeEntry(dir, "index"); found != "" {
		return found, nil
	}
	if name, ok := cleanEntry(main); ok {
		if found := probeEntry(dir, name); found != "" {
			return found, nil
		}
		if found := probeEntry(dir, path.Join(name, "index")); found != "" {
			return found, nil
		}
	}
	return "", yunduo.Errorf(yunduo.ReasonInvalidBundle, "the function's folder has no index.js (nor index.mjs, index.cjs or index.ts), and no package.json whose \"main\" names an existing file")
}

func cleanEntry(name string) (string, bool) {
	name = path.Clean(filepath.ToSlash(name))
	return name, name != "." && fs.ValidPath(name)
}

func probeEntry(dir, name string) string {
	for _, extension := range append([]string{""}, entryExtensions...) {
		if extension == "" && !isScript(name) {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name+extension))); err == nil && info.Mode().IsRegular() {
			return name + extension
		}
	}
	return ""
}

// isScript reports whether a file name has an extension of code.
func isScript(name string) bool {
	switch path.Ext(name) {
	case ".js", ".mjs", ".cjs", ".jsx":
		return true
	}
	return isTypeScript(name)
}

func isTypeScript(name string) bool {
	switch path.Ext(name) {
	case ".ts", ".mts", ".cts", ".tsx":
		return true
	}
	return false
}
