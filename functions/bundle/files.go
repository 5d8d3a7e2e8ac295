package bundle

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"yunduo"
)

// skipped are names that never belong to a function, wherever they are.
var skipped = map[string]bool{
	".git": true, ".svn": true, ".hg": true, ".idea": true, ".vscode": true, ".yunduo": true,
	".DS_Store": true, "Thumbs.db": true, "npm-debug.log": true,
}

// Skipped reports whether a file or folder of this name never belongs to a function: version control, editors and
// file managers leave them behind.
func Skipped(name string) bool { return skipped[name] }

// folder collects files of one function under its limits.
type folder struct {
	limits  Limits
	source  int64
	modules int64
	files   []File
}

// add reads the files below dir, which is a real path, and puts them under prefix. Symbolic links must stay below dir.
func (f *folder) add(ctx context.Context, dir, prefix string, skip func(rel string, d fs.DirEntry) bool) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return unreadable(err, prefix, dir, name)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if name == dir {
			return nil
		}
		rel := relative(dir, name)
		if skipped[d.Name()] || skip(rel, d) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		switch {
		case d.IsDir():
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			return f.addLink(dir, name, prefix)
		case d.Type().IsRegular():
			return f.addFile(d, dir, name, prefix)
		}
		return yunduo.Errorf(yunduo.ReasonInvalidBundle, "%s is neither a file nor a folder; a function may hold only those", rel)
	})
}

func (f *folder) addFile(d fs.DirEntry, dir, name, prefix string) error {
	info, err := d.Info()
	if err != nil {
		return unreadable(err, prefix, dir, name)
	}
	rel := path.Join(prefix, relative(dir, name))
	// The size is checked before reading, so that a huge file costs nothing, and counted after it.
	if err := f.fits(rel, info.Size()); err != nil {
		return err
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return unreadable(err, prefix, dir, name)
	}
	if err := f.count(rel, int64(len(data))); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	f.files = append(f.files, File{Path: rel, Mode: mode, Data: data})
	return nil
}

func (f *folder) addLink(dir, name, prefix string) error {
	rel := relative(dir, name)
	target, err := filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a dangling link is as good as none
	}
	if err != nil {
		return unreadable(err, prefix, dir, name)
	}
	if !within(dir, target) {
		return yunduo.Errorf(yunduo.ReasonInvalidBundle, "%s is a symbolic link that leads out of the function's folder; copy the file into the folder", rel)
	}
	link, err := filepath.Rel(filepath.Dir(name), target)
	if err != nil {
		return unreadable(err, prefix, dir, name)
	}
	if err := f.count(rel, 0); err != nil {
		return err
	}
	f.files = append(f.files, File{Path: path.Join(prefix, rel), Mode: 0o644, Link: filepath.ToSlash(link)})
	return nil
}

func (f *folder) fits(rel string, size int64) error {
	if inModules(rel) {
		if f.modules+size > f.limits.ModuleBytes {
			return yunduo.Errorf(yunduo.ReasonInvalidBundle, "node_modules holds more than %d MiB", f.limits.ModuleBytes>>20)
		}
		return nil
	}
	if f.source+size > f.limits.SourceBytes {
		return yunduo.Errorf(yunduo.ReasonInvalidBundle, "the function's folder holds more than %d MiB (reached at %s); keep large files in storage", f.limits.SourceBytes>>20, rel)
	}
	return nil
}

func (f *folder) count(rel string, size int64) error {
	if err := f.fits(rel, size); err != nil {
		return err
	}
	if len(f.files) >= f.limits.Files {
		return yunduo.Errorf(yunduo.ReasonInvalidBundle, "the function's folder holds more than %d files", f.limits.Files)
	}
	if inModules(rel) {
		f.modules += size
	} else {
		f.source += size
	}
	return nil
}

// sorted returns the files in path order, without those that an earlier add brought already.
func (f *folder) sorted() []File {
	sort.SliceStable(f.files, func(i, j int) bool { return f.files[i].Path < f.files[j].Path })
	unique := f.files[:0]
	for _, file := range f.files {
		if len(unique) == 0 || unique[len(unique)-1].Path != file.Path {
			unique = append(unique, file)
		}
	}
	return unique
}

func skipModules(_ string, d fs.DirEntry) bool { return d.Name() == "node_modules" }

func skipNothing(string, fs.DirEntry) bool { return false }

// skipSDK leaves out of a node_modules folder what the platform answers to itself, and what only tools need.
func skipSDK(rel string, _ fs.DirEntry) bool {
	switch rel {
	case ".bin", ".cache", ".package-lock.json":
		return true
	}
	for _, sdk := range sdkNames {
		if rel == sdk {
			return true
		}
	}
	return false
}

// relative returns name relative to dir with slashes.
func relative(dir, name string) string {
	rel, err := filepath.Rel(dir, name)
	if err != nil {
		return filepath.ToSlash(name)
	}
	return filepath.ToSlash(rel)
}

// within reports whether name is dir or lies below it. Both are real paths.
func within(dir, name string) bool {
	rel, err := filepath.Rel(dir, name)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func unreadable(err error, prefix, dir, name string) error {
	return yunduo.Wrap(err, yunduo.ReasonInvalidBundle, "%s cannot be read", path.Join(prefix, relative(dir, name)))
}
