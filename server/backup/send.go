package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Send writes the files below dir, which nobody changes meanwhile, to w as a stream for Receive. Files that known, an
// earlier backup of the same store, has already are only named.
func Send(ctx context.Context, w io.Writer, dir string, header Header, known *Manifest) error {
	has := map[string]File{}
	if known != nil && known.Store == header.Store {
		for _, f := range known.Files {
			has[f.Path] = f
		}
	}
	header.Format = Format
	m := Manifest{Header: header}
	out := tar.NewWriter(w)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f := File{Path: filepath.ToSlash(relative), Size: info.Size()}
		if old, ok := has[f.Path]; ok && old.Size == f.Size && immutable(f.Path) {
			f.SHA256 = old.SHA256
		} else if f.SHA256, err = sendFile(out, name, f); err != nil {
			return err
		}
		m.Files = append(m.Files, f)
		return nil
	})
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := m.Encode(&text); err != nil {
		return err
	}
	err = out.WriteHeader(&tar.Header{Name: manifestName, Size: int64(text.Len()), Mode: 0o600})
	if err == nil {
		_, err = out.Write(text.Bytes())
	}
	return errors.Join(err, out.Close())
}

func sendFile(out *tar.Writer, name string, f File) (sum string, err error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	// A name that is nowhere used: the manifest says where the file belongs.
	if err := out.WriteHeader(&tar.Header{Name: "file", Size: f.Size, Mode: 0o600}); err != nil {
		return "", err
	}
	digest := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, digest), file)
	if err == nil && n != f.Size {
		err = fmt.Errorf("%s changed while it was read", f.Path)
	}
	return hex.EncodeToString(digest.Sum(nil)), err
}
