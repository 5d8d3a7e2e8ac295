package bundle

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"yunduo"
)

// Materialize writes the folder of the bundle to dir, which must not exist yet.
func (b *Bundle) Materialize(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	files := b.Files
	if b.Mode == ModeUnbundled && b.Code != nil {
		files = append(files[:len(files):len(files)], File{Path: b.Entry, Mode: 0o644, Data: b.Code})
	}
	return writeFiles(dir, files)
}

// writeFiles writes files below dir. An os.Root keeps a link among them from leading a later file out of dir.
func writeFiles(dir string, files []File) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	made := make(map[string]bool)
	for _, f := range files {
		name := filepath.FromSlash(f.Path)
		if parent := filepath.Dir(name); parent != "." && !made[parent] {
			if err := root.MkdirAll(parent, 0o755); err != nil {
				return err
			}
			made[parent] = true
		}
		if f.Link != "" {
			err = root.Symlink(filepath.FromSlash(f.Link), name)
		} else {
			err = root.WriteFile(name, f.Data, f.Mode)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// WriteSource writes a function's folder, given as a file system or a list of files, to dir, within the limits.
// invalid_bundle tells what cannot be part of a function.
func WriteSource(dir string, source fs.FS, files []File, limits Limits) error {
	f := folder{limits: limits.withDefaults()}
	for _, file := range files {
		if !fs.ValidPath(file.Path) || file.Path == "." || strings.ContainsAny(file.Path, "\\\x00") {
			return yunduo.Errorf(yunduo.ReasonInvalidBundle, "%q is not a path inside the function's folder", file.Path)
		}
		if err := f.count(file.Path, int64(len(file.Data))); err != nil {
			return err
		}
		f.files = append(f.files, File{Path: file.Path, Mode: 0o644 | file.Mode&0o111, Data: file.Data})
	}
	if source != nil {
		if err := fs.WalkDir(source, ".", f.copy(source)); err != nil {
			return err
		}
	}
	if err := writeFiles(dir, f.sorted()); err != nil {
		return yunduo.Wrap(err, yunduo.ReasonInvalidBundle, "the function's files cannot be written; two of them may need the same name")
	}
	return nil
}

// copy takes the regular files of a file system into the folder. What else there is (links, devices) cannot be
// checked here and is refused.
func (f *folder) copy(source fs.FS) fs.WalkDirFunc {
	return func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return yunduo.Wrap(err, yunduo.ReasonInvalidBundle, "%s cannot be read", name)
		}
		if skipped[d.Name()] {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		info, err := d.Info()
		if err == nil && !info.Mode().IsRegular() {
			return yunduo.Errorf(yunduo.ReasonInvalidBundle, "%s is not a regular file; a function may hold only those", name)
		}
		var data []byte
		if err == nil {
			if err := f.fits(name, info.Size()); err != nil {
				return err
			}
			data, err = fs.ReadFile(source, name)
		}
		if err != nil {
			return yunduo.Wrap(err, yunduo.ReasonInvalidBundle, "%s cannot be read", name)
		}
		if err := f.count(name, int64(len(data))); err != nil {
			return err
		}
		f.files = append(f.files, File{Path: name, Mode: 0o644 | info.Mode()&0o111, Data: data})
		return nil
	}
}
