package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"yunduo/data/documents/driver"
	"yunduo/data/interchange"
	"yunduo/data/query/ejson"
	client "yunduo/sdk/go"
	"yunduo/wire"
)

// importing is one run of "db import".
type importing struct {
	cmd                      *cobra.Command
	l                        language
	c                        *client.Client
	collection, format, mode string
	report                   string // file for the rejected documents
	total                    wire.ImportReport
}

func dbImport(l language) *cobra.Command {
	i := &importing{l: l}
	cmd := listing(verb("import FILE|DIR", l.say(dataTexts.importCmd), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		i.cmd, i.c = cmd, c
		return i.run(args[0])
	}))
	cmd.Flags().StringVar(&i.collection, "collection", "", "into this collection; default: the file's name")
	cmd.Flags().StringVar(&i.format, "format", "", "jsonl, json, csv, bson or archive; default: told by the file's name")
	cmd.Flags().StringVar(&i.mode, "mode", "insert", "when an _id is taken: insert rejects, upsert sets fields, replace replaces")
	cmd.Flags().StringVar(&i.report, "report", "", "write the rejected documents to this file, one JSON object per line")
	return cmd
}

func (i *importing) run(name string) error {
	files := []string{name}
	if name != "-" {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if info.IsDir() {
			if i.collection != "" {
				return errors.New("a folder holds several collections; leave --collection out")
			}
			if files, err = dumpFiles(name); err != nil {
				return err
			}
		}
	}
	for _, file := range files {
		if err := i.file(file); err != nil {
			return err
		}
	}
	return i.finish()
}

// dumpFiles lists the collections in a folder of mongodump, or in the only folder in it.
func dumpFiles(dir string) ([]string, error) {
	var files []string
	for _, pattern := range []string{"*.bson", "*.bson.gz", "*/*.bson", "*/*.bson.gz"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	files = slices.DeleteFunc(files, func(f string) bool {
		return strings.HasPrefix(filepath.Base(f), "system.") || slices.Contains([]string{"admin", "config"}, filepath.Base(filepath.Dir(f)))
	})
	if len(files) == 0 {
		return nil, fmt.Errorf("there are no .bson files in %s", dir)
	}
	for _, f := range files[1:] {
		if filepath.Dir(f) != filepath.Dir(files[0]) {
			return nil, fmt.Errorf("%s holds several databases; name the folder of one", dir)
		}
	}
	return files, nil
}

// collectionOf returns the collection that a file's name stands for. mongodump escapes what file names cannot have.
func collectionOf(file string) string {
	name := strings.TrimSuffix(filepath.Base(file), ".gz")
	name = strings.TrimSuffix(name, filepath.Ext(name))
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}

// file imports one file and the indexes that a dump has beside it.
func (i *importing) file(name string) error {
	request := wire.ImportRequest{Collection: i.collection, Format: i.format, Mode: i.mode}
	if request.Format == "" {
		request.Format = string(interchange.FormatOf(name))
	}
	if request.Format == "" {
		return fmt.Errorf("the name %q does not tell what the file is; give --format", name)
	}
	isArchive := request.Format == string(interchange.Archive)
	if request.Collection == "" && !isArchive {
		if request.Collection = collectionOf(name); name == "-" {
			return errors.New("give --collection: standard input has no name")
		}
	}
	in := i.cmd.InOrStdin()
	shown := request.Collection
	if isArchive {
		shown = filepath.Base(name)
	}
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		if request.Source, err = digest(i.cmd.Context(), file); err != nil {
			return err
		}
		progress := newProgress(i.cmd, shown, file)
		defer progress.end()
		in = progress
	}
	report, err := i.c.Import(i.cmd.Context(), request, in)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if request.Format == string(interchange.BSON) && name != "-" {
		if err := i.indexes(name, request.Collection, &report); err != nil {
			return err
		}
	}
	return i.tell(shown, report)
}

// digest names a file by its content, so that importing it again is recognized, and rewinds it.
func digest(ctx context.Context, file *os.File) (string, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, reading{ctx, file}); err != nil {
		return "", err
	}
	_, err := file.Seek(0, io.SeekStart)
	return hex.EncodeToString(sum.Sum(nil)[:16]), err
}

