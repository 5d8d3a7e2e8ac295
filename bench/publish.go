package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// publishes is how often a function is published and saved.
const publishes = 30

// publish measures how long it takes from sending a function of one file, and from saving it in a project that `yunduo
// dev` watches, until a call gets the new answer.
func publish(ctx context.Context, b *bench) error {
	fmt.Printf("\n## From new code to the new answer\n\n%d times each, a function of one file, called every millisecond meanwhile. Load %s.\n\n| | median ms | max ms | target |\n|---|---|---|---|\n", publishes, loadAverage())
	code := func(n int) string { return fmt.Sprintf("exports.main = async () => %d\n", n) }
	deploy := func(n int) error {
		files := []map[string]string{{"path": "index.js", "content": base64.StdEncoding.EncodeToString([]byte(code(n)))}}
		return call(ctx, "PUT", b.URL+"/v1/manage/apps/"+b.App+"/functions/published", b.APIKey, map[string]any{"files": files}, nil)
	}
	folder := filepath.Join(b.project, "cloudfunctions", "saved")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	// As editors do: another file takes the place of the old one, or the old one is written over.
	write := func(n int) error { return os.WriteFile(filepath.Join(folder, "index.js"), []byte(code(n)), 0o644) }
	replace := func(n int) error {
		temp := filepath.Join(b.project, "new.js")
		if err := os.WriteFile(temp, []byte(code(n)), 0o644); err != nil {
			return err
		}
		return os.Rename(temp, filepath.Join(folder, "index.js"))
	}
	last := 0
	for _, way := range []struct {
		what, function string
		change         func(int) error
		target         float64
	}{
		{"publish", "published", deploy, 200}, {"save, written over", "saved", write, 300}, {"save, replaced", "saved", replace, 300},
	} {
		var took []float64
		for n := range publishes + 1 { // the first is there for the function to exist
			last++
			ms, err := b.until(ctx, way.function, last, way.change)
			if err != nil {
				return fmt.Errorf("%s: %w", way.what, err)
			}
			if n > 0 {
				took = append(took, ms)
			}
			select { // an author needs a moment, too
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(b.settling):
			}
		}
		slices.Sort(took)
		fmt.Printf("| %s | %.0f | %.0f | median <= %.0f: %s |\n", way.what, quantile(took, .5), quantile(took, 1), way.target, verdict(quantile(took, .5), way.target, true))
	}
	return nil
}

// until changes a function and calls it until it answers with the number; the figure is milliseconds.
func (b *bench) until(ctx context.Context, function string, number int, change func(int) error) (float64, error) {
	begun := time.Now()
	if err := change(number); err != nil {
		return 0, err
	}
	for {
		var got int
		err := b.post(ctx, "/v1/apps/"+b.App+"/functions/"+function, b.token, struct{}{}, &got)
		if took := time.Since(begun); err == nil && got == number {
			return microseconds(took) / 1000, nil
		} else if took > 30*time.Second {
			return 0, fmt.Errorf("%s answers %d and not %d: %w", function, got, number, err)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}
