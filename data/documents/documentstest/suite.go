// Package documentstest holds what every storage engine for documents must pass: conformance tests by topic, a
// differential test against a naive model, and benchmarks.
package documentstest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/data/documents/driver"
)

// Run runs the suite on an engine. open returns an engine that the test's cleanup closes; tests keep apart by app.
func Run(t *testing.T, open func(t *testing.T) driver.Engine) {
	groups, err := allCases()
	require.NoError(t, err)
	all := &outcomes{failed: map[*conformanceCase]bool{}, passed: map[*conformanceCase]bool{}}
	cases, err := caseTests(groups, all)
	require.NoError(t, err)
	e := open(t)
	for _, topic := range []struct {
		name  string
		tests map[string]func(f *fixture)
	}{
		{"Collections", collectionTests},
		{"Insert", insertTests},
		{"Find", findTests},
		{"Update", updateTests},
		{"Upsert", upsertTests},
		{"Delete", deleteTests},
		{"Count", countTests},
		{"Aggregate", aggregateTests},
		{"Indexes", indexTests},
		{"Equivalence", equivalenceTests},
		{"Partial", partialTests},
		{"Collations", collationTests},
		{"Covered", coveredTests},
		{"Places", placeTests},
		{"Hints", hintTests},
		{"Transactions", transactionTests},
		{"Conflicts", conflictTests},
		{"Histories", historyTests},
		{"Changes", changeTests},
		{"Past", pastTests},
		{"Trash", trashTests},
		{"Concurrency", concurrencyTests},
		{"Model", modelTests},
		{"Cases", cases},
	} {
		t.Run(topic.name, func(t *testing.T) {
			for name, test := range topic.tests {
				t.Run(name, func(t *testing.T) { test(newFixture(t, e)) })
			}
		})
	}
	all.checkPage(t, e, groups)
}
