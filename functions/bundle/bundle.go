// Package bundle turns the source folder of a function into an immutable, content-addressed bundle.
//
// A bundle is made once, at deployment, and only run afterwards. Most functions become one CommonJS script. Where
// putting everything into one script could change what the code does (computed requires, native addons, packages that
// read their own files), the folder is kept as it is, with its node_modules.
package bundle

import "io/fs"

// Mode says in which form a bundle runs.
type Mode string

// The modes of a bundle.
const (
	// ModeBundled is one script that holds the code and its packages.
	ModeBundled Mode = "bundled"
	// ModeUnbundled is the folder with its node_modules, loaded by Node.js as any program.
	ModeUnbundled Mode = "unbundled"
)

// Bundle is the immutable code of one function. Its Hash depends on its content alone, never on the machine or time.
type Bundle struct {
	Mode Mode
	// Entry is the module that exports the handler, relative to the folder with slashes: "index.js".
	Entry string
	// Code is the script in CommonJS form. In an unbundled one it is nil, or the compiled form of a TypeScript or ES
	// module entry, which the folder then holds at Entry.
	Code []byte
	// SourceMap maps Code to the author's files; paths in it are relative to the folder.
	SourceMap []byte
	// Files are the author's files, and node_modules when unbundled, ordered by path.
	Files []File
	// NeedsFolder says that the code may read its folder: it must be there, and be the working directory, when it runs.
	NeedsFolder bool
	// Exclusive says that two requests in one process could see each other's data, because the code writes to globals
	// or could not be understood. Shared names what it writes, for the author.
	Exclusive bool
	Shared    []string
	// Reason says what in the code made it unbundled; empty when bundled or when that was asked for.
	Reason string
	// Packages are the npm packages that the code uses, as name@version, ordered.
	Packages []string
	// Warnings are sentences for the author.
	Warnings []string
	// Hash is the SHA-256 of all of the above in hexadecimal.
	Hash string
	// Report is for the author; neither hash nor archive have it.
	Report Report
}

// File is one file of a bundle.
type File struct {
	Path string      // relative, with slashes
	Mode fs.FileMode // 0o644 or 0o755
	Data []byte
	Link string // target of a symbolic link inside the folder, relative to the link; Data is empty then
}

// Limits bound what a bundle may hold. Zero values mean the defaults.
type Limits struct {
	SourceBytes int64 // the author's files, 50 MiB
	ModuleBytes int64 // node_modules, 250 MiB
	Files       int   // of both kinds together, 50,000
}

func (l Limits) withDefaults() Limits {
	if l.SourceBytes <= 0 {
		l.SourceBytes = 50 << 20
	}
	if l.ModuleBytes <= 0 {
		l.ModuleBytes = 250 << 20
	}
	if l.Files <= 0 {
		l.Files = 50_000
	}
	return l
}

// Source returns the author's own files, without node_modules.
func (b *Bundle) Source() []File {
	own := make([]File, 0, len(b.Files))
	for _, f := range b.Files {
		if !inModules(f.Path) {
			own = append(own, f)
		}
	}
	return own
}

// Size returns the bytes of code and files.
func (b *Bundle) Size() int64 {
	size := int64(len(b.Code))
	for _, f := range b.Files {
		size += int64(len(f.Data))
	}
	return size
}
