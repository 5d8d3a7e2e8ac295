package cloudbase

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"io/fs"
	"path"
	"strings"

	"yunduo"
	"yunduo/wire"
)

const (
	maxUnpacked    = 300 << 20 // bytes of all files of an archive
	maxUnpackedOne = 100 << 20
	maxEntries     = 50_000
)

// folder returns the files of a function: of the archive in the request, or of one that was uploaded before, which is
// thrown away afterwards.
func (c *controlCall) folder(ctx context.Context, p *functionParams) ([]wire.DeployFile, error) {
	text, name := p.Code.ZipFile+p.ZipFile, p.Code.TempCosObjectName+p.TempCosObjectName
	switch {
	case text != "":
		archive, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, yunduo.Wrap(err, yunduo.ReasonInvalidBundle, "Code.ZipFile: it must be base64")
		}
		return unpack(archive)
	case name == "":
		return nil, yunduo.Errorf(yunduo.ReasonInvalidBundle, "Code: the function's code is missing; send ZipFile, or upload an archive and send TempCosObjectName")
	}
	name = strings.TrimLeft(name, "/")
	archive, err := c.surface.Rooms.Functions.Staged(ctx, c.call.Caller, c.call.App, name)
	if err != nil {
		return nil, err
	}
	files, err := unpack(archive)
	if err != nil {
		return nil, err
	}
	return files, c.surface.Rooms.Functions.Unstage(ctx, c.call.Caller, c.call.App, name)
}

// unpack reads the files of a zip archive, whoever made it.
func unpack(archive []byte) ([]wire.DeployFile, error) {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidBundle, "the function's code is not a zip archive")
	}
	if len(z.File) > maxEntries {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidBundle, "the archive has more than %d files", maxEntries)
	}
	files, total := []wire.DeployFile{}, int64(0)
	for _, f := range z.File {
		name := strings.TrimPrefix(strings.ReplaceAll(f.Name, "\\", "/"), "./")
		if f.FileInfo().IsDir() || strings.HasSuffix(name, "/") || !f.Mode().IsRegular() {
			continue
		}
		if !fs.ValidPath(name) || path.IsAbs(name) {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidBundle, "the archive has a file outside of its folder: %q", clip(name))
		}
		data, err := entry(f)
		if err != nil {
			return nil, err
		}
		if total += int64(len(data)); total > maxUnpacked {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidBundle, "the files of the archive have more than %d MiB", maxUnpacked>>20)
		}
		files = append(files, wire.DeployFile{Path: name, Content: data})
	}
	if len(files) == 0 {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidBundle, "the archive has no files")
	}
	return files, nil
}

// entry reads one file; what its header says about the size is not believed.
func entry(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidBundle, "the archive's file %q cannot be read", clip(f.Name))
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxUnpackedOne+1))
	switch {
	case err != nil:
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidBundle, "the archive's file %q cannot be read", clip(f.Name))
	case len(data) > maxUnpackedOne:
		return nil, yunduo.Errorf(yunduo.ReasonInvalidBundle, "the archive's file %q has more than %d MiB", clip(f.Name), maxUnpackedOne>>20)
	}
	return data, nil
}
