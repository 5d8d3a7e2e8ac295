package functions_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
	"yunduo/functions/bundle"
)

// Uploads with odd paths and links are refused whole, or do no harm. Archives are in bundle's tests.
func TestDeploy_HostileUploads(t *testing.T) {
	text, err := os.ReadFile("testdata/uploads.json")
	require.NoError(t, err)
	var cases []struct {
		Name  string
		Files []struct{ Path, Data, Link string }
		// Refused is a part of the message; else Result is what the function gives.
		Refused *string
		Result  string
	}
	require.NoError(t, json.Unmarshal(text, &cases))
	require.NotEmpty(t, cases)
	h := start(t)
	h.deploy(t, "neighbour", returning("unharmed"))
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			var files []bundle.File
			for _, f := range c.Files {
				files = append(files, bundle.File{Path: f.Path, Mode: 0o644, Data: []byte(f.Data), Link: f.Link})
			}
			_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "upload", Files: files})
			if c.Refused != nil {
				require.Contains(t, []yunduo.Reason{yunduo.ReasonInvalidBundle, yunduo.ReasonFunctionLoadFailed}, yunduo.ReasonOf(err), "%v", err)
				require.ErrorContains(t, err, *c.Refused)
			} else {
				require.NoError(t, err)
				require.Equal(t, c.Result, h.call(t, "upload"))
			}
			require.Equal(t, `"unharmed"`, h.call(t, "neighbour"))
		})
	}
	require.NoFileExists(t, "evil.js")
}
