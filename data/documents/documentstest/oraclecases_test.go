package documentstest

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mingoLacks is how mingo refuses what it does not have.
var mingoLacks = regexp.MustCompile(`is not registered|unknown query operator|unregistered pipeline operator|Unknown update operator|unknown top level operator|jsonSchemaValidator`)

// TestCasesByMingo asks mingo about every case with a result, so that what the cases expect has a second opinion.
// Cases in which it is known to differ from MongoDB are listed with the reason in mingo/differences.txt; the list must
// be exact.
func TestCasesByMingo(t *testing.T) {
	groups, err := allCases()
	require.NoError(t, err)
	o := startOracle(t)
	listed := listedDifferences(t)
	agreed, lacking, notAsked := 0, 0, 0
	for _, g := range groups {
		for _, c := range g.cases {
			q := c.question()
			if g.kind == "upsert" || g.by != nil || has(c.update, "") || c.reason != "" || c.skip+c.limit > 0 || !q.known() || !(question{docs: c.want}).known() {
				notAsked++
				continue
			}
			got, err := o.ask(t, q)
			switch {
			case err == nil && same(got, decoded(t, c.want), keepsOrder(c.pipeline)):
				agreed++
				continue
			case err != nil && mingoLacks.MatchString(err.Error()):
				lacking++
				continue
			case listed[c.text]:
				delete(listed, c.text)
				continue
			}
			text, _ := json.Marshal(got)
			t.Errorf("%s\nmingo: %s %v", c, text, err)
		}
	}
	for text := range listed {
		t.Errorf("mingo does not differ in %s", text)
	}
	t.Logf("mingo agrees on %d cases, lacks what %d need, was not asked about %d", agreed, lacking, notAsked)
	require.Greater(t, agreed, 1000)
}

func (c *conformanceCase) question() question {
	q := question{docs: c.group.docs, other: c.group.other, filter: c.filter, sort: c.sort, projection: c.projection, pipeline: c.pipeline, update: c.update, arrayFilters: c.arrayFilters}
	if c.update != nil {
		q.docs = c.docs
	}
	return q
}

// listedDifferences reads the cases of mingo/differences.txt. Other lines than cases are reasons.
func listedDifferences(t *testing.T) map[string]bool {
	content, err := os.ReadFile("mingo/differences.txt")
	require.NoError(t, err)
	listed := map[string]bool{}
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, "[") {
			listed[strings.TrimSpace(line)] = true
		}
	}
	return listed
}
