package bundle

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"

	"yunduo"
)

// The archive of a bundle is a tar file, compressed with zstd: the manifest first, then code, map and files.
const (
	manifestName = "bundle.json"
	codeName     = "code.js"
	mapName      = "code.js.map"
	filesPrefix  = "files/"
)

// manifest is everything about a bundle that is not a file.
type manifest struct {
	Format      int      `json:"format"`
	Mode        Mode     `json:"mode"`
	Entry       string   `json:"entry"`
	NeedsFolder bool     `json:"needsFolder"`
	Exclusive   bool     `json:"exclusive"`
	Reason      string   `json:"reason,omitempty"`
	Shared      []string `json:"shared,omitempty"`
	Packages    []string `json:"packages,omitempty"`
	Warnings    []string `json:"warnings,omitempty"`
}

const archiveFormat = 1

// seal computes the hash.
func (b *Bundle) seal() error {
	h := sha256.New()
	if err := b.writeTar(h); err != nil {
		return err
	}
	b.Hash = hex.EncodeToString(h.Sum(nil))
	return nil
}

func (b *Bundle) writeTar(w io.Writer) error {
	t := tar.NewWriter(w)
	head, err := json.Marshal(manifest{Format: archiveFormat, Mode: b.Mode, Entry: b.Entry, NeedsFolder: b.NeedsFolder, Exclusive: b.Exclusive,
		Reason: b.Reason, Shared: b.Shared, Packages: b.Packages, Warnings: b.Warnings})
	if err != nil {
		return err
	}
	parts := []File{{Path: manifestName, Mode: 0o644, Data: head}}
	if b.Code != nil {
		parts = append(parts, File{Path: codeName, Mode: 0o644, Data: b.Code})
	}
	if b.SourceMap != nil {
		parts = append(parts, File{Path: mapName, Mode: 0o644, Data: b.SourceMap})
	}
	for _, part := range parts {
		if err := writeEntry(t, part); err != nil {
			return err
		}
	}
	for _, f := range b.Files {
		f.Path = filesPrefix + f.Path
		if err := writeEntry(t, f); err != nil {
			return err
		}
	}
	return t.Close()
}

func writeEntry(t *tar.Writer, f File) error {
	header := &tar.Header{Format: tar.FormatPAX, Name: f.Path, Mode: int64(f.Mode.Perm()), Size: int64(len(f.Data)), Typeflag: tar.TypeReg}
	if f.Link != "" {
		header.Typeflag, header.Linkname, header.Size = tar.TypeSymlink, f.Link, 0
	}
	if err := t.WriteHeader(header); err != nil {
		return err
	}
	_, err := t.Write(f.Data)
	return err
}

// Encode writes the bundle as an archive that Decode reads.
func (b *Bundle) Encode(w io.Writer) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	if err := b.writeTar(z); err != nil {
		return err
	}
	return z.Close()
}

// Decode reads an archive, whoever made it, and checks that it is a bundle within the limits. It returns
// invalid_bundle for anything else.
func Decode(r io.Reader, limits Limits) (*Bundle, error) {
	b, err := decode(r, limits.withDefaults())
	if err != nil {
		var known *yunduo.Error
		if errors.As(err, &known) {
			return nil, err
		}
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidBundle, "the archive is not a bundle of a function")
	}
	return b, b.seal()
}

func decode(r io.Reader, limits Limits) (*Bundle, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	t := tar.NewReader(z)
	b, files, codeBytes := &Bundle{}, folder{limits: limits}, limits.SourceBytes+limits.ModuleBytes
	for {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if header.Size > limits.SourceBytes+limits.ModuleBytes {
			return nil, fmt.Errorf("entry of %d bytes", header.Size)
		}
		switch header.Name {
		case manifestName:
			err = b.readManifest(io.LimitReader(t, 1<<20))
		case codeName:
			b.Code, err = readPart(t, codeBytes)
		case mapName:
			b.SourceMap, err = readPart(t, codeBytes)
		default:
			err = files.extract(t, header)
		}
		if err != nil {
			return nil, err
		}
	}
	if b.Mode == "" {
		return nil, errors.New("no manifest")
	}
	b.Files = files.sorted()
	return b, nil
}

func readPart(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errors.New("too large")
	}
	return data, err
}

func (b *Bundle) readManifest(r io.Reader) error {
	var m manifest
	if err := json.NewDecoder(r).Decode(&m); err != nil {
		return err
	}
	if m.Format != archiveFormat || (m.Mode != ModeBundled && m.Mode != ModeUnbundled) || !fs.ValidPath(m.Entry) || m.Entry == "." {
		return fmt.Errorf("format %d, mode %q, entry %q", m.Format, m.Mode, m.Entry)
	}
	b.Mode, b.Entry, b.NeedsFolder, b.Exclusive = m.Mode, m.Entry, m.NeedsFolder, m.Exclusive
	b.Reason, b.Shared, b.Packages, b.Warnings = m.Reason, m.Shared, m.Packages, m.Warnings
	return nil
}

// extract takes one entry of an archive into the folder.
func (f *folder) extract(t *tar.Reader, header *tar.Header) error {
	name, ok := strings.CutPrefix(header.Name, filesPrefix)
	if !ok || !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
		return fmt.Errorf("entry %q", header.Name)
	}
	file := File{Path: name, Mode: 0o644}
	switch header.Typeflag {
	case tar.TypeReg:
		if err := f.fits(name, header.Size); err != nil {
			return err
		}
		data, err := readPart(t, header.Size)
		if err != nil {
			return err
		}
		file.Data = data
		if header.Mode&0o111 != 0 {
			file.Mode = 0o755
		}
	case tar.TypeSymlink:
		target := path.Join(path.Dir(name), header.Linkname)
		if path.IsAbs(header.Linkname) || header.Linkname == "" || !fs.ValidPath(target) {
			return fmt.Errorf("link %q to %q", name, header.Linkname)
		}
		file.Link = header.Linkname
	default:
		return fmt.Errorf("entry %q of type %d", name, header.Typeflag)
	}
	if err := f.count(name, int64(len(file.Data))); err != nil {
		return err
	}
	f.files = append(f.files, file)
	return nil
}
