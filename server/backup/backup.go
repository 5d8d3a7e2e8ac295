// Package backup is the form in which data directories are kept elsewhere. A backup folder holds any number of backups:
// a pool of files, each under the checksum of its content, so that what two backups have in common is kept once, and a
// manifest per backup that says which of them make a data directory.
package backup

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// Format is the version of manifests.
const Format = 1

// manifestName is the last entry of a stream; the files come before it.
const manifestName = "manifest.jsonl"

// Header says what a backup is of.
type Header struct {
	Format    int       `json:"format"`
	Version   string    `json:"version"` // of the program
	CreatedAt time.Time `json:"createdAt"`
	Store     string    `json:"store"`   // the data directory: names of files mean the same as long as it is the same
	Objects   string    `json:"objects"` // "disk", or "s3" if files are kept elsewhere and are no part of the backup
	Secret    string    `json:"secret"`  // "file", or "environment" if it is no part of the backup
	// Positions tell how far the backup reaches at least: epoch and offset in the change log of each app.
	Positions map[string]Position `json:"positions"`
}

// Position is a place in the change log of an app.
type Position struct {
	Epoch  uint64 `json:"epoch,string"`
	Offset uint64 `json:"offset"`
}

// File is a file of a data directory.
type File struct {
	Path   string `json:"path"` // with slashes, below the data directory
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Manifest is a backup.
type Manifest struct {
	Header
	Files []File
}

// Bytes is the size of all files.
func (m *Manifest) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// trailer ends a manifest, so that one that was cut is not taken for whole.
type trailer struct {
	End   bool `json:"end"`
	Files int  `json:"files"`
}

// Encode writes the manifest, a JSON object per line.
func (m *Manifest) Encode(w io.Writer) error {
	encoder := json.NewEncoder(w)
	if err := encoder.Encode(m.Header); err != nil {
		return err
	}
	for _, f := range m.Files {
		if err := encoder.Encode(f); err != nil {
			return err
		}
	}
	return encoder.Encode(trailer{End: true, Files: len(m.Files)})
}

// maxManifest bounds a manifest in bytes: some millions of files.
const maxManifest = 1 << 30

// Decode reads a manifest.
func Decode(r io.Reader) (*Manifest, error) {
	decoder := json.NewDecoder(bufio.NewReader(io.LimitReader(r, maxManifest)))
	m := &Manifest{}
	if err := decoder.Decode(&m.Header); err != nil {
		return nil, fmt.Errorf("the manifest cannot be read: %w", err)
	}
	if m.Format != Format {
		return nil, fmt.Errorf("the backup has format %d, this program reads %d", m.Format, Format)
	}
	for {
		var line struct {
			File
			trailer
		}
		if err := decoder.Decode(&line); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("the manifest is not whole: %w", err)
		}
		if line.End {
			if line.trailer.Files != len(m.Files) {
				return nil, errors.New("the manifest lacks files")
			}
			return m, nil
		}
		if err := line.check(); err != nil {
			return nil, err
		}
		m.Files = append(m.Files, line.File)
	}
}

// check makes sure that a file's name stays inside of a directory and its checksum can name a file.
func (f File) check() error {
	if f.Path == "" || path.Clean(f.Path) != f.Path || strings.HasPrefix(f.Path, "/") || f.Path == ".." || strings.HasPrefix(f.Path, "../") || f.Size < 0 {
		return fmt.Errorf("%q cannot be a file of a backup", f.Path)
	}
	if len(f.SHA256) != 64 || strings.Trim(f.SHA256, "0123456789abcdef") != "" {
		return fmt.Errorf("%q has no checksum", f.Path)
	}
	return nil
}

// immutable reports whether a file of a data directory never changes once it is there, so that its name and size tell
// its content.
func immutable(name string) bool {
	return strings.HasPrefix(name, "objects/") || strings.HasPrefix(name, "documents/") && (strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob"))
}
