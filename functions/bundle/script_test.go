package bundle_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"yunduo/functions/bundle"
)

func TestScript_JoinsModules(t *testing.T) {
	files := fstest.MapFS{
		"a/index.js": {Data: []byte("exports.word = require('../b') + require('fs').constants.R_OK")},
		"b/index.js": {Data: []byte("module.exports = 'from b'")},
	}
	text, err := bundle.Script(files, "a/index.js", bundle.ScriptCommonJS, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"from b", `require("fs")`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the script lacks %s: %s", want, text)
		}
	}
	if _, err := bundle.Script(fstest.MapFS{"a.js": {Data: []byte("require('./gone')")}}, "a.js", bundle.ScriptBrowser, "x"); err == nil {
		t.Error("a missing module was not noticed")
	}
}
