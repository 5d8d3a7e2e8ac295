package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// killLimit is the time limit of the functions that run into it.
const killLimit = time.Second

// kills are functions that do not end by themselves. Native ones leave V8 no moment to be interrupted in.
var kills = []struct {
	name, code string
	native     bool
}{
	{"busy loop", "while (true);", false},
	{"microtasks", "const again = () => Promise.resolve().then(again)\n  await again()", false},
	{"regular expression", "return /^(a+)+$/.test('a'.repeat(40) + 'b')", false},
	{"JSON", "for (const wide = Array(1e5).fill({ a: [1, 2, 3] });;) JSON.parse(JSON.stringify(wide))", false},
	{"never answers", "await new Promise(() => setInterval(() => {}, 1000))", false},
	{"crypto.pbkdf2Sync", "require('crypto').pbkdf2Sync('x', 'y', 2e9, 64, 'sha512')", true},
	{"crypto.scryptSync", "require('crypto').scryptSync('x', 'y', 64, { N: 2 ** 17, r: 8, p: 2000, maxmem: 2 ** 30 })", true},
	{"zlib.brotliCompressSync", "for (const big = require('crypto').randomBytes(16 << 20);;) require('zlib').brotliCompressSync(big)", true},
}

var placed = regexp.MustCompile(`it was running (index\.js:\d+)`)

// killing measures how long after its time limit the caller of a function that does not end has its error, and looks at
// what the error says.
func killing(ctx context.Context, b *bench) error {
	fmt.Printf("\n## Ends of functions that do not end\n\nTime limit %s, %d calls of each, one after the other, by a caller whose process is warm. Milliseconds from the time limit to the error at the caller. Load %s.\n\n| code | min | median | max | target | names the function and the limit | names the line |\n|---|---|---|---|---|---|---|\n", killLimit, b.rounds, loadAverage())
	for i, k := range kills {
		name := fmt.Sprintf("endless-%d", i)
		code := "exports.main = async event => {\n  if (event.warm) return 'warm'\n  " + k.code + "\n}\n"
		files := []map[string]string{{"path": "index.js", "content": base64.StdEncoding.EncodeToString([]byte(code))}}
		settings := map[string]any{"timeoutSeconds": killLimit.Seconds()}
		if err := call(ctx, "PUT", b.URL+"/v1/manage/apps/"+b.App+"/functions/"+name, b.APIKey, map[string]any{"files": files, "settings": settings}, nil); err != nil {
			return err
		}
		var late spread
		named, located := 0, 0
		for range b.rounds {
			if err := b.post(ctx, "/v1/apps/"+b.App+"/functions/"+name, b.token, map[string]bool{"warm": true}, nil); err != nil {
				return err
			}
			begun := time.Now()
			err := b.post(ctx, "/v1/apps/"+b.App+"/functions/"+name, b.token, struct{}{}, nil)
			late = append(late, microseconds(time.Since(begun)-killLimit)/1000)
			if err == nil || !strings.Contains(err.Error(), `"function_timeout"`) {
				return fmt.Errorf("%s: the call ended with %v", k.name, err)
			}
			if strings.Contains(err.Error(), name+" did not answer within its time limit of 1s") {
				named++
			}
			if at := placed.FindStringSubmatch(err.Error()); at != nil {
				located++
			}
		}
		line := fmt.Sprintf("%d of %d", located, b.rounds)
		if k.native {
			line += " (native code)"
		}
		fmt.Printf("| %s | %.1f | %.1f | %.1f | max <= 50: %s | %d of %d | %s |\n", k.name, slices.Min(late), late.median(), slices.Max(late), verdict(slices.Max(late), 50, true), named, b.rounds, line)
	}
	return burning(ctx, b)
}
