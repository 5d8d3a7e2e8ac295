package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"yunduo/data/interchange"
	client "yunduo/sdk/go"
	"yunduo/wire"
)

func dbExport(l language) *cobra.Command {
	var request wire.ExportRequest
	var output, filter string
	cmd := verb("export [COLLECTION]", l.say(dataTexts.exportCmd), cobra.MaximumNArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) (err error) {
		if len(args) == 1 {
			request.Collection = args[0]
		}
		if request.Filter, err = jsonFlag("--filter", filter); err != nil {
			return err
		}
		if output == "" || output == "-" {
			return c.Export(cmd.Context(), request, cmd.OutOrStdout())
		}
		if request.Format == "" {
			request.Format = string(interchange.FormatOf(output))
		}
		request.Gzip = request.Gzip || strings.HasSuffix(output, ".gz")
		if err := exportTo(output, func(w io.Writer) error { return c.Export(cmd.Context(), request, w) }); err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), l.say(dataTexts.exported, output))
		return err
	})
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to this file; default: standard output")
	cmd.Flags().StringVar(&request.Format, "format", "", "jsonl, json, csv, bson or archive; default: told by the file's name, else jsonl, or archive for the whole app")
	cmd.Flags().StringVar(&filter, "filter", "", "only documents that match this filter")
	cmd.Flags().StringSliceVar(&request.Fields, "fields", nil, "the columns of a CSV file; default: every field that is met")
	cmd.Flags().BoolVar(&request.Canonical, "canonical", false, "JSON that keeps every type of number")
	cmd.Flags().BoolVar(&request.Gzip, "gzip", false, "compress")
	return cmd
}

// exportTo writes a file that appears under its name only when it is whole.
func exportTo(name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone once it was renamed
	err = write(f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// progress shows on a terminal how much of a file was read.
type progress struct {
	r     io.Reader
	out   *os.File // nil where nobody looks
	label string
	size  int64
	read  int64
	shown time.Time
}

func newProgress(cmd *cobra.Command, label string, file *os.File) *progress {
	p := &progress{r: file, label: label}
	if info, err := file.Stat(); err == nil {
		p.size = info.Size()
	}
	p.out = terminal(cmd.ErrOrStderr())
	return p
}

// terminal returns the writer if it is a terminal.
func terminal(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return f
		}
	}
	return nil
}

// Read reads and shows the progress a few times a second.
func (p *progress) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.read += int64(n)
	if p.out != nil && p.size > 0 && time.Since(p.shown) > 200*time.Millisecond {
		p.shown = time.Now()
		fmt.Fprintf(p.out, "\r\x1b[K%s: %d %% of %.1f MB", p.label, p.read*100/p.size, float64(p.size)/1e6)
	}
	return n, err
}

func (p *progress) end() {
	if p.out != nil && !p.shown.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
