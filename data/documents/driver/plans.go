package driver

import (
	"context"
	"slices"
	"sync"
)

// maxPlans is how many different ways to find documents are noted of one request.
const maxPlans = 8

// PlanUse is how the documents of a collection were found.
type PlanUse struct {
	Collection string
	Index      string // the index's name, "_id" for bounds on _id, empty for a scan of the collection
}

// Plans notes how a request finds documents, as far as the engine tells. A nil *Plans notes nothing. It is safe for
// concurrent use.
type Plans struct {
	mu   sync.Mutex
	uses []PlanUse
}

func (p *Plans) note(use PlanUse) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.uses) < maxPlans && !slices.Contains(p.uses, use) {
		p.uses = append(p.uses, use)
	}
}

// Uses returns what was noted.
func (p *Plans) Uses() []PlanUse {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.uses)
}

type plansKey struct{}

// WithPlans returns a context whose operations are noted.
func WithPlans(ctx context.Context, p *Plans) context.Context {
	return context.WithValue(ctx, plansKey{}, p)
}

// PlansOf returns where the context's operations are noted, nil if nowhere.
func PlansOf(ctx context.Context) *Plans {
	p, _ := ctx.Value(plansKey{}).(*Plans)
	return p
}
