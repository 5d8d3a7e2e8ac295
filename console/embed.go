// Package console holds the built web console. It is a client like any other: it only uses the public API.
package console

import (
	"embed"
	"io/fs"
)

// dist is the output of the console's build; the placeholder in git lets the module compile before that.
//
//go:embed all:dist
var dist embed.FS

// Files returns the built console, or nil if the binary was compiled without it.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil
	}
	if _, err := fs.Stat(files, "index.html"); err != nil {
		return nil
	}
	return files
}