// reading ends with the context.
type reading struct {
	ctx context.Context
	r   io.Reader
}

// Read reads.
func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// indexes makes the indexes that the metadata beside a dumped collection names.
func (i *importing) indexes(file, collection string, report *wire.ImportReport) error {
	base, zipped := strings.CutSuffix(file, ".gz")
	name := strings.TrimSuffix(base, ".bson") + ".metadata.json"
	if zipped {
		name += ".gz"
	}
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	unpacked, err := interchange.Unpack(f)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(unpacked, 16<<20))
	if err != nil {
		return err
	}
	found, skipped, err := interchange.ParseMetadata(text)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	report.Warnings = append(report.Warnings, skipped...)
	for _, index := range found {
		if err := i.c.CreateIndex(i.cmd.Context(), collection, wireIndex(index)); err != nil {
			report.Warnings = append(report.Warnings, fmt.Sprintf("index %q of %q: %s", index.Name, collection, sentence(err)))
			continue
		}
		report.Indexes++
	}
	return nil
}

// wireIndex is an index as the server is asked for it.
func wireIndex(index driver.Index) wire.Index {
	w := wire.Index{Name: index.Name, Unique: index.Unique, Sparse: index.Sparse, ExpireAfterSeconds: int64(index.ExpireAfter / time.Second)}
	for _, f := range index.Fields {
		w.Fields = append(w.Fields, wire.IndexField(f))
	}
	if len(index.Partial) > 0 {
		w.PartialFilter = ejson.AppendCanonical(nil, index.Partial)
	}
	if len(index.Collation) > 0 {
		w.Collation = ejson.AppendCanonical(nil, index.Collation)
	}
	return w
}

// tell prints what became of a file and adds it to the total.
func (i *importing) tell(shown string, r wire.ImportReport) error {
	for n := range r.Rejections {
		if r.Rejections[n].Collection == "" {
			r.Rejections[n].Collection = shown
		}
	}
	i.total.Inserted += r.Inserted
	i.total.Updated += r.Updated
	i.total.Unchanged += r.Unchanged
	i.total.Rejected += r.Rejected
	i.total.Indexes += r.Indexes
	i.total.Rejections = append(i.total.Rejections, r.Rejections...)
	i.total.Warnings = append(i.total.Warnings, r.Warnings...)
	if asJSON, _ := i.cmd.Flags().GetBool("json"); !asJSON {
		i.print(shown, r)
	}
	if r.Error != nil {
		return fmt.Errorf("%s ended early: %s", shown, r.Error.Message)
	}
	return nil
}

// print says it for people: not more than a screen of rejected documents.
func (i *importing) print(shown string, r wire.ImportReport) {
	const screen = 10
	out := i.cmd.OutOrStdout()
	fmt.Fprintln(out, i.l.say(dataTexts.imported, shown, r.Inserted, r.Updated, r.Unchanged, r.Rejected))
	for n, rejection := range r.Rejections {
		if n == screen {
			break
		}
		fmt.Fprintln(out, i.l.say(dataTexts.rejected, rejection.Line, rejection.Message))
	}
	if r.Rejected > screen {
		fmt.Fprintln(out, i.l.say(dataTexts.moreRejected, r.Rejected-screen))
	}
	if r.Indexes > 0 {
		fmt.Fprintln(out, i.l.say(dataTexts.indexesMade, r.Indexes))
	}
	for _, w := range r.Warnings {
		fmt.Fprintln(out, i.l.say(dataTexts.warning, w))
	}
}

func (i *importing) finish() error {
	if asJSON, _ := i.cmd.Flags().GetBool("json"); asJSON {
		if err := printJSON(i.cmd.OutOrStdout(), i.total); err != nil {
			return err
		}
	}
	if i.report != "" {
		if err := writeRejections(i.report, i.total.Rejections); err != nil {
			return err
		}
	}
	if i.total.Rejected > 0 {
		return fmt.Errorf("%d documents were rejected", i.total.Rejected)
	}
	return nil
}

func writeRejections(name string, list []wire.Rejection) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	encoder := json.NewEncoder(f)
	for _, r := range list {
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
	return nil
}
