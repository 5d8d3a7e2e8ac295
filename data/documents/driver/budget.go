package driver

import (
	"context"
	"sync/atomic"

	"yunduo"
)

// entriesPerDocument is how many index entries count as one document of a budget.
const entriesPerDocument = 10

// Budget is how much the reads of one request may examine, so that no caller can keep the engine busy for others. A
// nil *Budget has no limit. It is safe for concurrent use.
type Budget struct {
	limit int64
	used  atomic.Int64 // in index entries
	plans *Plans
}

// NewBudget allows so many documents to be examined; ten index entries count as one.
func NewBudget(documents int64) *Budget { return &Budget{limit: documents} }

// Noting lets the plans of the reads be noted, too.
func (b *Budget) Noting(p *Plans) *Budget {
	b.plans = p
	return b
}

// Found notes by which index documents of a collection are found.
func (b *Budget) Found(collection, index string) {
	if b != nil && b.plans != nil {
		b.plans.note(PlanUse{Collection: collection, Index: index})
	}
}

// Documents notes that documents of a collection are examined; query_too_expensive beyond the limit.
func (b *Budget) Documents(collection string, n int64) error {
	return b.spend(collection, n*entriesPerDocument)
}

// Entries notes that index entries of a collection are examined; query_too_expensive beyond the limit.
func (b *Budget) Entries(collection string, n int64) error { return b.spend(collection, n) }

func (b *Budget) spend(collection string, entries int64) error {
	if b == nil || b.used.Add(entries) <= b.limit*entriesPerDocument {
		return nil
	}
	return yunduo.Errorf(yunduo.ReasonQueryTooExpensive,
		"the request examines more than %d documents, at last of %q: add an index on the fields that its filter and sort name, or narrow the filter", b.limit, collection)
}

// Examined returns how many documents were examined so far.
func (b *Budget) Examined() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load() / entriesPerDocument
}

type budgetKey struct{}

// WithBudget returns a context whose operations share the budget.
func WithBudget(ctx context.Context, b *Budget) context.Context {
	return context.WithValue(ctx, budgetKey{}, b)
}

// BudgetOf returns the budget of the context's operations, nil if there is none.
func BudgetOf(ctx context.Context) *Budget {
	b, _ := ctx.Value(budgetKey{}).(*Budget)
	return b
}
