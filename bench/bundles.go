package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"
)

// bundles are functions that bring packages along, and what their first call may take beyond a warm one, in milliseconds.
var bundles = []struct {
	folder string
	target float64
}{{"600k", 30}, {"2200k", 80}}

// firstCallsOfBundles compares the first call of functions with packages with later calls of the same functions. Each is
// deployed under as many names as first calls are wanted, and each of those has code of its own.
func firstCallsOfBundles(ctx context.Context, b *bench) error {
	fmt.Printf("\n## First call of a function with packages\n\n%d functions of each kind, each called once for the first time, then 11 times; %s before each. Load %s.\n\n", b.cold, b.settling, loadAverage())
	fmt.Printf("| packages | size KB | first call ms | warm call ms | first over warm ms | p90 of that | target |\n|---|---|---|---|---|---|---|\n")
	c, err := dial(ctx, b.host)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, kind := range bundles {
		for i := range b.cold {
			if err := b.publishBundle(ctx, kind.folder, i); err != nil {
				return err
			}
		}
		about, err := b.reportOf(ctx, bundleName(kind.folder, 0))
		if err != nil {
			return err
		}
		var first, warm, difference spread
		for i := range b.cold {
			select { // the pool of blank processes fills up again
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(b.settling):
			}
			cold, later, err := b.firstAndWarm(c, bundleName(kind.folder, i), []byte(`{"list":[{"n":3},{"n":1},{"n":2}]}`), `"order":[1,2,3]`)
			if err != nil {
				return err
			}
			first, warm, difference = append(first, cold), append(warm, later), append(difference, cold-later)
		}
		slices.Sort(difference)
		fmt.Printf("| %d | %.0f | %s | %s | %s | %.1f | <= %.0f: %s |\n", len(about.Packages), float64(about.CodeBytes)/1000,
			first.text(1), warm.text(2), difference.text(1), quantile(difference, .9), kind.target, verdict(difference.median(), kind.target, true))
	}
	return nil
}

func bundleName(folder string, i int) string { return fmt.Sprintf("bundle-%s-%03d", folder, i) }

// publishBundle deploys one function of a kind; its packages are installed by the platform, once for all of them.
func (b *bench) publishBundle(ctx context.Context, folder string, i int) error {
	var files []map[string]string
	for _, name := range []string{"index.js", "package.json", "package-lock.json"} {
		text, err := fs.ReadFile(projectFiles, path.Join("project/bundles", folder, name))
		if err != nil {
			return err
		}
		if name == "index.js" {
			text = fmt.Appendf(text, "exports.number = %d\n", i)
		}
		files = append(files, map[string]string{"path": name, "content": base64.StdEncoding.EncodeToString(text)})
	}
	return call(ctx, "PUT", b.URL+"/v1/manage/apps/"+b.App+"/functions/"+bundleName(folder, i), b.APIKey, map[string]any{"files": files}, nil)
}

type bundleReport struct {
	Mode      string
	CodeBytes int64
	Packages  []struct{ Name string }
}

// reportOf returns what a function's live version holds. One that is not a single script would measure something else.
func (b *bench) reportOf(ctx context.Context, name string) (bundleReport, error) {
	var r bundleReport
	if err := b.post(ctx, "/v1/manage/apps/"+b.App+"/functions/"+name+"/report", b.APIKey, struct{}{}, &r); err != nil {
		return r, err
	}
	if r.Mode != "bundled" {
		return r, fmt.Errorf("%s is %s, not bundled", name, r.Mode)
	}
	return r, nil
}

// firstAndWarm calls a function that nobody has called, and then again: the first time and the median of the later ones,
// in milliseconds.
func (b *bench) firstAndWarm(c *connection, name string, body []byte, expected string) (first, warm float64, err error) {
	r := b.function(name, body)
	times := make([]time.Duration, 12)
	for n := range times {
		begun := time.Now()
		if err := c.do(r); err != nil {
			return 0, 0, err
		}
		times[n] = time.Since(begun)
		if !bytes.Contains(c.body, []byte(expected)) {
			return 0, 0, fmt.Errorf("%s: the reply is %.300s", name, c.body)
		}
	}
	later := times[2:]
	slices.Sort(later)
	return microseconds(times[0]) / 1000, microseconds(quantile(later, .5)) / 1000, nil
}
