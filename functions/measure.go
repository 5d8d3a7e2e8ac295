package functions

import (
	"context"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

// measure counts the invocations of a program while a canary runs.
type measure struct {
	mu      sync.Mutex
	calls   int64
	errors  int64
	latency histogram
}

func (m *measure) add(took time.Duration, failed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if failed {
		m.errors++
	}
	m.latency[bucketOf(took)]++
}

// measures are those of a step of a canary on this server.
type measures struct {
	canary      string
	step        int
	stable, new measure
	told        int64 // calls that the other servers know of
}

// measuredRecord is what one server has measured in a step of a canary.
type measuredRecord struct {
	ID     string    `bson:"_id"` // canary/step/server
	Canary string    `bson:"canary"`
	Step   int       `bson:"step"`
	At     time.Time `bson:"at"`
	Stable counted   `bson:"stable"`
	New    counted   `bson:"new"`
}

type counted struct {
	Calls   int64   `bson:"calls"`
	Errors  int64   `bson:"errors"`
	Latency []int64 `bson:"latency"` // as histogram
}

func (m *measure) counted() counted {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := counted{Calls: m.calls, Errors: m.errors, Latency: make([]int64, len(m.latency))}
	for i, n := range m.latency {
		c.Latency[i] = int64(n)
	}
	return c
}

func openMeasured(db *documents.DB) *documents.Records[measuredRecord] {
	return documents.NewRecords[measuredRecord](db, "function_canaries", documents.RecordOptions{Silent: true, Indexes: []driver.Index{
		{Name: "canary", Fields: []driver.IndexField{{Path: "canary"}, {Path: "step"}}},
		{Name: "age", Fields: []driver.IndexField{{Path: "at"}}, ExpireAfter: 2 * canaryPatience},
	}})
}

// observe counts the invocations of a function's versions while a canary of it runs. What runs already is counted with
// the step in which it ends.
func (s *Service) observe(record functionRecord) {
	id := functionID(record.App, record.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	t, m := s.targets[id], s.measures[id]
	if s.closed || !record.Canary.runs() || t == nil || t.next == nil {
		delete(s.measures, id)
		if t != nil {
			for _, p := range t.programs() {
				p.measure.Store(nil)
			}
		}
		return
	}
	if c := record.Canary; m == nil || m.canary != c.ID || m.step != c.Step {
		m = &measures{canary: c.ID, step: c.Step}
		s.measures[id] = m
	}
	t.main.measure.Store(&m.stable)
	t.next.measure.Store(&m.new)
}

// tellMeasured stores what this server has measured since it did so last.
func (s *Service) tellMeasured(ctx context.Context) error {
	s.mu.RLock()
	list := make([]*measures, 0, len(s.measures))
	for _, m := range s.measures {
		list = append(list, m)
	}
	s.mu.RUnlock()
	for _, m := range list {
		r := measuredRecord{Canary: m.canary, Step: m.step, At: s.options.Now().UTC(), Stable: m.stable.counted(), New: m.new.counted()}
		if calls := r.Stable.Calls + r.New.Calls; calls != m.told {
			r.ID = stepID(m.canary, m.step) + s.node
			if err := s.told.Put(ctx, r.ID, r); err != nil {
				return err
			}
			m.told = calls
		}
	}
	return nil
}

func stepID(canary string, step int) string { return canary + "/" + string(rune('a'+step)) + "/" }

// measured sums up what all servers have measured in a step of a canary.
func (s *Service) measured(ctx context.Context, canary string, step int) (stable, version CanaryFigures, err error) {
	found, err := s.told.Find(ctx, bson.D{{Key: "canary", Value: canary}, {Key: "step", Value: step}}, documents.FindOptions{})
	if err != nil {
		return stable, version, err
	}
	sum := func(of func(*measuredRecord) counted) CanaryFigures {
		var f CanaryFigures
		var latency histogram
		for i := range found {
			c := of(&found[i])
			f.Calls += c.Calls
			f.Errors += c.Errors
			for at, n := range c.Latency[:min(len(c.Latency), len(latency))] {
				latency[at] += uint32(n)
			}
		}
		f.P99 = latency.quantile(0.99)
		return f
	}
	return sum(func(r *measuredRecord) counted { return r.Stable }), sum(func(r *measuredRecord) counted { return r.New }), nil
}

// withFigures adds to a running canary what was measured in its step so far.
func (s *Service) withFigures(ctx context.Context, record *functionRecord) error {
	if !record.Canary.runs() {
		return nil
	}
	c := *record.Canary
	var err error
	c.Stable, c.New, err = s.measured(ctx, c.ID, c.Step)
	record.Canary = &c
	return err
}
